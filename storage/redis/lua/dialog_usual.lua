-- For dialog_add.lua, after iso.lua and before all else: adds a message as it does, where nothing
-- needs more thought than this: what most steps would be made of is never made then.
-- All that is decided here is decided before anything is written.
do
  local call, session, ttl, id = redis.call, KEYS[1], ARGV[2], ARGV[5]
  local messages = session .. ':messages'
  local time = call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local head = call('HMGET', session, 'status', 'expiresAt', 'version', 'lastActivityAt', 'tokenBudget')
  local kept = call(
    'HMGET', messages .. ':state',
    'members', 'messages', 'tokens', 'seq', 'version', 'activity', 'lasts', 'compression', 'last',
    'order', 'gone', 'ends'
  )
  local lasts = kept[7] == 'never' and math.huge or tonumber(kept[7])
  local seq, last, cost = tonumber(kept[4]), tonumber(kept[9]), ARGV[6]
  if
    head[1] == 'active' and not head[5] and ARGV[4] == '' and ARGV[7] == '' and lasts and seq and last
    and kept[5] == (head[3] or '1') and kept[6] == head[4] and kept[8] == '' and kept[10] == ''
    and not kept[11] and (kept[12] or '') ~= '' and seq < 99999999999 and last <= now and now <= lasts
    and #cost <= 15 and not string.find(cost, '%D')
    and kept[4] == call('GET', session .. ':seq') and tonumber(kept[1]) == call('ZCARD', messages)
  then
    local stamp, ends, is_open = iso(now), math.huge, true
    if ttl ~= '' then
      ends = now + ttl
    else
      local left = call('PTTL', session)
      if left >= 0 then
        ends = now + left
      end
    end
    if head[2] then
      -- Moments of this form are in the order of their texts.
      is_open = string.find(head[2], '^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$') and head[2] > stamp
    end
    local key = ARGV[1] .. 'message:' .. id
    if is_open and ends <= lasts and (ends == lasts or lasts < math.huge) and call('HLEN', key) == 0 then
      local number = string.format('%.0f', seq + 1)
      call(
        'HSET', key, 'sessionId', string.sub(session, #ARGV[1] + 9), 'sequence', number,
        'createdAt', stamp, unpack(ARGV, 8)
      )
      call('ZADD', messages, number, id)
      call('SET', session .. ':seq', number, 'KEEPTTL')
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
        'tokens', kept[3] + (tonumber(cost) or 0), 'seq', number, 'activity', stamp,
        'last', string.format('%.0f', now),
        'ends', ends == math.huge and 'never' or string.format('%.0f', ends)
      )
      return {'done', '', number, stamp}
    end
  end
end
