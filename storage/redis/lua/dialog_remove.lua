-- Takes a session away, with what belongs to it, after dialog_gone.lua.
-- KEYS: the session. ARGV: the prefix of all keys, and by when its time has to be over, or nothing.
-- Returns 0 where it did not, else 1, and 2 where there are more messages; or 3 where it may come back
-- at once.
local session, by = KEYS[1], tonumber(ARGV[2])
local head = call('HMGET', session, 'expiresAt', 'userId')
if call('EXISTS', session) == 0 then
  return is_away(session) and 3 or 0
elseif by then
  local ends = moment(head[1])
  if not ends or ends > math.min(by, now) then
    return 0
  end
end
-- What somebody else calls like something of it does not keep it from going.
if head[2] then
  redis.pcall('SREM', index_of(head[2]), id_of(session))
  redis.pcall('HDEL', index_of(head[2]) .. ':state', id_of(session))
end
local state = session .. ':messages:state'
local ends = call('PTTL', session .. ':messages')
call('UNLINK', session, session .. ':seq', state)
local rest = tried(function()
  return select(3, pop(session))
end)
if not rest or rest == 0 then
  return 1
end
-- It is certain that this one does not come back.
call('HSET', state, 'gone', 0)
if ends >= 0 then
  call('PEXPIRE', state, ends)
end
return 2
