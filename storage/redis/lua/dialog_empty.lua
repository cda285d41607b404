-- Takes all messages of a session away, after dialog_terms.lua and dialog_gone.lua. Where there are many,
-- the list of them is called something else first, and cleared away after that.
-- KEYS: the session.
-- ARGV: the prefix of all keys; how long the session lasts from now, and until when from now it
--   goes on, or nothing.
-- Returns `done`, what is still to be renewed, how many there were, and what is still to be cleared away
--   or nothing; or `missing`, or `stale` where the messages have to be counted first.
local session, ttl = KEYS[1], ARGV[2]
local head = head_of(session)
if not head then
  return {is_away(session) and 'away' or 'missing', '', ''}
end
local one = known(session, head[3], head[4])
if not settle(one) then
  return {'stale'}
end
local count, list = one.messages, session .. ':messages'
if one.members > AT_ONCE then
  local there = list
  list = list .. ':gone:' .. string.format('%.0f', now)
  while call('EXISTS', list) == 1 do
    list = list .. '+'
  end
  call('RENAME', there, list)
end
local _, _, rest = pop(session, list)
stir(one, ARGV[3], over(head[1], head[2]))
one.members, one.messages, one.tokens, one.compression = 0, 0, 0, ''
lasting(one, ttl)
if one.order == '' then
  one.last = ''
end
stay(one, ttl, head[5])
return {'done', more, count, rest > 0 and list or ''}
