-- Takes conversations away of which that is known which is expected.
-- KEYS: the conversations. ARGV: what is expected of each.
-- Returns how many there were.
local removed = 0
for number = 1, #KEYS do
  if redis.pcall('LINDEX', KEYS[number], 0) == ARGV[number] then
    removed = removed + redis.call('UNLINK', KEYS[number])
  end
end
return removed
