-- Takes sessions that have been gone for long off the list of a user, after dialog_gone.lua.
-- KEYS: the ids of the user's sessions. ARGV: the prefix of all keys, and where the list goes on.
-- Returns where it goes on then.
local page = redis.pcall('SSCAN', KEYS[1], ARGV[2], 'COUNT', AT_ONCE)
if page.err then
  return '0'
end
local ids = page[2]
for index = 1, #ids do
  local session = prefix .. 'session:' .. ids[index]
  if call('EXISTS', session) == 0 and is_gone(session) then
    call('SREM', KEYS[1], ids[index])
  end
end
return page[1]
