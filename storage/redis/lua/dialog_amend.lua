-- Changes fields of a message, after dialog_terms.lua.
-- KEYS: the session.
-- ARGV: the prefix of all keys; how long the session lasts from now, and until when from now it
--   goes on, or nothing; the id of the message; how many words follow that are fields with their
--   texts, and how many that are those that are expected; these; and the fields that go.
-- Returns `done`, what is still to be renewed, and the message; or `closed` and how the session
--   stands; or `conflict` where another text is there, an empty one being none; or `missing` and how
--   it stands if it is there, or `stale` where the messages have to be counted first.
local session, ttl, id = KEYS[1], ARGV[2], ARGV[4]
local key = message_of(id)
local head = head_of(session)
local before = head and call('HMGET', key, 'sessionId', 'tokenCount')
if not head or before[1] ~= id_of(session) or not call('ZSCORE', session .. ':messages', id) then
  local is_back = not head and is_away(session)
  return {is_back and 'away' or 'missing', '', head and (head[1] or 'active') or ''}
end
local status = over(head[1], head[2])
if status then
  return {'closed', '', status}
end
local put = 6 + ARGV[5]
local last = put + ARGV[6]
for index = put + 1, last, 2 do
  if (call('HGET', key, ARGV[index]) or '') ~= ARGV[index + 1] then
    return {'conflict', '', head[1] or 'active'}
  end
end
local one = known(session, head[3], head[4])
doubt(one)
if not settle(one) then
  return {'stale'}
end
if put > 6 then
  call('HSET', key, unpack(ARGV, 7, put))
end
if #ARGV > last then
  call('HDEL', key, unpack(ARGV, last + 1))
end
call('HSET', key, 'updatedAt', iso(now))
stir(one, ARGV[3])
lasting(one, ttl)
local message = kept_of(id)
one.tokens = math.max(0, one.tokens - tokens_of(before[2])) + tokens_of(message[4])
one.compression = ''
if one.order == '' then
  one.last = ''
end
stay(one, ttl, head[5])
return {'done', more, message}
