-- Lets nothing pass by meters for some time, or for longer where that is so already.
-- KEYS: the meters. ARGV: the rules (see meters.lua), and for how many microseconds.
-- Returns 1.
local span = tonumber(ARGV[2])
for number = 1, #meters do
  local m = meters[number]
  m.seen = math.max(clock, m.seen)
  m.barred = math.max(m.barred, m.seen + span)
  m.rule.fresh(m)
end
if corrupt then
  return {-1, corrupt}
end
for number = 1, #meters do
  keep(meters[number])
end
return {1}
