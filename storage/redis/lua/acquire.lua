-- Takes a lease if it is free and nobody is ahead in the queue, or stands in the queue.
-- KEYS: the lease, the queue by order, the queue by how long each place is kept.
-- ARGV: who asks, the lifetime of the lease, how long the place is kept (0: there is none).
-- Returns whether it is held now, and the milliseconds until that may change by itself.
local lease, queue, kept = unpack(KEYS)
return {acquire(lease, queue, kept, ARGV[1], ARGV[2], tonumber(ARGV[3]))}
