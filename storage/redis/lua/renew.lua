-- Holds a lease for longer.
-- KEYS: the lease. ARGV: whose it should be, its lifetime from now.
-- Returns 1 if it was, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
