-- Takes a session away, with what belongs to it, after dialog_gone.lua.
-- KEYS: the session. ARGV: the prefix of all keys, and by when its time has to be over, or nothing.
-- Returns 0 where it did not, else 1, and 2 where there are more messages.
local session, by = KEYS[1], tonumber(ARGV[2])
local head = call('HMGET', session, 'expiresAt', 'userId')
if call('EXISTS', session) == 0 then
  return 0
elseif by then
  local ends = moment(head[1])
  if not ends or ends > math.min(by, now) then
    return 0
  end
end
if head[2] then
  call('SREM', prefix .. 'user:' .. head[2] .. ':sessions', id_of(session))
end
local state = session .. ':messages:state'
local ends = call('PTTL', session .. ':messages')
call('UNLINK', session, session .. ':seq', state)
local _, _, rest = pop(session)
if rest == 0 then
  return 1
end
-- It is certain that this one does not come back.
call('HSET', state, 'gone', 0)
if ends >= 0 then
  call('PEXPIRE', state, ends)
end
return 2
