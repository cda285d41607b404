-- Reads sessions, and what is known of their messages, after dialog_seen.lua.
-- KEYS: the sessions. ARGV: the prefix of all keys, and whether what is none is left out.
-- Returns of each its fields, how many messages it has and what they count (-1 where that takes more
-- than one step to know), the state of its compression, and its id; or nothing where it is not there.
local found = {}
for index = 1, #KEYS do
  local session = KEYS[index]
  found[index] = look(session, ARGV[2] == '1')
end
return found
