-- Adds to an integer, within the bounds of what every reader of JSON reads exactly.
-- KEYS: the entry.
-- ARGV: what is added, the least and the greatest integer that it can be added to, the sum where
--   there is no entry yet (empty: there is none within the bounds), the lifetime's kind
--   (KEEPTTL, KEEP, PX, PXAT or empty) and its milliseconds.
-- Returns the sum; -1 in a list where no integer is there, -2 in a list for a sum out of bounds.
local key, kind, ms = KEYS[1], ARGV[5], ARGV[6]
local before = redis.call('GET', key)
local sum
if not before then
  if ARGV[4] == '' then
    return {-2}
  end
  redis.call('SET', key, ARGV[4])
  sum = tonumber(ARGV[4])
  kind = kind == 'KEEP' and 'PX' or kind
else
  if not (before == '0' or before:match('^%-?[1-9]%d*$')) or #before > 20 then
    return {-1}
  end
  local number = tonumber(before)
  if number < tonumber(ARGV[2]) or number > tonumber(ARGV[3]) then
    return {-2}
  end
  sum = redis.call('INCRBY', key, ARGV[1])
end
if kind == 'PX' then
  redis.call('PEXPIRE', key, ms)
elseif kind == 'PXAT' then
  redis.call('PEXPIREAT', key, ms)
elseif kind == '' then
  redis.call('PERSIST', key)
end
return sum
