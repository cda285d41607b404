-- Looks at an entry.
-- KEYS: the entry.
-- Returns its bytes, the milliseconds that it has left (-1 for ever), and which moment it is.
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), now_ms()}
