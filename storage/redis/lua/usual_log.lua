-- For hit.lua, after usual.lua: the rule Log of core/algorithms.py, but no refusals.
usual[4] = function(now, cost, a, b, c, at, x, y, z, raw)
  local size, over, body = raw and (#raw - 64) / 8 or 0, now - b, ''
  if y > x or x - y > size then
    return nil
  end
  while y < x do
    local moment = struct.unpack('<d', raw, 65 + 8 * (y % size))
    if not (moment >= 0 and moment <= now and moment % 1 == 0) then
      return nil
    elseif moment > over then
      break
    end
    y = y + 1
  end
  if y == x then
    x, y = 0, 0
  end
  local length = x - y
  local needed, stamps = length + cost, struct.pack('<d', now)
  if needed > a then
    return nil
  elseif cost > 1 then
    stamps = string.rep(stamps, cost)
  end
  if needed > size then
    -- All that counts moves into a ring with room for more.
    if length > 0 then
      local first = math.min(length, size - y % size)
      body = string.sub(raw, 65 + 8 * (y % size), 64 + 8 * (y % size + first))
        .. string.sub(raw, 65, 64 + 8 * (length - first))
    end
    size = math.min(a, needed + math.floor(needed / 8) + 4)
    body = body .. stamps .. string.rep('\0', 8 * (size - needed))
    return now, a - needed, now + b, needed, 0, 0, body
  end
  local place = x % size
  local rest = math.max(0, place + cost - size)
  body = string.sub(stamps, 1, 8 * rest)
    .. string.sub(raw, 65 + 8 * rest, 64 + 8 * place)
    .. string.sub(stamps, 8 * rest + 1)
    .. string.sub(raw, 65 + 8 * (place + cost))
  return now, a - needed, now + b, x + cost, y, 0, body
end
