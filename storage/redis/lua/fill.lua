-- Fills a list that nobody sees, and lets it be a conversation when it is whole, after ending.lua.
-- KEYS: the list, and the conversation.
-- ARGV: how many elements the list has to have so far, whether these are the last ones, whether a
--   conversation that is there gives way, how long the new one lasts from now, and when it ends at
--   the latest; then elements.
-- Returns 1, or 0 where there is a conversation already, or -1 where the list is not as it should be.
local list, key, before = KEYS[1], KEYS[2], tonumber(ARGV[1])
if ARGV[3] == '0' and redis.call('EXISTS', key) == 1 then
  redis.call('UNLINK', list)
  return 0
end
local count, is_last = redis.call('LLEN', list), ARGV[2] == '1'
if count == before + #ARGV - 5 and not is_last then
  return 1
elseif count ~= before then
  return -1
end
for index = 6, #ARGV, 1000 do
  redis.call('RPUSH', list, unpack(ARGV, index, math.min(#ARGV, index + 999)))
end
if not is_last then
  redis.call('PEXPIRE', list, 60000)
  return 1
end
redis.call('UNLINK', key)
redis.call('RENAME', list, key)
redis.call('PERSIST', key)
end_it(key, ARGV[4], ARGV[5])
return 1
