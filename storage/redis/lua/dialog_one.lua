-- Reads one message of a session, after dialog.lua.
-- KEYS: the session. ARGV: the prefix of all keys, and the id of the message.
-- Returns it, as dialog_page.lua does, if it is there; or 2 where the session may come back at once.
local session = KEYS[1]
if call('EXISTS', session) == 0 then
  return is_away(session) and 2 or {}
end
return {call('ZSCORE', session .. ':messages', ARGV[2]) and kept_of(ARGV[2]) or nil}
