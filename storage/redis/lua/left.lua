-- How long entries last.
-- KEYS: the entries.
-- Returns for each: milliseconds, -1 for ever, -2 where there is no entry.
local left = {}
for index, key in ipairs(KEYS) do
  left[index] = redis.call('PTTL', key)
end
return left
