-- For scripts about leases, after now.lua: who has one, and who is next.

-- Who is the first in the queue, once those are out of it whose places are over, and which moment
-- it is. Mostly there is no queue.
local function first_in(queue, kept)
  if redis.call('EXISTS', queue) == 0 then
    return nil
  end
  local now = now_ms()
  for _, over in ipairs(redis.call('ZRANGEBYSCORE', kept, '-inf', now)) do
    redis.call('ZREM', queue, over)
    redis.call('ZREM', kept, over)
  end
  local first = redis.call('ZRANGE', queue, 0, 0)[1]
  while first and not redis.call('ZSCORE', kept, first) do
    redis.call('ZREM', queue, first)
    first = redis.call('ZRANGE', queue, 0, 0)[1]
  end
  return first, now
end

-- Keeps a place in the queue: the one that is there, or the last. Says which it is.
local function stand(queue, kept, token, patience, now)
  local place = redis.call('ZSCORE', queue, token)
  if not place then
    place = (redis.call('ZREVRANGE', queue, 0, 0, 'WITHSCORES')[2] or 0) + 1
    redis.call('ZADD', queue, place, token)
  end
  redis.call('ZADD', kept, now + patience, token)
  for _, key in ipairs({queue, kept}) do
    redis.call('PEXPIRE', key, math.max(patience, redis.call('PTTL', key)))
  end
  return tonumber(place)
end

-- What acquire.lua does.
local function acquire(lease, queue, kept, token, ttl, patience)
  local holder = redis.call('GET', lease)
  if holder == token then
    redis.call('PEXPIRE', lease, ttl)
    return 1, 0, 0
  end
  local first, now = first_in(queue, kept)
  if not holder and (not first or first == token) then
    redis.call('SET', lease, token, 'PX', ttl)
    if first then
      redis.call('ZREM', queue, token)
      redis.call('ZREM', kept, token)
      redis.call('DEL', lease .. ':wake:' .. token)
    end
    return 1, 0, 0
  end
  local place = 0
  if patience > 0 then
    place = stand(queue, kept, token, patience, now or now_ms())
  end
  if holder then
    return 0, redis.call('PTTL', lease), place
  end
  return 0, redis.call('ZSCORE', kept, first) - now, place
end

-- Wakes who is the first in the queue, whose call is kept for so long.
local function wake_first(lease, queue, kept, called)
  local first = first_in(queue, kept)
  if first then
    local wake = lease .. ':wake:' .. first
    redis.call('DEL', wake)
    redis.call('LPUSH', wake, 1)
    redis.call('PEXPIRE', wake, called)
  end
end
