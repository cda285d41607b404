-- For hit.lua, after the algorithms of usual.lua: lets something pass by all meters, if it is decided
-- the short way. What hit.lua says it takes and returns it takes and returns too.
local what, count = ARGV[2], #KEYS
if what ~= 'peek' then
  local pcall, pack, unpacked, min, max = redis.pcall, struct.pack, struct.unpack, math.min, math.max
  local time = redis.call('TIME')
  local now, cost = time[1] * 1000000 + time[2], tonumber(ARGV[3])
  local heads, ends, head, till, reply
  for number = 1, count do
    local code, a, b, c = unpacked('<dddd', ARGV[1], 32 * number - 31)
    local key, raw = KEYS[number]
    if code == 4 and a > 119 then
      -- A log of that length is not read as a whole.
      raw = pcall('GETRANGE', key, 0, 1023)
      raw = raw == '' and pcall('GET', key) or raw
    else
      raw = pcall('GET', key)
    end
    local seen, at, barred, told, x, y, z = 0, 0, 0, 0, 0, 0, 0
    if raw then
      local kind, length = nil, #raw
      if length == 64 or code == 4 and length > 64 and length < 1024 and length % 8 == 0 then
        kind, seen, at, barred, told, x, y, z = unpacked('<dddddddd', raw)
      end
      -- Of what is no number nothing is true.
      if kind ~= code or not (max(seen, at, barred) <= now and max(told, x, y, z) <= 9007199254740992
        and min(seen, at, barred, told, x, y, z) >= 0
        and seen % 1 + at % 1 + barred % 1 + told % 1 + x % 1 + y % 1 + z % 1 == 0) then
        reply = nil
        break
      end
    end
    local ready, left, fresh, body
    ready, left, fresh, x, y, z, body = usual[code](now, cost, a, b, c, at, x, y, z, raw)
    if ready ~= now then
      if ready and count == 1 and what == 'hit' then
        return pack('<i8i8i8i8i8i8', 0, now, 0, ready - now, max(0, left), fresh - now)
      end
      reply = nil
      break
    end
    head = pack('<dddddddd', code, now, now, barred, told, x, y, z)
    if body then
      head = head .. body
    end
    till = math.ceil(max(fresh, told, now + 1000) / 1000)
    if number == 1 then
      reply = pack('<i8i8i8i8i8i8', 1, now, now, 0, left, fresh - now)
    else
      reply = reply .. pack('<i8i8i8', 0, left, fresh - now)
    end
    if number < count then
      heads, ends = heads or {}, ends or {}
      heads[number], ends[number] = head, till
    end
  end
  if reply then
    for number = 1, count - 1 do
      redis.call('SET', KEYS[number], heads[number], 'PXAT', ends[number])
    end
    redis.call('SET', KEYS[count], head, 'PXAT', till)
    return reply
  end
end
