-- Takes a lease if it is free and nobody is ahead in the queue, or stands in the queue.
-- KEYS: the lease, the queue by order, the queue by how long each place is kept.
-- ARGV: who asks, the lifetime of the lease, how long the place is kept (0: there is none).
-- Returns whether it is held now, the milliseconds until that may change by itself, and the place
-- in the queue, where those before have lesser ones (0: none).
local lease, queue, kept = unpack(KEYS)
return {acquire(lease, queue, kept, ARGV[1], ARGV[2], tonumber(ARGV[3]))}
