-- For scripts about rate limits, after limit.lua: the rule Log of core/algorithms.py. Of a large log
-- only the head is read and written, and those of its moments that matter.

-- When the hit with that number was.
local function moment(m, number)
  local place = number % m.size
  local at
  if m.is_large then
    local from = 64 + 8 * place
    at = struct.unpack('<d', redis.call('GETRANGE', m.key, from, from + 7))
  else
    at = struct.unpack('<d', m.raw, 65 + 8 * place)
  end
  if not (at >= 0 and at <= 9007199254740992 and at % 1 == 0) then
    corrupt = m.number
    return 0
  end
  return at
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
      -- The first that counts is found with steps that double, and then between the last two.
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
      m.y = high
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
    local x, size, at = m.x, m.size, struct.pack('<d', m.at)
    m.last = m.at
    if x - m.y + cost > size then
      -- All that counts moves into a ring with room for more.
      local function moments(first, count)
        local from = 64 + 8 * first
        if m.is_large and count > 0 then
          return redis.call('GETRANGE', m.key, from, from + 8 * count - 1)
        end
        return string.sub(m.raw, from + 1, from + 8 * count)
      end
      local length = x - m.y
      local first = length > 0 and math.min(length, size - m.y % size) or 0
      local before = length > 0 and moments(m.y % size, first) .. moments(0, length - first) or ''
      local needed = length + cost
      m.size = math.min(m.a, needed + math.floor(needed / 8) + 4)
      m.body = before .. string.rep(at, cost) .. string.rep('\0', 8 * (m.size - needed))
      m.x, m.y, m.is_large = needed, 0, false
      return
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
