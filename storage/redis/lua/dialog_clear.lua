-- Takes messages away that are not those of their session any more, after dialog_gone.lua.
-- KEYS: the session, and the list of them. ARGV: the prefix of all keys.
-- Returns 1 where there is more to do, else 0.
local rest = tried(function()
  return select(3, pop(KEYS[1], KEYS[2]))
end)
return rest and rest > 0 and 1 or 0
