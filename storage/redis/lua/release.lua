-- Gives up a lease or a place in its queue, and wakes who is next if the lease is free.
-- KEYS: the lease, the queue by order, the queue by how long each place is kept.
-- ARGV: who gives it up, how long a call to wake up is kept.
-- Returns 1 if the lease was held, else 0.
local lease, queue, kept = KEYS[1], KEYS[2], KEYS[3]
local holder = redis.call('GET', lease)
local ours = holder == ARGV[1]
redis.call('ZREM', queue, ARGV[1])
redis.call('ZREM', kept, ARGV[1])
redis.call('DEL', lease .. ':wake:' .. ARGV[1])
if holder and not ours then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, over in ipairs(redis.call('ZRANGEBYSCORE', kept, '-inf', now)) do
  redis.call('ZREM', queue, over)
  redis.call('ZREM', kept, over)
end
local first = redis.call('ZRANGE', queue, 0, 0)[1]
while first and not redis.call('ZSCORE', kept, first) do
  redis.call('ZREM', queue, first)
  first = redis.call('ZRANGE', queue, 0, 0)[1]
end
if first then
  local wake = lease .. ':wake:' .. first
  redis.call('DEL', wake)
  redis.call('LPUSH', wake, 1)
  redis.call('PEXPIRE', wake, ARGV[2])
end
-- At the very end: while a slot is moved, what is not there any more can end a script before it.
if ours then
  redis.call('DEL', lease)
end
return ours and 1 or 0
