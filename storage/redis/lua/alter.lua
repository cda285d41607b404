-- Alters a conversation, if what is known of it is what is expected, after history.lua and ending.lua.
-- KEYS: the conversation.
-- ARGV: what is expected to be known, and what is then; how long it lasts from now, and when it ends
--   at the latest; the numbers of the messages that go, in one piece; and messages in the place of
--   those that have the same number.
-- Returns 1 if it did, else 0.
if state ~= ARGV[1] then
  return 0
end

for index = 6, #ARGV do
  local place = place_of((told(ARGV[index])))
  if place then
    call('LSET', key, place, ARGV[index])
  end
end

local gone, places = ARGV[5], {}
local count = #gone / 4
local first = count > 0 and place_of((struct.unpack('<I4', gone)))
if first and last - first + 1 == count then
  call('LTRIM', key, 0, first - 1)
else
  for index = 1, count do
    places[#places + 1] = place_of((struct.unpack('<I4', gone, 4 * index - 3)))
  end
end
for index = 1, #places do
  call('LSET', key, places[index], '\0')
end
if #places > 0 then
  -- They are looked for from the end to which they are nearer.
  call('LREM', key, places[1] > last / 2 and -#places or #places, '\0')
end
call('LSET', key, 0, ARGV[2])
end_it(key, ARGV[3], ARGV[4])
return 1
