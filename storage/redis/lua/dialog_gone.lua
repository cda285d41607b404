-- For scripts after dialog.lua that clear up behind sessions that are not there any more.

-- Takes some of the messages of a session away, or of another list of them; returns how many, what they
-- count, and how many places are left. A message that is by now one of another session stays, and one
-- that is added again.
local function pop(session, list)
  local messages, id, gone, tokens = session .. ':messages', id_of(session), 0, 0
  list = list or messages
  local some = call('ZPOPMIN', list, AT_ONCE)
  local is_other = list ~= messages and call('EXISTS', messages) == 1
  for index = 1, #some, 2 do
    local key = message_of(some[index])
    local head = redis.pcall('HMGET', key, 'sessionId', 'tokenCount')
    local is_again = is_other and redis.pcall('ZSCORE', messages, some[index])
    if head[1] == id and not is_again then
      call('UNLINK', key)
      gone, tokens = gone + 1, tokens + tokens_of(head[2])
    end
  end
  return gone, tokens, call('ZCARD', list)
end

-- Whether a session that is not there is certain not to come back, or has been gone for long, which is
-- noted when it is seen first: other libraries take a session away for a moment to write it anew.
local function is_gone(session)
  local state = session .. ':messages:state'
  local since = redis.pcall('HGET', state, 'gone')
  if type(since) == 'string' then
    return now - since >= 60000
  elseif type(since) == 'table' or is_ended(session) then
    return true
  end
  local is_new = call('EXISTS', state) == 0
  call('HSET', state, 'gone', now)
  if is_new then
    call('PEXPIRE', state, 3600000)
  end
  return false
end
