-- Makes an entry stay for ever.
-- KEYS: the entry.
-- Returns 1 if it is there, else 0.
redis.call('PERSIST', KEYS[1])
return redis.call('EXISTS', KEYS[1])
