# Written by tools/mirror.py from storage/continuity/adapters.py: change that file and run the tool.
"""Adapters by name: each says where sessions are kept, and everything else is `Adapter`."""

from __future__ import annotations

from ...keys import Names
from ...redis.options import Options as RedisOptions
from ...redis.options import RedisPlace
from ..rooms import memory, redis, sqlite
from ..runtime import wall_clock
from ...sqlite.options import DEFAULT_LAYOUT, Durability, Options, Place
from ...ttl import Clock, DefaultTtl, default_span
from .adapter import Adapter


class MemoryAdapter(Adapter):
    """Sessions in this process; gone with it."""

    name = "memory"

    def __init__(self, *, ttl: DefaultTtl = None, clock: Clock = wall_clock) -> None:
        super().__init__(memory([], None, clock, None), ttl, Names())


class SqliteAdapter(Adapter):
    """Sessions in a SQLite file, beside the *table* of a `SqliteStorage` if there is one.

    *place* is a path, or a connection of the caller's own; *durability* is that of a
    `SqliteStorage`.
    """

    name = "sqlite"

    def __init__(
        self,
        place: Place,
        *,
        table: str | None = None,
        ttl: DefaultTtl = None,
        durability: Durability = "normal",
        clock: Clock = wall_clock,
    ) -> None:
        default_span(ttl, "the ttl of an adapter")
        options = Options(place, table, DEFAULT_LAYOUT, None, durability, clock)
        super().__init__(sqlite(options), ttl, Names())


class RedisAdapter(Adapter):
    """Sessions on a server of Redis or Valkey, in the keys of session-continuity under *prefix*.

    *client* is a URL, or a client of redis-py, which is not closed. The keys of a session lie in
    several slots, so it can not be a cluster.
    """

    name = "redis"

    def __init__(
        self,
        client: RedisPlace,
        *,
        ttl: DefaultTtl = None,
        prefix: str = "",
        timeout: float | None = None,
        accept_retries: bool = False,
    ) -> None:
        default_span(ttl, "the ttl of an adapter")
        names = Names(prefix, verbatim=True)
        options = RedisOptions(client, prefix, timeout, accept_retries)
        super().__init__(redis(options), ttl, names)
