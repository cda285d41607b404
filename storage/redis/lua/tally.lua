-- Counts a hit in a record of how many came in a window, where it is written plainly.
-- KEYS: the record. ARGV: how it calls the count and the end, how many may come, the length of a
--   window in milliseconds, 1 if what is refused is counted too, which moment it is (empty: the
--   server tells).
-- Returns whether the hit passes, the count, the end and the moment; or -1, the bytes of what is
--   written otherwise, and the moment.
local raw = redis.call('GET', KEYS[1])
local now = ARGV[6] == '' and now_ms() or tonumber(ARGV[6])
local count, ends = 0, 0
if raw then
  local some, moment = raw:match('^{"' .. ARGV[1] .. '":(%d+),"' .. ARGV[2] .. '":(%d+)}$')
  if not some or #some > 15 or #moment > 15 or some:match('^0.') or moment:match('^0.') then
    return {-1, raw, now}
  end
  count, ends = tonumber(some), tonumber(moment)
end
if not raw or now >= ends then
  count, ends = 0, now + tonumber(ARGV[4])
end
local passes = count < tonumber(ARGV[3])
if passes or ARGV[5] == '1' then
  count = count + 1
  local text = string.format('{"%s":%.0f,"%s":%.0f}', ARGV[1], count, ARGV[2], ends)
  redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', ends - now))
end
return {passes and 1 or 0, count, ends, now}
