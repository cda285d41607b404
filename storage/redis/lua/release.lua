-- Gives up a lease or a place in its queue, and wakes who is next if the lease is free.
-- KEYS: the lease, the queue by order, the queue by how long each place is kept.
-- ARGV: who gives it up, how long a call to wake up is kept.
-- Returns 1 if the lease was held, else 0.
local lease, queue, kept = unpack(KEYS)
local holder = redis.call('GET', lease)
local ours = holder == ARGV[1]
redis.call('ZREM', queue, ARGV[1])
redis.call('ZREM', kept, ARGV[1])
redis.call('DEL', lease .. ':wake:' .. ARGV[1])
if holder and not ours then
  return 0
end
wake_first(lease, queue, kept, ARGV[2])
-- At the very end: while a slot is moved, what is not there any more can end a script before it.
if ours then
  redis.call('DEL', lease)
end
return ours and 1 or 0
