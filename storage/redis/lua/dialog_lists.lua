-- For scripts after dialog.lua that go through the sessions of a user.
-- Beside the list of them stands a hash: from when on a session is certain not to be kept any more, or,
-- below zero, since when it has been seen to be gone.
local index = KEYS[1]
local user, notes = string.sub(index, #prefix + 6, -10), index .. ':state'

local function take_off(id)
  call('SREM', index, id)
  redis.pcall('HDEL', notes, id)
end

-- Whether nothing is left beside a session.
local function is_bare(session)
  local messages = session .. ':messages'
  return call('EXISTS', messages, session .. ':seq', messages .. ':state') == 0
end

-- Whether a session that is not there is off the list for certain; takes it off.
local function is_off(id)
  local session = prefix .. 'session:' .. id
  local note = tonumber(redis.pcall('HGET', notes, id) or '')
  local is_over = is_ended(session)
  if not is_over and note then
    is_over = note < 0 and now + note >= 60000 or note >= 0 and now >= note and is_bare(session)
  end
  if is_over then
    take_off(id)
  elseif not note or note >= 0 and now >= note then
    local left = call('PTTL', index)
    redis.pcall('HSET', notes, id, -now)
    if left >= 0 then
      redis.pcall('PEXPIRE', notes, left)
    end
  end
  return is_over
end

-- Whether a session that is there is the user's, as it says; takes it off the list if it is not, and has
-- it on the one where it belongs. The list does not end before it, and never where others renew it.
local function is_on(id, owner, is_ours)
  local session = prefix .. 'session:' .. id
  if owner ~= user then
    take_off(id)
    if owner and redis.pcall('SADD', index_of(owner), id) == 1 then
      call('PERSIST', index_of(owner))
    end
    return false
  end
  local note = tonumber(redis.pcall('HGET', notes, id) or '')
  if note and (note < 0 or note <= now) then
    redis.pcall('HDEL', notes, id)
  end
  local left = call('PTTL', index)
  if left >= 0 then
    local ends = is_ours and call('PTTL', session) or -1
    if ends == -1 then
      call('PERSIST', index)
      redis.pcall('PERSIST', notes)
    elseif ends > left then
      call('PEXPIRE', index, ends)
    end
  end
  return true
end
