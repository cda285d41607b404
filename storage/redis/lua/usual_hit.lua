-- For hit.lua, after the algorithms of usual.lua: lets something pass by all meters, if it is decided
-- the short way. What hit.lua says it takes and returns it takes and returns too.
if ARGV[2] ~= 'peek' then
  local call, pcall, pack, unpacked = redis.call, redis.pcall, struct.pack, struct.unpack
  local min, max = math.min, math.max
  local time = call('TIME')
  local now, cost, count = time[1] * 1000000 + time[2], tonumber(ARGV[3]), #KEYS
  local reply, head, till, place
  -- What is to be written of all meters but the last one.
  local heads, ends, places
  for number = 1, count do
    local code, a, b, c = unpacked('<dddd', ARGV[1], 32 * number - 31)
    local key, raw = KEYS[number], nil
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
      if kind ~= code or not (max(seen, at, barred) <= now and max(told, x, y, z) <= 9007199254740992
        and min(seen, at, barred, told, x, y, z) >= 0
        and seen % 1 + at % 1 + barred % 1 + told % 1 + x % 1 + y % 1 + z % 1 == 0) then
        reply = nil
        break
      end
    end
    local ready, left, fresh, body
    ready, left, fresh, x, y, z, body, place = usual[code](now, cost, a, b, c, at, x, y, z, raw, key)
    if ready ~= now then
      if ready and count == 1 and ARGV[2] == 'hit' then
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
      heads, ends, places = heads or {}, ends or {}, places or {}
      heads[number], ends[number], places[number] = head, till, place or false
    end
  end
  local number = reply and count or 0
  while number > 0 do
    if place then
      call('SETRANGE', KEYS[number], 0, head)
      call('SETRANGE', KEYS[number], place, string.rep(pack('<d', now), cost))
      call('PEXPIREAT', KEYS[number], till)
    else
      call('SET', KEYS[number], head, 'PXAT', till)
    end
    number = number - 1
    if number > 0 then
      head, till, place = heads[number], ends[number], places[number]
    end
  end
  if reply then
    return reply
  end
end
