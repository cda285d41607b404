-- Reads sessions, and what is known of their messages, after dialog_seen.lua.
-- KEYS: the sessions. ARGV: the prefix of all keys, and whether what is none is left out.
-- Returns of each its fields, how many messages it has and what they count (-1 where that takes more
-- than one step to know), the state of its compression, and its id; or nothing where it is not there,
-- and 0 where it may come back at once.
local found = {}
for index = 1, #KEYS do
  local session = KEYS[index]
  if ARGV[2] == '1' then
    found[index] = tried(look, session) or false
  else
    found[index] = look(session) or is_away(session) and 0
  end
end
return found
