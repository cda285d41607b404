-- For scripts about sessions, after iso.lua and moment.lua: what belongs to a session, and what is
-- known of its messages.
-- That is kept beside them in a hash, whose name the libraries that share the layout skip, and is
-- trusted only where it belongs to what is there: so many messages, this counter, this version and
-- last activity of the session, and no message that may have ended by itself. Others change one of
-- them at least whenever they change messages.
local call, floor = redis.call, math.floor
local prefix = ARGV[1]
local NEVER, AT_ONCE = math.huge, 1000
local time = call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)
-- What a message has besides its id and that of its session.
local PARTS = {
  'role', 'content', 'contentType', 'tokenCount', 'sequence', 'metadata', 'createdAt', 'updatedAt',
}

-- So many messages may still be counted in this step.
local quota = AT_ONCE

local function id_of(session)
  return string.sub(session, #prefix + 9)
end

local function index_of(user)
  return prefix .. 'user:' .. user .. ':sessions'
end

local function message_of(id)
  return prefix .. 'message:' .. id
end

-- What is kept of a message: what it has in the order of PARTS, its id, room for its score, and all of
-- it where others have written more; nothing where there is none.
local function kept_of(id)
  local key = prefix .. 'message:' .. id
  local message = call('HMGET', key, unpack(PARTS))
  local fields, is_usual = call('HLEN', key), message[6] and message[7] and not message[8]
  message[9], message[10] = id, false
  if fields ~= 9 or not is_usual then
    local count = 2
    for index = 1, 8 do
      count = count + (message[index] and 1 or 0)
    end
    if fields == 0 then
      return nil
    elseif fields ~= count then
      message[11] = call('HGETALL', key)
    end
  end
  return message
end

-- What a message counts.
local function tokens_of(text)
  if text and #text <= 15 and not string.find(text, '%D') then
    return tonumber(text) or 0
  end
  return 0
end

-- How a session stands that is over.
local function over(status, expires)
  if status == 'completed' or status == 'expired' then
    return status
  end
  local ends = moment(expires)
  if ends and ends <= now then
    return 'expired'
  end
end

-- The fields of a session as they are told: one whose time is over is expired.
local function shown(fields)
  local status, expires, place = nil, nil, #fields + 2
  for index = 1, #fields, 2 do
    if fields[index] == 'status' then
      status, place = fields[index + 1], index + 1
    elseif fields[index] == 'expiresAt' then
      expires = fields[index + 1]
    end
  end
  if status ~= 'completed' and over(status, expires) then
    fields[place - 1], fields[place] = 'status', 'expired'
  end
  return fields
end

-- What a function says, or nothing where somebody else's key of another kind is in its way.
local function tried(act, ...)
  local is_done, told = pcall(act, ...)
  if is_done then
    return told
  end
  local reason = type(told) == 'table' and told.err or told
  if not string.find(tostring(reason), 'WRONGTYPE', 1, true) then
    error(told, 0)
  end
end

-- Whether the time of a session that is not there was over, as it was known, and nobody has added
-- anything since.
local function is_ended(session)
  local kept = redis.pcall('HMGET', session .. ':messages:state', 'ends', 'members', 'seq')
  local ends = tonumber(kept[1])
  return ends and ends < now
    and tonumber(kept[2]) == redis.pcall('ZCARD', session .. ':messages')
    and kept[3] == (redis.pcall('GET', session .. ':seq') or '')
end

-- Whether a session that is not there may come back at once: other libraries take it away to write it
-- anew.
local function is_away(session)
  local kept = redis.pcall('HMGET', session .. ':messages:state', 'version', 'gone')
  return kept[1] and not kept[2] and not is_ended(session)
end

-- What is known of the messages of a session of this version and last activity.
local function known(session, version, activity)
  local state = session .. ':messages:state'
  local kept = call(
    'HMGET', state,
    'members', 'messages', 'tokens', 'seq', 'version', 'activity', 'lasts', 'compression', 'last',
    'order', 'gone', 'ends'
  )
  local one = {
    session = session, state = state, version = version or '1', activity = activity or '',
    members = call('ZCARD', session .. ':messages'), seq = call('GET', session .. ':seq') or '',
    messages = tonumber(kept[2]) or 0, tokens = tonumber(kept[3]) or 0,
    lasts = kept[7] == 'never' and NEVER or tonumber(kept[7]) or 0, compression = kept[8] or '',
    counted = kept[4], last = kept[9] or '', order = kept[10] or '',
  }
  one.is_fresh = tonumber(kept[1]) == one.members and kept[4] == one.seq and kept[5] == one.version
    and kept[6] == one.activity and now <= one.lasts
  one.is_known = one.is_fresh
  -- Until when it lasts is known where nobody else has written since that was noted.
  one.is_ours = one.is_fresh and (kept[12] or '') ~= ''
  if kept[11] then
    call('HDEL', state, 'gone')
  end
  return one
end

local function keep_known(one, is_short)
  local ends = one.ends == NEVER and 'never' or one.ends and string.format('%.0f', one.ends) or ''
  if is_short then
    call(
      'HSET', one.state, 'members', one.members, 'messages', one.messages, 'tokens', one.tokens,
      'seq', one.seq, 'activity', one.activity, 'last', one.last, 'ends', ends
    )
    return
  end
  call(
    'HSET', one.state, 'members', one.members, 'messages', one.messages, 'tokens', one.tokens,
    'seq', one.seq, 'version', one.version, 'activity', one.activity,
    'lasts', one.lasts == NEVER and 'never' or one.lasts, 'compression', one.compression,
    'last', one.last, 'order', one.order, 'ends', ends
  )
end

-- Counts the messages from one place to another. One without a hash is none. In the older layout it
-- is seen whether they stand in the order in which they were made.
local function count(one, first, last)
  local ids = call('ZRANGE', one.session .. ':messages', first, last)
  for index = 1, #ids do
    local key = message_of(ids[index])
    local left = call('PTTL', key)
    if left ~= -2 then
      one.messages = one.messages + 1
      local told = call('HMGET', key, 'tokenCount', 'createdAt')
      one.tokens = one.tokens + tokens_of(told[1])
      local made = one.order ~= '' and moment(told[2])
      if made then
        if one.last ~= '' and made < one.last then
          one.order = 'mixed'
        end
        one.last = math.max(made, one.last == '' and made or one.last)
      end
      if left >= 0 then
        one.lasts = math.min(one.lasts, now + left)
      end
    end
  end
end

-- Begins to count anew.
local function uncount(one)
  one.before = {one.messages, one.tokens, one.counted}
  one.messages, one.tokens, one.lasts, one.last = 0, 0, NEVER, ''
  local left = call('PTTL', one.session .. ':messages')
  if left >= 0 then
    one.lasts = now + left
  end
  local largest = call('ZRANGE', one.session .. ':messages', -1, -1, 'WITHSCORES')[2]
  one.order = tonumber(largest or 0) >= 1e11 and 'made' or ''
end

-- Keeps what was counted. A summary stays where that is what it was.
local function keep_counted(one)
  local before = one.before
  if before[1] ~= one.messages or before[2] ~= one.tokens or before[3] ~= one.seq then
    one.compression = ''
  end
  keep_known(one)
  call('HDEL', one.state, 'counting')
  local left = call('PTTL', one.session)
  if left >= 0 then
    call('PEXPIRE', one.state, left + floor(left / 8))
  else
    call('PERSIST', one.state)
  end
  one.is_fresh = true
end

-- Has the messages counted once more where one step does it: who changes a message without its session
-- leaves no trace.
local function doubt(one)
  one.is_fresh = one.is_fresh and one.members > quota
end

-- Sees to it that what is known is true; says where that takes more than one step.
local function settle(one)
  if not one.is_fresh then
    if one.members > quota then
      return false
    end
    quota = quota - one.members
    uncount(one)
    count(one, 0, -1)
    keep_counted(one)
  end
  return true
end
