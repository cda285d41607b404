-- For scripts about rate limits, after limit.lua and the algorithms: reads the meters, which are the
-- first of KEYS, and whose rules stand packed in the first of ARGV: four numbers for each, of which
-- the first is the code of its algorithm.
-- Returns -1 and the number of a meter whose bytes are none of a meter's, or -2 and the number of
-- one that is no string.
local meters, now = {}, clock
for number = 1, #ARGV[1] / 32 do
  local code, a, b, c = struct.unpack('<dddd', ARGV[1], 32 * number - 31)
  local rule, key = rules[code], KEYS[number]
  local raw
  if rule.read then
    raw = rule.read(key)
  else
    raw = redis.pcall('GET', key)
  end
  local m
  if not raw then
    m = {
      rule = rule, key = key, raw = '', a = a, b = b, c = c, ready = 0, fresh = 0,
      seen = 0, at = 0, barred = 0, told = 0, x = 0, y = 0, z = 0,
    }
  elseif type(raw) == 'table' then
    if string.find(raw.err, 'WRONGTYPE', 1, true) then
      return {-2, number}
    end
    return raw
  elseif #raw < 64 then
    return {-1, number}
  else
    local kind, seen, at, barred, told, x, y, z = struct.unpack('<dddddddd', raw)
    m = {
      rule = rule, key = key, raw = raw, a = a, b = b, c = c, ready = 0, fresh = 0,
      seen = seen, at = at, barred = barred, told = told, x = x, y = y, z = z,
    }
    -- Of what is no number nothing is true, and what is too large is not exact.
    if kind ~= code or seen % 1 + at % 1 + barred % 1 + told % 1 + x % 1 + y % 1 + z % 1 ~= 0
      or math.min(seen, at, barred, told, x, y, z) < 0
      or math.max(seen, at, barred, told, x, y, z) > 9007199254740992 then
      return {-1, number}
    elseif not rule.open then
      if #raw ~= 64 then
        return {-1, number}
      end
    else
      m.number = number
      if not rule.open(m) then
        return {-1, number}
      end
    end
    if seen > now then
      now = seen
    end
  end
  meters[number] = m
end

-- Looks at all meters for who asks now whether so much may pass, and says when it may.
local function look(meters, now, cost)
  local at = now
  for number = 1, #meters do
    local m = meters[number]
    local rule, time, barred = m.rule, m.at, m.barred
    if time < now then
      time = now
    end
    rule.settle(m, time)
    m.at = time
    local ready = rule.ready(m, cost)
    if ready < barred then
      ready = barred
    end
    m.ready = ready
    if ready > at then
      at = ready
    end
  end
  return at
end

-- Stores the head of a meter, with the rest as it is by now, until then or for a millisecond.
local function store(m, head, ends)
  if ends < clock + 1000 then
    ends = clock + 1000
  end
  if m.is_large then
    redis.call('SETRANGE', m.key, 0, head)
    redis.call('PEXPIREAT', m.key, math.ceil(ends / 1000))
  else
    redis.call('SET', m.key, m.body and head .. m.body or head, 'PXAT', math.ceil(ends / 1000))
  end
end

-- Stores a meter, for as long as anything of it counts.
local function keep(m)
  local rule, seen, at, barred, told = m.rule, m.seen, m.at, m.barred, m.told
  local fresh = rule.fresh(m)
  m.fresh = fresh
  local head = struct.pack('<dddddddd', rule.code, seen, at, barred, told, m.x, m.y, m.z)
  store(m, head, math.max(fresh, seen, at, barred, told))
end

-- What is returned to who asks whether something may pass, if nothing was corrupt.
local function answer(word, now, at, meters)
  local reply = {word, now, at, 0, 0, 0}
  for number = 1, #meters do
    local m = meters[number]
    local place, rule, barred = 3 * number, m.rule, m.barred
    local wait, fresh, left = m.ready - now, m.fresh, 0
    if fresh == 0 then
      fresh = rule.fresh(m)
    end
    if fresh < barred then
      fresh = barred
    end
    fresh = fresh - now
    if m.at == now and barred <= now then
      left = rule.left(m)
    end
    reply[place + 1] = wait > 0 and wait or 0
    reply[place + 2] = left > 0 and left or 0
    reply[place + 3] = fresh > 0 and fresh or 0
  end
  return corrupt and {-1, corrupt} or reply
end
