-- When an entry ends.
-- KEYS: the entry.
-- Returns milliseconds since 1970, -1 for never, -2 where there is no entry.
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  return left
end
local ends = redis.pcall('PEXPIRETIME', KEYS[1])
if type(ends) == 'number' then
  return ends
end
-- Before Redis 7 there is no such command, and a script sees one time from its first line on.
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000) + left
