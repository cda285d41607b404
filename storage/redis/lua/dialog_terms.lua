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
  one.deadline = one.lasts
  if one.renews then
    one.deadline = ends == NEVER and NEVER or floor(ends + (ends - now) / 8)
  end
end

-- Lets the sessions of a user have this one. They last as long as the last of them does.
local function enlist(user, id, deadline)
  local key = prefix .. 'user:' .. user .. ':sessions'
  local left = call('PTTL', key)
  call('SADD', key, id)
  if left >= 0 and deadline == NEVER then
    call('PERSIST', key)
  elseif left ~= -1 and deadline < NEVER and (left == -2 or now + left < deadline) then
    call('PEXPIREAT', key, deadline)
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
    end_at(message_of(ids[index]), deadline)
  end
  return first - 1
end

-- Lets a session last as it was decided, after what is known of it was changed. `more` says then
-- until when there are more messages to renew, from which place on, until when the session lasts when
-- that is done, and when it was changed.
local function stay(one, ttl, user, is_short)
  local ends = ttl ~= '' and now + ttl or NEVER
  if ttl ~= '' then
    call('PEXPIRE', one.session, ttl)
  end
  if one.renews then
    local place = renew(one.session, one.members - 1, one.deadline)
    end_at(one.session .. ':messages', one.deadline)
    end_at(one.session .. ':seq', one.deadline)
    if user then
      enlist(user, id_of(one.session), one.deadline)
    end
    if place < 0 then
      one.lasts = one.deadline
    else
      local deadline = one.deadline == NEVER and 'never' or string.format('%.0f', one.deadline)
      local last = ends == NEVER and '-' or string.format('%.0f', ends)
      more = table.concat({deadline, place, last, one.activity}, ' ')
    end
  end
  -- Whoever dies before all is renewed: it lasts no longer than its messages do.
  if ends < NEVER and now < one.lasts and one.lasts < ends then
    end_at(one.session, one.lasts)
  end
  keep_known(one, is_short and not one.renews)
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

-- What a step has to know of a session: status, end, version, last activity, user and budget.
local function head_of(session)
  local head = call(
    'HMGET', session,
    'status', 'expiresAt', 'version', 'lastActivityAt', 'userId', 'tokenBudget'
  )
  if head[1] or head[3] or head[4] or call('EXISTS', session) == 1 then
    return head
  end
end
