-- Adds a message to a session, after dialog_terms.lua.
-- KEYS: the session.
-- ARGV: the prefix of all keys; how long the session lasts from now, and until when from now it goes on, or
--   nothing; how many tokens there may be where it has no budget, or nothing; the id of the message,
--   and its `tokenCount`; then its fields, each with its text.
-- Returns `done`, until when there is more to renew, its number, and when it was made where that is not
--   told; or `repeated` and the message that is there; or `closed` and how the session stands; or `full`,
--   the tokens there are, and those that there may be; or `missing`, `taken`, or `stale` where the
--   messages have to be counted first.
local session, ttl, id, cost = KEYS[1], ARGV[2], ARGV[5], tokens_of(ARGV[6])
local messages, key = session .. ':messages', message_of(id)
local head = head_of(session)
if not head then
  return {'missing'}
end
local holder = call('HGET', key, 'sessionId')
if holder then
  local other = prefix .. 'session:' .. holder
  if other == session and call('ZSCORE', messages, id) then
    return {'repeated', '', kept_of(key)}
  elseif call('EXISTS', other) == 1 and call('ZSCORE', other .. ':messages', id) then
    return {'taken'}
  end
elseif call('EXISTS', key) == 1 then
  return {'taken'}
end
local status = over(head[1], head[2]) or head[1] == 'paused' and 'paused'
if status then
  return {'closed', '', status}
end
local one = known(session, head[3], head[4])
if not settle(one) then
  return {'stale'}
end

-- A number that a budget tells.
local function told(number)
  if type(number) == 'number' and math.abs(number) < 1e15 then
    return number < 0 and math.ceil(number) or floor(number)
  end
end
local most = tonumber(ARGV[4])
local is_read, budget = false, nil
if head[6] and string.find(head[6], '^%s*{') then
  is_read, budget = pcall(cjson.decode, head[6])
end
if is_read then
  local is_strict = budget.overflowStrategy == 'error'
  local max = is_strict and told(budget.maxTokens)
  if max then
    most = math.max(0, max - (told(budget.reserveTokens) or 0))
  elseif not is_strict then
    most = nil
  end
end
if most and one.tokens + cost > most then
  return {'full', '', one.tokens, most}
end

-- It comes after all that are there, and before all that others add: they take the number that follows,
-- or, in the older layout, the time.
local last = call('ZRANGE', messages, -1, -1, 'WITHSCORES')
local highest = math.max(floor(tonumber(one.seq) or 0), floor(tonumber(last[2]) or 0))
local number, made = highest + 1, now
local since = last[1] and moment(call('HGET', message_of(last[1]), 'createdAt'))
if since and since > made then
  made = since
end
if highest >= 1e11 then
  number = math.max(number, now)
  local other = call('ZREVRANGEBYSCORE', messages, '(100000000000', '-inf', 'LIMIT', 0, 1)
  since = other[1] and moment(call('HGET', message_of(other[1]), 'createdAt'))
  if since and since > made then
    made = since
  end
end
made = iso(made)
if holder then
  call('DEL', key)
end
call('HSET', key, 'sessionId', string.sub(session, #prefix + 9), 'sequence', number, 'createdAt', made, unpack(ARGV, 7))
call('ZADD', messages, number, id)
call('SET', session .. ':seq', number, 'KEEPTTL')
stir(one, ARGV[3])
lasting(one, ttl)
if one.deadline < NEVER then
  call('PEXPIREAT', key, one.deadline)
  if one.members == 0 or one.seq == '' then
    call('PEXPIREAT', messages, one.deadline)
    call('PEXPIREAT', session .. ':seq', one.deadline)
  end
end
one.members, one.messages, one.tokens = one.members + 1, one.messages + 1, one.tokens + cost
one.seq, one.compression = string.format('%.0f', number), ''
stay(one, ttl, head[5])
return {'done', more, one.seq, made}
