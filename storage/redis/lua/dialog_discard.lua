-- Takes a message away, after dialog_terms.lua.
-- KEYS: the session.
-- ARGV: the prefix of all keys; how long the session lasts from now, and until when from now it
--   goes on, or nothing; and the id of the message.
-- Returns `done`, what is still to be renewed, and the message; or `missing` and how the session
--   stands if it is there, or `stale` where the messages have to be counted first.
local session, ttl, id = KEYS[1], ARGV[2], ARGV[4]
local key = message_of(id)
local head = head_of(session)
local holder = call('HGET', key, 'sessionId')
if not head or holder ~= id_of(session) or not call('ZSCORE', session .. ':messages', id) then
  local is_back = not head and is_away(session)
  return {is_back and 'away' or 'missing', '', head and (head[1] or 'active') or ''}
end
local one = known(session, head[3], head[4])
doubt(one)
if not settle(one) then
  return {'stale'}
end
local message = kept_of(id)
call('ZREM', session .. ':messages', id)
call('UNLINK', key)
stir(one, ARGV[3], over(head[1], head[2]))
lasting(one, ttl)
one.members, one.messages = one.members - 1, math.max(0, one.messages - 1)
one.tokens, one.compression = math.max(0, one.tokens - tokens_of(message[4])), ''
if one.order == '' then
  one.last = ''
end
stay(one, ttl, head[5])
return {'done', more, message}
