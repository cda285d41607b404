-- For dialog_add.lua, after iso.lua and dialog_budget.lua and before all else: adds a message as it
-- does, where nothing needs more thought than this: what most steps would be made of is never made
-- then.
-- All that is decided here is decided before anything is written but the counter.
-- Returns the number of the message and when it was made, with a space between.
do
  local call, session, ttl, id = redis.call, KEYS[1], ARGV[2], ARGV[5]
  local messages = session .. ':messages'
  local time = call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local head = call(
    'HMGET', session, 'status', 'expiresAt', 'version', 'lastActivityAt', 'tokenBudget'
  )
  local kept = call(
    'HMGET', messages .. ':state',
    'members', 'messages', 'tokens', 'seq', 'version', 'activity', 'lasts', 'compression', 'last',
    'order', 'gone', 'ends'
  )
  local lasts = kept[7] == 'never' and math.huge or tonumber(kept[7])
  local seq, last, cost = tonumber(kept[4]), tonumber(kept[9]), ARGV[6]
  local most = math.huge
  if head[5] or ARGV[4] ~= '' then
    most = most_of(head[5], tonumber(ARGV[4])) or most
  end
  if
    head[1] == 'active' and ARGV[7] == '' and lasts and seq and last
    and kept[5] == (head[3] or '1') and kept[6] == head[4] and kept[8] == '' and kept[10] == ''
    and not kept[11] and (kept[12] or '') ~= ''
    and seq < 99999999999 and last <= now and now <= lasts
    and #cost <= 15 and not string.find(cost, '%D')
    and tonumber(kept[1]) == call('ZCARD', messages)
  then
    local stamp, is_open = iso(now), true
    local tokens = kept[3] + (tonumber(cost) or 0)
    if head[2] then
      -- Moments of this form are in the order of their texts.
      local form = '^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$'
      is_open = string.find(head[2], form) and head[2] > stamp
    end
    -- What is known was written when all was made to last longer than the session, as it does still
    -- where this is not to last until a later moment.
    local is_lasting = ttl == '' or lasts < math.huge and now + ttl <= lasts
    local key = ARGV[1] .. 'message:' .. id
    local is_new = is_open and is_lasting and tokens <= most and call('HLEN', key) == 0
    local number = is_new and call('INCRBY', session .. ':seq', 1)
    if number and number ~= seq + 1 then
      -- Others count as well, which is looked into below.
      if call('INCRBY', session .. ':seq', -1) == 0 then
        call('DEL', session .. ':seq')
      end
    elseif number then
      call(
        'HSET', key, 'sessionId', string.sub(session, #ARGV[1] + 9), 'sequence', number,
        'createdAt', stamp, unpack(ARGV, 8)
      )
      call('ZADD', messages, number, id)
      if ARGV[3] ~= '' then
        call('HSET', session, 'lastActivityAt', stamp, 'expiresAt', iso(now + ARGV[3]))
      else
        call('HSET', session, 'lastActivityAt', stamp)
      end
      if lasts < math.huge then
        call('PEXPIREAT', key, kept[7])
      end
      if ttl ~= '' then
        call('PEXPIRE', session, ttl)
      end
      call(
        'HSET', messages .. ':state', 'members', kept[1] + 1, 'messages', kept[2] + 1,
        'tokens', tokens, 'seq', number, 'activity', stamp,
        'last', now, 'ends', ttl ~= '' and now + ttl or kept[12]
      )
      return number .. ' ' .. stamp
    end
  end
end
