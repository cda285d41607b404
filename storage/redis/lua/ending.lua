-- For scripts about conversations: lets one end so many milliseconds from now, and at that moment at
-- the latest; both are empty where that is not said, and then it ends as it did.
local function end_it(key, ttl, latest)
  local ends = tonumber(latest) or math.huge
  if ttl ~= '' then
    ends = math.min(ends, now_ms() + ttl)
  end
  if ends < math.huge then
    redis.call('PEXPIREAT', key, string.format('%.0f', ends))
  end
end
