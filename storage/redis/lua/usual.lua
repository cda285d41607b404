-- For hit.lua, before limit.lua: lets something pass the short way, where what is stored is as usual,
-- nobody waits and nothing is barred. Where it is not decided that way, nothing was done yet, and the
-- whole script goes on. It decides and stores what that does, in the same numbers.
--
-- This file begins a loop over the meters, and usual_hit.lua ends it. How the algorithms go stands in
-- files of their own between them, and is no function: to make and to call one takes longer than
-- what it does. Each of them finds the moment (now), the cost, the numbers a, b and c of the rule, when
-- the record was written (at), its numbers x, y and z, its bytes (raw, false where there are none)
-- and its key.
-- It sets when that may pass (ready), how many may then (left) and when nothing counts any more
-- (fresh): after it has passed if it does now, or else before; what x, y and z are then; and the bytes
-- after the head, if there are any (body), or at which place of a large log its moment stands, if only
-- that is written (place). Of what it does not decide it sets nothing.
if ARGV[2] ~= 'peek' then
  local call, pcall, pack, unpacked = redis.call, redis.pcall, struct.pack, struct.unpack
  local time, keys, rules = call('TIME'), KEYS, ARGV[1]
  local now, cost, count = time[1] * 1000000 + time[2], ARGV[3] + 0, #keys
  local reply, head, till, place
  -- What is to be written of all meters but the last one.
  local heads, ends, places
  for number = 1, count do
    local code, a, b, c = unpacked('<dddd', rules, 32 * number - 31)
    local key, raw = keys[number], nil
    if code == 4 and a > 119 then
      raw = pcall('GETRANGE', key, 0, 1023)
      if raw == '' then
        raw = pcall('GET', key)
      end
    else
      raw = pcall('GET', key)
    end
    local seen, at, barred, told, x, y, z = 0, 0, 0, 0, 0, 0, 0
    if raw then
      local kind, length = nil, #raw
      if length == 64 or code == 4 and length > 64 and length <= 1024 and length % 8 == 0 then
        kind, seen, at, barred, told, x, y, z = unpacked('<dddddddd', raw)
      end
      -- Of what is no number nothing is true.
      if kind ~= code
        or not (seen <= now and at <= now and barred <= now and told <= 9007199254740992
          and x <= 9007199254740992 and y <= 9007199254740992 and z <= 9007199254740992
          and seen >= 0 and at >= 0 and barred >= 0 and told >= 0 and x >= 0 and y >= 0 and z >= 0
          and seen % 1 + at % 1 + barred % 1 + told % 1 + x % 1 + y % 1 + z % 1 == 0) then
        reply = nil
        break
      end
    end
    local ready, left, fresh, body
