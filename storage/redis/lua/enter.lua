-- Takes a lease as acquire.lua does, and looks at the entry under the same key.
-- KEYS: the entry, the lease, the queue by order, the queue by how long each place is kept.
-- ARGV: as for acquire.lua.
-- Returns what acquire.lua does and then, which counts where the lease is held, what look.lua does.
local entry, lease, queue, kept = unpack(KEYS)
-- Before anything is done: an entry of another kind ends the script here.
local raw = redis.call('GET', entry)
local held, wait, place = acquire(lease, queue, kept, ARGV[1], ARGV[2], tonumber(ARGV[3]))
if held == 0 then
  return {0, wait, place, false, 0, 0}
end
return {1, 0, 0, raw, redis.call('PTTL', entry), now_ms()}
