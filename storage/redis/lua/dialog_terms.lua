-- For scripts that change sessions, after dialog.lua: how long a session lasts, and all that belongs
-- to it. That ends some time after the session, so that not every change has to renew everything.
local more = ''

local function end_at(key, at)
  if at == NEVER then
    call('PERSIST', key)
  else
    call('PEXPIREAT', key, at)
  end
end

-- Lets a key last until then, unless it has an end that is later.
local function extend(key, at)
  if at == NEVER then
    call('PERSIST', key)
    return
  end
  local left = call('PTTL', key)
  if left == -1 or left >= 0 and now + left < at then
    call('PEXPIREAT', key, at)
  end
end

-- Decides until when a session lasts so many milliseconds from now, or as it did, and whether
-- everything has to be renewed for that.
local function lasting(one, ttl)
  local ends = NEVER
  if ttl ~= '' then
    ends = now + ttl
  else
    local left = call('PTTL', one.session)
    if left >= 0 then
      ends = now + left
    end
  end
  one.renews = ends > one.lasts or ends < NEVER and one.lasts == NEVER
  one.ends, one.deadline = ends, one.lasts
  if one.renews then
    one.deadline = ends == NEVER and NEVER or floor(ends + (ends - now) / 8)
  end
end

-- Lets the sessions of a user have this one. That list ends with the last of them, and never where others
-- renew one of them: they do not renew it. Beside it stands from when on a session is certain not to be
-- kept any more.
local function enlist(one, user)
  local key, id, at = index_of(user), id_of(one.session), one.deadline
  local left, state = call('PTTL', key), key .. ':state'
  call('SADD', key, id)
  if at == NEVER or not one.is_ours then
    if left >= 0 then
      call('PERSIST', key)
    end
    redis.pcall('HDEL', state, id)
    redis.pcall('PERSIST', state)
    return
  end
  if left == -2 or left >= 0 and now + left < at then
    left = at - now
    call('PEXPIREAT', key, at)
  end
  redis.pcall('HSET', state, id, at)
  if left >= 0 then
    redis.pcall('PEXPIREAT', state, now + left)
  else
    redis.pcall('PERSIST', state)
  end
end

-- Renews messages from a place on, back to the first ones; returns where it goes on.
local function renew(session, place, deadline)
  if place < 0 then
    return place
  end
  local first = math.max(place - AT_ONCE + 1, 0)
  local ids = call('ZRANGE', session .. ':messages', first, place)
  for index = 1, #ids do
    extend(message_of(ids[index]), deadline)
  end
  return first - 1
end

-- Lets a session last as it was decided, after what is known of it was changed. `more` says then
-- until when there are more messages to renew, from which place on, until when the session lasts when
-- that is done, when it was changed, and until when they last else.
local function stay(one, ttl, user, is_short)
  is_short = is_short and one.is_ours and not one.renews
  if user and not is_short then
    enlist(one, user)
  end
  local ends = ttl ~= '' and now + ttl or NEVER
  if ttl ~= '' then
    call('PEXPIRE', one.session, ttl)
  end
  if one.renews then
    local place = renew(one.session, one.members - 1, one.deadline)
    extend(one.session .. ':messages', one.deadline)
    extend(one.session .. ':seq', one.deadline)
    if place < 0 then
      one.lasts = one.deadline
    else
      local deadline = one.deadline == NEVER and 'never' or string.format('%.0f', one.deadline)
      local last = ends == NEVER and '-' or string.format('%.0f', ends)
      local lasts = one.lasts == NEVER and 'never' or string.format('%.0f', one.lasts)
      more = table.concat({deadline, place, last, one.activity, lasts}, ' ')
    end
  end
  -- Whoever dies before all is renewed: it lasts no longer than its messages do.
  if ends < NEVER and now < one.lasts and one.lasts < ends then
    end_at(one.session, one.lasts)
  end
  keep_known(one, is_short)
  if one.renews then
    end_at(one.state, one.deadline)
  end
end

-- Notes that something happens to a session just now, and unless it is over until when it may go on.
local function stir(one, session_ms, is_over, stamp)
  one.activity = stamp or iso(now)
  if session_ms ~= '' and not is_over then
    call('HSET', one.session, 'lastActivityAt', one.activity, 'expiresAt', iso(now + session_ms))
  else
    call('HSET', one.session, 'lastActivityAt', one.activity)
  end
end

-- Whoever calls something else like the list of a user hears of it before anything is done.
local function check_list(user)
  if user then
    call('SCARD', index_of(user))
  end
end

-- What a step has to know of a session: status, end, version, last activity, user and budget.
local function head_of(session)
  local head = call(
    'HMGET', session,
    'status', 'expiresAt', 'version', 'lastActivityAt', 'userId', 'tokenBudget'
  )
  if head[1] or head[3] or head[4] or call('EXISTS', session) == 1 then
    check_list(head[5])
    return head
  end
end
