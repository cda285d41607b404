-- Lets something pass by meters at the first moment at which it may, after all who wait already.
-- KEYS: the meters, and the places that were given back.
-- ARGV: the rules (see meters.lua), the cost, and how many microseconds from now it may be at the most.
-- Returns what hit.lua does; the number after that of the last meter is that of the places.
local cost, patience = tonumber(ARGV[2]), tonumber(ARGV[3])
local called = KEYS[#meters + 1]
local places, problem = places_in(called, #meters + 1, now)
if not places then
  return problem
end
-- What was given back after the last that counts is of before a reset.
local last = math.huge
for number = 1, #meters do
  local m = meters[number]
  last = math.min(last, m.raw == '' and 0 or m.at)
end
for number = #places, 1, -1 do
  if places[number][1] > last then
    table.remove(places, number)
    places.is_shorter = true
  end
end
local at, barred = look(meters, now, cost), 0
for number = 1, #meters do
  barred = math.max(barred, meters[number].barred)
end
for number, place in ipairs(places) do
  local free = place[2]
  if free >= cost and barred <= place[1] and place[1] <= now + patience then
    local reply = answer(1, now, place[1], meters)
    if not corrupt then
      place[2] = free - cost
      if free == cost then
        table.remove(places, number)
      end
      keep_places(called, places)
    end
    return reply
  end
end
local passes = at <= now + patience
for number = 1, passes and #meters or 0 do
  local m = meters[number]
  if at > m.at then
    m.rule.settle(m, at)
    m.at = at
  end
end
if corrupt then
  return {-1, corrupt}
end
for number = 1, passes and #meters or 0 do
  local m = meters[number]
  m.seen = now
  m.rule.spend(m, cost)
  keep(m)
end
local reply = answer(passes and 1 or 0, now, passes and at or 0, meters)
if places.is_shorter and not corrupt then
  keep_places(called, places)
end
return reply
