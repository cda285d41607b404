-- Alters a conversation, if what is known of it is what is expected and so are the messages that are
-- written anew, after history.lua and ending.lua.
-- KEYS: the conversation.
-- ARGV: what is expected to be known, and what is then; how long it lasts from now, and when it ends
--   at the latest; the numbers of the messages that go, in one piece; and each message that is
--   expected, and then the one in its place, which has the same number.
-- Returns 1 if it did, else 0.
if state ~= ARGV[1] then
  return 0
end

local places = {}
for index = 6, #ARGV, 2 do
  local place, one = place_of((told(ARGV[index + 1])))
  if one ~= ARGV[index] then
    return 0
  end
  places[index + 1] = place
end
for index = 7, #ARGV, 2 do
  call('LSET', key, places[index], ARGV[index])
end

local gone = ARGV[5]
places = {}
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
