"""All the bugs, each one a guarantee broken in one place."""

from __future__ import annotations

from . import (
    codex,
    compat_limits,
    compat_sessions,
    demo,
    dialects,
    layers,
    leases,
    limiter,
    limits,
    moving,
    puregram,
    redis,
    redis_limits,
    session_faults,
    sessions,
    sqlite_histories,
    sqlite_limits,
    stores,
    telegram,
    typed,
    vibegram,
    visits,
)
from .bug import Bug

BUGS: list[Bug] = [
    *stores.BUGS,
    *leases.BUGS,
    *limiter.BUGS,
    *limits.BUGS,
    *visits.BUGS,
    *redis.BUGS,
    *redis_limits.BUGS,
    *layers.BUGS,
    *typed.BUGS,
    *moving.BUGS,
    *puregram.BUGS,
    *vibegram.BUGS,
    *compat_sessions.BUGS,
    *compat_limits.BUGS,
    *codex.BUGS,
    *sessions.BUGS,
    *session_faults.BUGS,
    *demo.BUGS,
    *dialects.BUGS,
    *sqlite_limits.BUGS,
    *sqlite_histories.BUGS,
    *telegram.BUGS,
]
