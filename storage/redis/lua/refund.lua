-- Gives back what passed, or a moment to which somebody waits.
-- KEYS: the meters, and then the places that were given back; without these, nobody waits.
-- ARGV: the rules (see meters.lua), the cost, and when it passed or would.
-- Returns 1; the number after that of the last meter is that of the places.

-- What is kept when the last that passed has not passed after all.
local function undo(m, cost)
  local code = m.rule.code
  if code == 4 then
    m.x, m.z = math.max(m.y, m.x - cost), 0
  elseif code == 5 then
    m.x, m.y, m.z = math.max(0, m.x - cost * m.b), 0, 0
  elseif code ~= 6 then
    m.y = math.max(0, m.y - cost)
  end
end

-- What is kept when that which passed at a moment does not count any more.
local function refund(m, cost, at)
  local code, x, per = m.rule.code, m.x, m.b
  if code == 4 then
    if at + per > m.at then
      m.y = math.min(x, m.y + cost)
    end
  elseif code == 5 then
    m.x = math.max(0, x - math.max(0, cost * m.b - m.c * (m.at - at)))
  elseif code ~= 6 and at >= x then
    m.y = math.max(0, m.y - cost)
  elseif code == 3 and at >= x - per then
    m.z = math.max(0, m.z - cost)
  end
end

local cost, at = tonumber(ARGV[2]), tonumber(ARGV[3])
local called = KEYS[#meters + 1]
local places, problem = places_in(called, #meters + 1, now)
if not places then
  return problem
end
if at == 0 then
  at = now
end
if not called then
  at = math.min(at, now)
end
local is_last, is_held = true, true
for number = 1, #meters do
  local m = meters[number]
  is_last = is_last and m.raw ~= '' and m.at == at
  is_held = is_held and m.raw ~= '' and m.at >= at
end
if at > now and not is_last then
  -- What counts at that moment goes to who asks next. After a reset nothing does.
  if is_held then
    places[#places + 1] = {at, cost}
    table.sort(places, function(one, other)
      return one[1] < other[1] or (one[1] == other[1] and one[2] < other[2])
    end)
  end
  if is_held or places.is_shorter then
    keep_places(called, places)
  end
  return {1}
end
for number = 1, #meters do
  local m = meters[number]
  if at > now then
    undo(m, cost)
  elseif m.raw ~= '' then
    local later = math.max(now, m.at)
    m.rule.settle(m, later)
    m.seen, m.at = now, later
    refund(m, cost, at)
  end
  m.rule.fresh(m)
end
if corrupt then
  return {-1, corrupt}
end
for number = 1, #meters do
  local m = meters[number]
  if m.raw ~= '' then
    keep(m)
  end
end
if places.is_shorter then
  keep_places(called, places)
end
return {1}
