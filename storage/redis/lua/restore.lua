-- Puts entries there that end at given moments, or never.
-- KEYS: the entries. ARGV: 1 if what is there stays, else 0; then of each entry its bytes, and its
-- end in milliseconds since 1970 or nothing.
-- Returns how many it put there.
local put = 0
for index, key in ipairs(KEYS) do
  local raw, ends = ARGV[2 * index], ARGV[2 * index + 1]
  local options = {}
  if ends ~= '' then
    options = {'PXAT', ends}
  end
  if ARGV[1] == '1' then
    options[#options + 1] = 'NX'
  end
  if redis.call('SET', key, raw, unpack(options)) then
    put = put + 1
  end
end
return put
