-- Claims what nobody has claimed, or what the same one has.
-- KEYS: the claim. ARGV: who claims it, its lifetime.
-- Returns 1 where it is taken, 2 where it is somebody else's, 3 where it is finished.
local mark = redis.call('GET', KEYS[1])
if mark and mark:sub(1, 5) == 'done:' then
  return 3
end
if mark and mark ~= 'taken:' .. ARGV[1] then
  return 2
end
redis.call('SET', KEYS[1], 'taken:' .. ARGV[1], 'PX', ARGV[2])
return 1
