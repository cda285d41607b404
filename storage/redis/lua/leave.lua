-- Changes an entry, and then gives its lease back and wakes who is next, or holds it for longer.
-- KEYS: the entry; and unless nobody has to hold it, the lease, the queue by order, and the queue
--   by how long each place is kept.
-- ARGV: who holds the lease, its lifetime from now (0: it is given back), how long a call to wake
--   up is kept, what is expected (these bytes, none, or any), the bytes that are, and unless
--   nothing changes the command that does it with its words after the entry.
-- Returns whether the lease was held, whether the entry was what is expected, and what it is else.
local entry, lease, queue, kept = unpack(KEYS)
if lease and redis.call('GET', lease) ~= ARGV[1] then
  return {0, 0, false}
end
if ARGV[4] ~= 'any' then
  local raw = redis.call('GET', entry)
  if raw ~= (ARGV[4] == 'these' and ARGV[5]) then
    return {1, 0, raw}
  end
end
local released = lease and ARGV[2] == '0'
if released then
  wake_first(lease, queue, kept, ARGV[3])
end
-- From here on nothing is looked for that may be missing: that can end a script while a slot is
-- moved, and either all is done or nothing.
if ARGV[6] then
  redis.call(ARGV[6], entry, unpack(ARGV, 7))
end
if released then
  redis.call('DEL', lease)
elseif lease then
  redis.call('PEXPIRE', lease, ARGV[2])
end
return {1, 1, false}
