-- Looks at how conversations stand.
-- KEYS: the conversations.
-- Returns for each what is known of it (nothing where there is none) and when it ends: milliseconds
--   since 1970, or -1 for never; or -2 and the number of one that is none.
local found, now = {}, now_ms()
for number = 1, #KEYS do
  local key = KEYS[number]
  local state = redis.pcall('LINDEX', key, 0)
  if type(state) == 'table' then
    if string.find(state.err, 'WRONGTYPE', 1, true) then
      return {-2, number}
    end
    return state
  end
  local left = redis.call('PTTL', key)
  found[2 * number - 1] = state
  found[2 * number] = left < 0 and -1 or now + left
end
return found
