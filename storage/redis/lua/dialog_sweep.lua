-- Clears up behind a session that is gone, after dialog_gone.lua.
-- KEYS: the session. ARGV: the prefix of all keys.
-- Returns 1 where there is more to do, else 0.
local session = KEYS[1]
local messages, seq = session .. ':messages', session .. ':seq'
if call('EXISTS', session) == 1 then
  return 0
elseif call('EXISTS', messages, seq) == 0 then
  -- What was known of its messages is no loss, should it come back.
  call('UNLINK', messages .. ':state')
  return 0
end
-- Somebody else may call something like it that is of another kind.
local rest = tried(function()
  call('ZCARD', messages)
  call('GET', seq)
  return is_gone(session) and select(3, pop(session))
end)
if rest and rest > 0 then
  return 1
elseif rest then
  call('UNLINK', seq, messages .. ':state')
end
return 0
