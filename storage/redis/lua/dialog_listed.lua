-- Reads some of the sessions of a user, after dialog_seen.lua and dialog_gone.lua. Those that have been
-- gone for long are taken off the list.
-- KEYS: the ids of the user's sessions. ARGV: the prefix of all keys, and where the list goes on.
-- Returns where it goes on then; and of each session what dialog_look.lua does.
local following, ids = unpack(call('SSCAN', KEYS[1], ARGV[2], 'COUNT', 200))
local found = {following}
for index = 1, #ids do
  local session = prefix .. 'session:' .. ids[index]
  local one = look(session, true)
  if one then
    found[#found + 1] = one
  elseif call('EXISTS', session) == 0 and is_gone(session) then
    call('SREM', KEYS[1], ids[index])
  end
end
return found
