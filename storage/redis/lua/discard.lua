-- Takes an entry away, if it is what is expected.
-- KEYS: the entry. ARGV: the bytes that are expected.
-- Returns 1 if it did, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
