-- Puts one value in the place of another, if that is what is there.
-- KEYS: the entry. ARGV: the bytes that are expected, the new ones, the options of SET.
-- Returns 1 if it did, and else what is there.
local raw = redis.call('GET', KEYS[1])
if raw ~= ARGV[1] then
  return raw
end
redis.call('SET', KEYS[1], ARGV[2], unpack(ARGV, 3))
return 1
