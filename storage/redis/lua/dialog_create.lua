-- Keeps a new session, after dialog_terms.lua and dialog_gone.lua.
-- KEYS: the session.
-- ARGV: the prefix of all keys; how long it lasts from now, and until when from now it goes on, in
--   milliseconds, or nothing; then its fields, each with its text.
-- Returns what is kept then; or `taken` where there is one, or `rest` where something is left of one
--   before, of which this was not all.
local session = KEYS[1]
if call('EXISTS', session) == 1 then
  return {'taken'}
end
for index = 4, #ARGV, 2 do
  check_list(ARGV[index] == 'userId' and ARGV[index + 1])
end
call('GET', session .. ':seq')
local _, _, rest = pop(session)
if rest > 0 then
  return {'rest'}
end
call('DEL', session .. ':seq', session .. ':messages:state')
local stamp = iso(now)
call('HSET', session, 'createdAt', stamp, 'lastActivityAt', stamp, 'version', '1')
if ARGV[3] ~= '' then
  call('HSET', session, 'expiresAt', iso(now + ARGV[3]))
end
call('HSET', session, unpack(ARGV, 4))
local head = head_of(session)
local one = known(session, head[3], head[4])
one.lasts, one.is_ours = NEVER, true
lasting(one, ARGV[2])
stay(one, ARGV[2], head[5])
return {'done', more, shown(call('HGETALL', session)), 0, 0, ''}
