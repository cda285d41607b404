-- For scripts after dialog.lua that clear up behind sessions that are not there any more.

-- Takes some of the messages of a session away; returns how many, what they count, and how many places
-- are left. A message that is by now one of another session stays.
local function pop(session)
  local id, gone, tokens = id_of(session), 0, 0
  local some = call('ZPOPMIN', session .. ':messages', AT_ONCE)
  for index = 1, #some, 2 do
    local key = message_of(some[index])
    local head = call('HMGET', key, 'sessionId', 'tokenCount')
    if head[1] == id then
      call('UNLINK', key)
      gone, tokens = gone + 1, tokens + tokens_of(head[2])
    end
  end
  return gone, tokens, call('ZCARD', session .. ':messages')
end

-- Whether a session that is not there has been gone for long, which is noted when it is seen first:
-- other libraries take a session away for a moment to write it anew.
local function is_gone(session)
  local state = session .. ':messages:state'
  local since = call('HGET', state, 'gone')
  if since then
    return now - since >= 60000
  end
  local is_new = call('EXISTS', state) == 0
  call('HSET', state, 'gone', now)
  if is_new then
    call('PEXPIRE', state, 3600000)
  end
  return false
end
