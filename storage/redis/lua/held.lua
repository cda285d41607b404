-- Has somebody keep slots, or give them back.
-- KEYS: the meters.
-- ARGV: the rules (see meters.lua), whether they are kept (1) or given back (0), and the token.
-- Returns 1 where that one had a slot of each meter, or else 0.
local is_kept, token = ARGV[2] == '1', ARGV[3]
local had = 1
for number = 1, #meters do
  local m = meters[number]
  local now = math.max(clock, m.seen)
  local others, own = {}, 0
  for from = 1, #(m.body or ''), 24 do
    local who, till = struct.unpack('<c16d', m.body, from)
    if till > now and who == token then
      own = own + 1
    elseif till > now then
      others[#others + 1] = string.sub(m.body, from, from + 23)
    end
  end
  if own == 0 then
    had = 0
  else
    if is_kept then
      others[#others + 1] = string.rep(struct.pack('<c16d', token, now + m.b), own)
    end
    m.body, m.seen = table.concat(others), now
    keep(m)
  end
end
return {had}
