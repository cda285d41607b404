-- For scripts about conversations: reads what is known of the first of KEYS, and finds its messages.
-- Returns nothing where there is none, or -1 and the beginning of what is no state.
local call, key = redis.call, KEYS[1]
local state = call('LINDEX', key, 0)
if not state then
  return false
elseif #state < 63 or string.sub(state, 1, 2) ~= '\0\1' then
  return {-1, string.sub(state, 1, 63)}
end
local last = call('LLEN', key) - 1

-- The number of a message and its time; nothing of what has no head.
local function told(one)
  if #one >= 15 then
    local role, number, time = struct.unpack('<BxxxxI4I6', one)
    if role > 0 and role < 7 or role == 255 then
      return number, time
    end
  end
end

-- The first place of a message whose number, or else whose time, is so large; numbers rise by one
-- at least from place to place. What has no head may be taken for it.
local function find(wanted, is_time)
  local low, high, middle = 1, last + 1, last
  while low < high do
    local probe, number, time = middle, nil, nil
    while not number and probe < high do
      number, time = told(call('LINDEX', key, probe))
      probe = probe + 1
    end
    probe = probe - 1
    if not number then
      high = middle
    elseif is_time then
      if time >= wanted then
        high = middle
      else
        low = probe + 1
      end
    elseif number >= wanted then
      high = middle
      low = math.max(low, math.min(middle, probe - (number - wanted)))
    else
      low = probe + 1
      high = math.min(high, probe + wanted - number)
    end
    -- Where no number is left out, that is the place; then again in the middle.
    local is_first = middle == last
    middle = is_first and not is_time and low or math.floor((low + high) / 2)
  end
  return low
end

-- The same, or the first place after it of a message that has a head.
local function find_whole(wanted, is_time)
  local place = find(wanted, is_time)
  while place <= last and not told(call('LINDEX', key, place)) do
    place = place + 1
  end
  return place
end

-- The place of the message that has this number, if it is there, and what it is.
local function place_of(number)
  local place = find_whole(number)
  local one = place <= last and call('LINDEX', key, place)
  if one and told(one) == number then
    return place, one
  end
end
