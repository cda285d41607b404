-- Puts entries there which keep their expiry, or get one where they are new.
-- KEYS: the entries. ARGV: the lifetime of new ones in milliseconds, then the bytes of each entry.
-- Returns how many there are.
for index, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then
    redis.call('SET', key, ARGV[index + 1], 'KEEPTTL')
  else
    redis.call('SET', key, ARGV[index + 1], 'PX', ARGV[1])
  end
end
return #KEYS
