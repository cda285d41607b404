-- For scripts about rate limits, after limit.lua: the places of those who waited and gave up.

-- Reads the places that are not over yet, in the order of time: when each is, and the cost that may
-- pass then. Answers nothing where they can not be read, and then what is to be returned.
local function places_in(called, number, now)
  local raw = called and redis.pcall('GET', called) or ''
  if type(raw) == 'table' then
    return nil, string.find(raw.err, 'WRONGTYPE', 1, true) and {-2, number} or raw
  elseif #raw % 16 ~= 0 then
    return nil, {-1, number}
  end
  local places = {}
  for from = 1, #raw, 16 do
    local at, free = struct.unpack('<dd', raw, from)
    if not (math.min(at, free) >= 0 and at % 1 + free % 1 == 0 and math.max(at, free) <= 9007199254740992) then
      return nil, {-1, number}
    end
    if at >= now then
      places[#places + 1] = {at, free}
    else
      places.is_shorter = true
    end
  end
  return places
end

-- Keeps places until the last of them is over.
local function keep_places(called, places)
  local parts = {}
  for number, place in ipairs(places) do
    parts[number] = struct.pack('<dd', place[1], place[2])
  end
  if #parts == 0 then
    redis.call('UNLINK', called)
  else
    local ends = math.max(places[#places][1], clock + 1000)
    redis.call('SET', called, table.concat(parts), 'PXAT', math.ceil(ends / 1000))
  end
end
