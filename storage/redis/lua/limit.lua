-- For scripts about rate limits: which time it is, and the algorithms. How each of them counts is in
-- a file of its own, which comes after this one where it is needed. Together they do what
-- core/algorithms.py and core/window.py do, in the same numbers, which are whole and exact.
--
-- What a script defines it defines anew in every call, and what a function takes from outside of it
-- costs as much again. So there is little of both, and what happens once is no function.
local time = redis.call('TIME')
local clock = time[1] * 1000000 + time[2]
-- The algorithms by their codes. Each has these functions, of a meter of which is kept what m.x, m.y
-- and m.z are at the time m.at, and whose rule has the numbers m.a, m.b and m.c:
--   settle(m, at) makes of it what counts at that moment, which m.at is not yet;
--   ready(m, cost) is when so much may pass;
--   left(m) is how many may pass;
--   fresh(m) is when nothing counts any more;
--   spend(m, cost, token) lets so much pass.
-- One that keeps more than that says of a record whether it is one: open(m). If it does not want to
-- have the whole of it, it also reads it itself: read(key).
local rules = {}
-- The number of a meter of which something that was read later can not be.
local corrupt
