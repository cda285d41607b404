-- Puts entries there that end at given moments, or never.
-- KEYS: the entries. ARGV: 1 if what is there stays, else 0; then of each entry its bytes, and its
-- end in milliseconds since 1970, or nothing where it stays.
-- Returns how many it put there.
local put = 0
for index, key in ipairs(KEYS) do
  local raw, ends = ARGV[2 * index], ARGV[2 * index + 1]
  local done
  if ARGV[1] == '0' then
    done = redis.call('SET', key, raw, 'PXAT', ends)
  elseif ends == '' then
    done = redis.call('SET', key, raw, 'NX')
  else
    done = redis.call('SET', key, raw, 'NX', 'PXAT', ends)
  end
  if done then
    put = put + 1
  end
end
return put
