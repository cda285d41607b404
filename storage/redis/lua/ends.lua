-- When entries end.
-- KEYS: the entries.
-- Returns for each: milliseconds since 1970, -1 for never, -2 where there is no entry.
local ends = {}
local now = nil
for index, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left < 0 then
    ends[index] = left
  elseif now then
    ends[index] = now + left
  else
    local at = redis.pcall('PEXPIRETIME', key)
    if type(at) ~= 'number' then
      -- Before Redis 7 there is no such command, and a script sees one time from its first line on.
      now = now_ms()
      at = now + left
    end
    ends[index] = at
  end
end
return ends
