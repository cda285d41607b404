-- Reads some of the sessions of a user, after dialog_seen.lua and dialog_lists.lua. Those that are gone
-- for certain, or have been for long, are taken off the list.
-- KEYS: the ids of the user's sessions. ARGV: the prefix of all keys, and where the list goes on.
-- Returns where it goes on then; and of each session what dialog_look.lua does.
local following, ids = unpack(call('SSCAN', KEYS[1], ARGV[2], 'COUNT', 200))
local found = {following}
for index = 1, #ids do
  local id = ids[index]
  local session = prefix .. 'session:' .. id
  local one = tried(look, session)
  if one then
    if is_on(id, one.user, one.is_ours) then
      found[#found + 1] = one
    end
  elseif call('EXISTS', session) == 0 then
    is_off(id)
  end
end
return found
