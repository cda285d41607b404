-- For hit.lua, after usual.lua: the rule Log of core/algorithms.py, but no refusals. A log of which
-- 1024 bytes were read is a large one, of which it neither reads nor writes more than matters.
usual[4] = function(now, cost, a, b, c, at, x, y, z, raw, key)
  local length = raw and #raw or 64
  local is_large = length == 1024
  if is_large then
    length = redis.call('STRLEN', key)
  end
  local size, over, looks = (length - 64) / 8, now - b, 0
  if y > x or x - y > size or size % 1 ~= 0 then
    return nil
  end
  local part, start = raw, 0
  while y < x do
    local from = 64 + 8 * (y % size)
    if from < start or from + 8 > start + #part then
      looks = looks + 1
      if looks > 4 then
        return nil
      end
      part, start = redis.call('GETRANGE', key, from, from + 127), from
    end
    local moment = struct.unpack('<d', part, from - start + 1)
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
  local needed = x - y + cost
  local place = size > 0 and x % size or 0
  if needed > a or is_large and (needed > size or place + cost > size) then
    return nil
  elseif is_large then
    return now, a - needed, now + b, x + cost, y, 0, nil, 64 + 8 * place
  end
  local stamps, body = struct.pack('<d', now), ''
  if cost > 1 then
    stamps = string.rep(stamps, cost)
  end
  if needed > size then
    -- All that counts moves into a ring with room for more.
    if x > y then
      local from = y % size
      local first = math.min(x - y, size - from)
      body = string.sub(raw, 65 + 8 * from, 64 + 8 * (from + first)) .. string.sub(raw, 65, 64 + 8 * (x - y - first))
    end
    size = math.min(a, needed + math.floor(needed / 8) + 4)
    body = body .. stamps .. string.rep('\0', 8 * (size - needed))
    return now, a - needed, now + b, needed, 0, 0, body
  end
  local rest = math.max(0, place + cost - size)
  body = string.sub(stamps, 1, 8 * rest)
    .. string.sub(raw, 65 + 8 * rest, 64 + 8 * place)
    .. string.sub(stamps, 8 * rest + 1)
    .. string.sub(raw, 65 + 8 * (place + cost))
  return now, a - needed, now + b, x + cost, y, 0, body
end
