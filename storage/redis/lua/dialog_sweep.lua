-- Clears up behind a session that has been gone for long, after dialog_gone.lua.
-- KEYS: the session. ARGV: the prefix of all keys.
-- Returns 1 where there is more to do, else 0.
local session = KEYS[1]
-- Somebody else may call something like it that is of another kind.
local is_other = type(redis.pcall('ZCARD', session .. ':messages')) ~= 'number'
if is_other or call('EXISTS', session) == 1 or not is_gone(session) then
  return 0
end
local _, _, rest = pop(session)
if rest > 0 then
  return 1
end
call('UNLINK', session .. ':seq', session .. ':messages:state')
return 0
