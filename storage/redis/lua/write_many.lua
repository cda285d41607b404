-- Puts entries there, all with the same options.
-- KEYS: the entries. ARGV: how many options, the options of SET, then the bytes of each entry.
-- Returns how many there are.
local options = tonumber(ARGV[1])
for index, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[1 + options + index], unpack(ARGV, 2, 1 + options))
end
return #KEYS
