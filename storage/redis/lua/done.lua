-- Notes that what was claimed is finished.
-- KEYS: the claim. ARGV: who has done it, how long it is remembered.
-- Returns 1, or 0 where it is somebody else's meanwhile.
local mark = redis.call('GET', KEYS[1])
if mark and mark ~= 'taken:' .. ARGV[1] and mark ~= 'done:' .. ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], 'done:' .. ARGV[1], 'PX', ARGV[2])
return 1
