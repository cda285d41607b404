-- Finds those sessions whose time is over, and those that are not there, after dialog.lua.
-- KEYS: the sessions. ARGV: the prefix of all keys, and by when it is over, or nothing for now.
-- Returns the ids of the one kind, each with the end of its time, and which of KEYS are of the
--   other kind.
local overdue, gone, by = {}, {}, tonumber(ARGV[2]) or now
for index = 1, #KEYS do
  local text = redis.pcall('HGET', KEYS[index], 'expiresAt')
  local ends = type(text) == 'string' and moment(text)
  if type(text) == 'string' or not text and call('EXISTS', KEYS[index]) == 1 then
    -- It is back.
    redis.pcall('HDEL', KEYS[index] .. ':messages:state', 'gone')
  end
  if ends and ends <= by then
    overdue[#overdue + 1] = id_of(KEYS[index])
    overdue[#overdue + 1] = ends
  elseif not text and call('EXISTS', KEYS[index]) == 0 then
    gone[#gone + 1] = index - 1
  end
end
return {overdue, gone}
