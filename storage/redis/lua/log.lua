-- For scripts about rate limits, after limit.lua: the rule Log of core/algorithms.py. Of a large log
-- only the head is read and written, and those of its moments that matter.

-- Moments in the ring of a log, as they are stored.
local function moments(m, first, count)
  local from = 64 + 8 * first
  if count == 0 then
    return ''
  elseif m.is_large then
    return redis.call('GETRANGE', m.key, from, from + 8 * count - 1)
  end
  return string.sub(m.raw, from + 1, from + 8 * count)
end

-- When the hit with that number was.
local function moment(m, number)
  local place = number % m.size
  local at
  if m.is_large then
    at = struct.unpack('<d', moments(m, place, 1))
  else
    at = struct.unpack('<d', m.raw, 65 + 8 * place)
  end
  if not (at >= 0 and at <= 9007199254740992 and at % 1 == 0) then
    corrupt = m.number
    return 0
  end
  return at
end

-- The number of the first moment that counts, where the first that is kept does not: found with steps
-- that double, and then between the last two.
local function first_after(m, over)
  local low, step = m.y, 1
  local high = low + 1
  while high < m.x and moment(m, high) <= over do
    low, step = high, 2 * step
    high = low + step
  end
  high = math.min(high, m.x)
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if moment(m, middle) <= over then
      low = middle
    else
      high = middle
    end
  end
  return high
end

-- Moves all that counts into a ring with room for more, and that many of one moment with it.
local function move(m, at, cost)
  local length, first = m.x - m.y, 0
  local needed = length + cost
  local before = ''
  if length > 0 then
    first = math.min(length, m.size - m.y % m.size)
    before = moments(m, m.y % m.size, first) .. moments(m, 0, length - first)
  end
  m.size = math.min(m.a, needed + math.floor(needed / 8) + 4)
  m.body = before .. string.rep(at, cost) .. string.rep(struct.pack('<d', 0), m.size - needed)
  m.x, m.y, m.is_large = needed, 0, false
end

rules[4] = {
  code = 4,
  read = function(key)
    -- A log of that length is not read as a whole.
    local raw = redis.pcall('GETRANGE', key, 0, 1023)
    if raw == '' then
      return redis.pcall('GET', key)
    end
    return raw
  end,
  open = function(m)
    local length = #m.raw
    if length == 1024 then
      m.is_large, length = true, redis.call('STRLEN', m.key)
    else
      m.body = string.sub(m.raw, 65)
    end
    m.size = (length - 64) / 8
    return m.size % 1 == 0 and m.y <= m.x and m.x - m.y <= m.size
  end,
  settle = function(m, at)
    local over = at - m.b
    if m.y < m.x and moment(m, m.y) <= over then
      m.y = first_after(m, over)
    end
    if m.y >= m.x then
      m.x, m.y = 0, 0
    end
    m.z = 0
  end,
  ready = function(m, cost)
    local over = m.x - m.y + cost - m.a
    return over <= 0 and m.at or moment(m, m.y + over - 1) + m.b
  end,
  left = function(m)
    return m.a - m.x + m.y
  end,
  fresh = function(m)
    return m.x > m.y and (m.last or moment(m, m.x - 1)) + m.b or m.at
  end,
  spend = function(m, cost)
    local x, size, at = m.x, m.size or 0, struct.pack('<d', m.at)
    m.last = m.at
    if x - m.y + cost > size then
      return move(m, at, cost)
    end
    local place = x % size
    local first = math.min(cost, size - place)
    m.x = x + cost
    if m.is_large then
      redis.call('SETRANGE', m.key, 64 + 8 * place, string.rep(at, first))
      if cost > first then
        redis.call('SETRANGE', m.key, 64, string.rep(at, cost - first))
      end
      return
    end
    local body = string.sub(m.body, 8 * (cost - first) + 1, 8 * place)
    local rest = string.sub(m.body, 8 * (place + first) + 1)
    m.body = string.rep(at, cost - first) .. body .. string.rep(at, first) .. rest
  end,
}
