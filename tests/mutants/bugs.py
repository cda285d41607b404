"""All the bugs, each one a guarantee broken in one place."""

from __future__ import annotations

from . import layers, leases, moving, puregram, redis, session_faults, stores, typed
from .bug import Bug

BUGS: list[Bug] = [
    *stores.BUGS,
    *leases.BUGS,
    *redis.BUGS,
    *layers.BUGS,
    *typed.BUGS,
    *moving.BUGS,
    *puregram.BUGS,
    *session_faults.BUGS,
]
