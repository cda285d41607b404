-- Reads the ids of some of the sessions of a user, whatever is in them, after dialog_lists.lua.
-- KEYS: the ids of the user's sessions. ARGV: the prefix of all keys, and where the list goes on.
-- Returns where it goes on then, and the ids: of those that are there the user's own, and of the others
-- those that may come back.
local following, ids = unpack(call('SSCAN', KEYS[1], ARGV[2], 'COUNT', AT_ONCE))
local found = {following}
for index = 1, #ids do
  local id = ids[index]
  local session = prefix .. 'session:' .. id
  local owner = redis.pcall('HGET', session, 'userId')
  if owner == user or not owner and call('EXISTS', session) == 0 and not is_off(id) then
    found[#found + 1] = id
  end
end
return found
