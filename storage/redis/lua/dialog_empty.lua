-- Takes the first messages of a session away, after dialog_terms.lua and dialog_gone.lua.
-- KEYS: the session.
-- ARGV: the prefix of all keys; how long the session lasts from now, and until when from now it
--   goes on, or nothing.
-- Returns `done`, what is still to be renewed, how many it took away, and how many places are left;
--   or `missing`, or `stale` where the messages have to be counted first.
local session, ttl = KEYS[1], ARGV[2]
local head = head_of(session)
if not head then
  return {'missing'}
end
local one = known(session, head[3], head[4])
if not settle(one) then
  return {'stale'}
end
local gone, tokens, rest = pop(session)
stir(one, ARGV[3], over(head[1], head[2]))
lasting(one, ttl)
-- What goes next is not renewed before.
one.renews = one.renews and rest == 0
one.members, one.messages = rest, one.messages - gone
one.tokens, one.compression = one.tokens - tokens, ''
if one.order == '' then
  one.last = ''
end
stay(one, ttl, head[5])
return {'done', more, gone, rest}
