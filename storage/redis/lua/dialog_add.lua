-- Adds a message to a session, after dialog_budget.lua and dialog_terms.lua.
-- KEYS: the session.
-- ARGV: the prefix of all keys; how long the session lasts from now, and until when from now it
--   goes on, or nothing; how many tokens there may be where it has no budget, or nothing; the id of
--   the message, its `tokenCount`, and its `createdAt` after a `=` where that is told; then its
--   fields, each with its text.
-- Returns `done`, what is still to be renewed, its number, and when it was made where that is not
--   told; or `repeated` and the message that is there; or `closed` and how the session stands; or
--   `full`, the tokens there are, and those that there may be; or `missing`, `taken`, or `stale`
--   where the messages have to be counted first.
local session, ttl, id, cost = KEYS[1], ARGV[2], ARGV[5], tokens_of(ARGV[6])
local messages, key = session .. ':messages', message_of(id)
local head = head_of(session)
if not head then
  return {is_away(session) and 'away' or 'missing', '', ''}
end
local is_left = call('HLEN', key) > 0
if is_left then
  local holder = call('HGET', key, 'sessionId')
  if not holder then
    return {'taken'}
  end
  local other = prefix .. 'session:' .. holder
  if call('EXISTS', other) == 1 and call('ZSCORE', other .. ':messages', id) then
    if other == session then
      return {'repeated', '', kept_of(id)}
    end
    return {'taken'}
  end
end
local status = over(head[1], head[2]) or head[1] == 'paused' and 'paused'
if status then
  return {'closed', '', status}
end
local one = known(session, head[3], head[4])
if not settle(one) then
  return {'stale'}
end

local most = most_of(head[6], tonumber(ARGV[4]))
if most and one.tokens + cost > most then
  return {'full', '', one.tokens, most}
end

-- It comes after all that are there, and before all that others add: they take the number that follows,
-- or, in the older layout, the time. It is never made before the last one. A session of the older layout
-- has no version before it has messages, and gets no counter: the library that wrote it stumbles over that.
local is_older = one.seq == '' and (one.order ~= '' or one.members == 0 and not head[3])
local highest, made = floor(tonumber(one.seq) or 0), now
if one.last == '' or one.order ~= '' then
  local last = call('ZRANGE', messages, -1, -1, 'WITHSCORES')
  highest = math.max(highest, floor(tonumber(last[2]) or 0))
  if one.last == '' and last[1] then
    made = math.max(made, moment(call('HGET', message_of(last[1]), 'createdAt')) or 0)
  end
end
if one.last ~= '' then
  made = math.max(made, tonumber(one.last))
end
local is_timed = is_older or highest >= 1e11
local number = string.format('%.0f', is_timed and math.max(highest + 1, now) or highest + 1)
local stamp = iso(made)
if is_left then
  call('DEL', key)
end
call('HSET', key, 'sessionId', id_of(session), 'sequence', number, 'createdAt', stamp, unpack(ARGV, 8))
call('ZADD', messages, number, id)
if not is_older then
  call('SET', session .. ':seq', number, 'KEEPTTL')
end
stir(one, ARGV[3], nil, made == now and stamp or nil)
lasting(one, ttl)
if one.deadline < NEVER and not one.renews then
  call('PEXPIREAT', key, one.deadline)
  if one.members == 0 or one.seq == '' then
    call('PEXPIREAT', messages, one.deadline)
    call('PEXPIREAT', session .. ':seq', one.deadline)
  end
end
one.members, one.messages, one.tokens = one.members + 1, one.messages + 1, one.tokens + cost
local is_short = one.is_known and one.compression == '' and one.order == ''
one.seq, one.compression = is_older and '' or number, ''
if is_older and one.order == '' then
  one.order = 'made'
end
local since = ARGV[7] == '' and made or moment(string.sub(ARGV[7], 2)) or -9007199254740992
if one.order ~= '' and one.last ~= '' and since < tonumber(one.last) then
  one.order, since = 'mixed', tonumber(one.last)
end
one.last = string.format('%.0f', since)
stay(one, ttl, head[5], is_short)
return {'done', more, number, stamp}
