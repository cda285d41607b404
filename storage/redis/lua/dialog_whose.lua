-- Finds those sessions that say that they are of a user, after dialog.lua.
-- KEYS: the sessions. ARGV: the prefix of all keys, and the user.
-- Returns their ids.
local found = {}
for index = 1, #KEYS do
  if redis.pcall('HGET', KEYS[index], 'userId') == ARGV[2] then
    found[#found + 1] = id_of(KEYS[index])
  end
end
return found
