"""The adapters of session continuity: how each is made in both colours, over what a test stands
on."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

import storage
import storage.aio
import storage.aio.continuity.adapter
import storage.aio.continuity.adapters
import storage.continuity.adapter
import storage.continuity.adapters
from storage.keys import Names
from storage.testing import Clock
from tests.contract.backends import marks_of
from tests.contract.layers import by_day
from tests.servers import Server

Half = Any
"""`storage` or `storage.aio`: they have the same names."""

_prefixes = (f"bot {number}:" for number in itertools.count())


@dataclass
class Ground:
    """What adapters are made of in one test."""

    folder: Path
    clock: Clock
    server: Server | None = None
    places: dict[int, Any] = field(default_factory=dict)
    """Where the sessions of each adapter are."""

    _numbers: Any = field(default_factory=itertools.count)

    def file(self) -> Path:
        """A file that is not there yet."""
        return self.folder / f"{next(self._numbers)}.db"

    def close(self) -> None:
        if self.server is not None:
            self.server.call("FLUSHALL")


Make = Callable[[Half, Ground, Any, Any], tuple[Any, Any]]
"""Makes an adapter at a place, or at a new one, with a lifetime; gives the place, too."""


@dataclass(frozen=True)
class Row:
    """One adapter of one colour."""

    name: str
    at: Make
    half: Half
    server: str | None = None
    """The fixture of the server that it is on."""

    @property
    def share(self) -> float:
        """How much of a long random run it gets."""
        share = 0.5 if self.half is storage.aio else 1
        return share / 4 if self.server else share

    @property
    def late_ms(self) -> int:
        """How long a session lasts beyond its end: a server keeps it for that very millisecond."""
        return 1 if self.server else 0

    def ground(self, request: pytest.FixtureRequest, folder: Path, clock: Clock) -> Ground:
        """What adapters are made of; the clock of a server stands where *clock* does."""
        if self.server is None:
            return Ground(folder, clock)
        server: Server = request.getfixturevalue(self.server)
        if not server.clock_moves:
            pytest.skip(f"{self.server}: the clock of the server can not be moved here")
        clock.lead(server.hold)
        return Ground(folder, clock, server)

    def opened(self, ground: Ground, ttl: Any = None) -> Any:
        """An adapter of no sessions."""
        return self._noted(ground, None, ttl)

    def beside(self, ground: Ground, adapter: Any, ttl: Any = None) -> Any:
        """Another adapter of the same sessions."""
        return self._noted(ground, ground.places[id(adapter)], ttl)

    def spoil(self, ground: Ground, adapter: Any, kind: str, name: str, **texts: str) -> None:
        """Write *texts* into fields of a `session` or `message`, as somebody else."""
        place = ground.places[id(adapter)]
        if ground.server is not None:
            fields = [word for pair in texts.items() for word in pair]
            ground.server.call("HSET", f"{place}{kind}:{name}", *fields)
            return
        table = "storage_dialogs" if kind == "session" else "storage_dialog_messages"
        with closing(sqlite3.connect(place)) as connection, connection:
            there, where = "WHERE CAST(id AS BLOB) = ?", (name.encode(),)
            ((found,),) = connection.execute(f"SELECT fields FROM {table} {there}", where)
            told = json.dumps({**json.loads(found), **texts}).encode()
            connection.execute(f"UPDATE {table} SET fields = ? {there}", (told, *where))

    def _noted(self, ground: Ground, place: Any, ttl: Any) -> Any:
        adapter, place = self.at(self.half, ground, place, ttl)
        ground.places[id(adapter)] = place
        return adapter

    def __str__(self) -> str:
        return f"{self.name} {self.half.__name__.removeprefix('storage.')}"


def _memory(half: Half, ground: Ground, place: Any, ttl: Any) -> tuple[Any, Any]:
    if place is None:
        adapter = half.continuity.adapters.MemoryAdapter(ttl=ttl, clock=ground.clock)
        return adapter, adapter._backend
    # Another lifetime in the same memory, which no two adapters of a user share.
    return half.continuity.adapter.Adapter(place, ttl, Names()), place


def _sqlite(half: Half, ground: Ground, place: Any, ttl: Any) -> tuple[Any, Any]:
    place = place or ground.file()
    return half.continuity.adapters.SqliteAdapter(place, ttl=ttl, clock=ground.clock), place


def _redis(half: Half, ground: Ground, place: Any, ttl: Any) -> tuple[Any, Any]:
    assert ground.server
    place = place or next(_prefixes)
    adapter = half.continuity.adapters.RedisAdapter(ground.server.url, ttl=ttl, prefix=place)
    return adapter, place


def _client(half: Half, ground: Ground, place: Any, ttl: Any) -> tuple[Any, Any]:
    """One by a client of the caller's own."""
    assert ground.server
    place = place or next(_prefixes)
    library = redis if half is storage else redis.asyncio
    # Nothing is connected here, so that there is nothing to close.
    client = library.Redis(port=ground.server.port)
    return half.continuity.adapters.RedisAdapter(client, ttl=ttl, prefix=place), place


def _rows(half: Half) -> list[Row]:
    return [
        Row("memory", _memory, half),
        Row("sqlite", _sqlite, half),
        Row("valkey", _redis, half, "valkey"),
        Row("redis6", _client, half, "redis6"),
        Row("redis8", _client, half, "redis8"),
    ]


ALL = [*_rows(storage), *_rows(storage.aio)]

BY_DAY = ("memory", "sqlite", "valkey", "redis6", "redis8")

ADAPTERS: list[Row] = by_day(ALL)  # type: ignore[type-var]
"""Those that are proved in every run; with `STORAGE_TEST_LONG` it is all."""


def params(rows: list[Row]) -> list[Any]:
    """*rows* as parameters of a test."""
    return [pytest.param(row, id=str(row), marks=list(marks_of(row))) for row in rows]
