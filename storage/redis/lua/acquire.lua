-- Takes a lease if it is free and nobody is ahead in the queue, or stands in the queue.
-- KEYS: the lease, the queue by order, the queue by how long each place is kept.
-- ARGV: who asks, the lifetime of the lease, how long the place is kept (0: there is none).
-- Returns whether it is held now, and the milliseconds until that may change by itself.
local lease, queue, kept = KEYS[1], KEYS[2], KEYS[3]
local token, ttl, patience = ARGV[1], ARGV[2], tonumber(ARGV[3])
local holder = redis.call('GET', lease)
if holder == token then
  redis.call('PEXPIRE', lease, ttl)
  return {1, 0}
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
if not holder and (not first or first == token) then
  redis.call('SET', lease, token, 'PX', ttl)
  redis.call('ZREM', queue, token)
  redis.call('ZREM', kept, token)
  redis.call('DEL', lease .. ':wake:' .. token)
  return {1, 0}
end
if patience > 0 then
  if not redis.call('ZSCORE', queue, token) then
    local last = redis.call('ZREVRANGE', queue, 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', queue, (last or 0) + 1, token)
  end
  redis.call('ZADD', kept, now + patience, token)
  for _, key in ipairs({queue, kept}) do
    redis.call('PEXPIRE', key, math.max(patience, redis.call('PTTL', key)))
  end
end
if holder then
  return {0, redis.call('PTTL', lease)}
end
return {0, redis.call('ZSCORE', kept, first) - now}
