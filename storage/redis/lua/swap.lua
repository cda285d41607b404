-- Puts one value in the place of another, if that is what is there.
-- KEYS: the entry. ARGV: the bytes that are expected, the new ones, the options of SET.
-- Returns 1 if it did, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], unpack(ARGV, 3))
return 1
