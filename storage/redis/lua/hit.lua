-- Lets something pass by meters, by all of them or by none.
-- KEYS: the meters.
-- ARGV: the rules (see meters.lua), what to do (hit; tell, which notes who is told that it does not
--   pass; or peek, which lets nothing pass), the cost, and the token of who takes a slot,
--   if any.
-- Returns 1 where it passes, 2 where it does not and nobody was told so yet, or else 0; which time it
--   is; when it passes, or 0; and for each meter in how many microseconds it may, how many may now,
--   and in how many microseconds nothing counts any more.
local what, cost = ARGV[2], tonumber(ARGV[3])
local at = look(meters, now, cost)
if corrupt then
  return {-1, corrupt}
elseif what == 'peek' then
  return answer(at == now and 1 or 0, now, at == now and now or 0, meters)
elseif at == now then
  for number = 1, #meters do
    local m = meters[number]
    m.seen = now
    m.rule.spend(m, cost, ARGV[4])
    keep(m)
  end
  return answer(1, now, now, meters)
end
local news = what == 'tell'
for number = 1, #meters do
  local m = meters[number]
  news = news and (m.ready <= now or m.told <= now)
end
local reply = answer(news and 2 or 0, now, 0, meters)
for number = 1, news and not corrupt and #meters or 0 do
  local m = meters[number]
  if m.ready > now then
    -- What is kept stays as it was, and is not settled.
    local head = m.raw
    if head == '' then
      head = struct.pack('<dddddddd', m.rule.code, 0, 0, 0, 0, 0, 0, 0)
    end
    local first, next, rest = string.sub(head, 1, 8), string.sub(head, 17, 32), string.sub(head, 41, 64)
    head = first .. struct.pack('<d', now) .. next .. struct.pack('<d', m.ready) .. rest
    store(m, head, math.max(m.rule.fresh(m), m.ready, m.at))
  end
end
return reply
