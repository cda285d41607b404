-- Takes sessions that are gone off the list of a user, after dialog_lists.lua.
-- KEYS: the ids of the user's sessions. ARGV: the prefix of all keys, and where the list goes on.
-- Returns where it goes on then.
local page = redis.pcall('SSCAN', KEYS[1], ARGV[2], 'COUNT', AT_ONCE)
if page.err then
  return '0'
end
local ids = page[2]
for index = 1, #ids do
  local id = ids[index]
  local session = prefix .. 'session:' .. id
  if call('EXISTS', session) == 0 then
    is_off(id)
  else
    local owner = redis.pcall('HGET', session, 'userId')
    if type(owner) ~= 'table' then
      local state = session .. ':messages:state'
      local ends = redis.pcall('HGET', state, 'ends')
      redis.pcall('HDEL', state, 'gone')
      is_on(id, owner, type(ends) == 'string' and ends ~= '')
    end
  end
end
-- What is noted of others is of no use any more.
if page[1] == '0' and tonumber(redis.pcall('HLEN', notes)) and call('HLEN', notes) > call('SCARD', index) then
  call('UNLINK', notes)
end
return page[1]
