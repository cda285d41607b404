"""Places where several versions of the code keep their records, and somebody else writes too.

What somebody else does there goes past the store, by plain calls in whichever thread: so it can
be done in the middle of a migration.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage.codecs import JSON
from storage.testing import Bridge, Clock
from tests.servers import Server

_numbers = itertools.count()


def record(version: int, data: str, end: object = None) -> str:
    """A record as it is kept: *data* is JSON."""
    tail = "" if end is None else f',"__exp":{end}'
    return f'{{"__v":{version},"data":{data}{tail}}}'


class Place:
    """A store of one colour without layers, and what it keeps."""

    native = True
    """Whether it keeps lifetimes itself."""

    late_ms = 0
    """How long an entry lasts there beyond its end."""

    def __init__(self, base: Any, half: Any, bridge: Bridge, clock: Clock) -> None:
        self.base = base
        self.half = half
        self.bridge = bridge
        self.clock = clock
        self.plain = bridge.driven(base)

    def code(self, migrations: Any = None, *, apart: bool = False, **options: Any) -> Any:
        """A version of the code, which knows these *migrations*.

        One that runs *apart* waits for nobody else who changes a key, as another process does.
        """
        base = self.base
        if apart:
            base = self.half.Storage(base._backend, names=base._layers.names)
        over = {"migrations": migrations, "clock": self.clock, **options}
        return self.bridge.driven(self.half.enhance_storage(base, **over))

    def plant(self, text: str, name: str = "k") -> None:
        """Put bytes there as somebody else does; they never end."""
        raise NotImplementedError

    def kept(self, name: str = "k") -> str | None:
        """The bytes that are there, over or not."""
        raise NotImplementedError

    def drop(self, name: str = "k") -> None:
        """Take it away, as somebody else does."""
        raise NotImplementedError

    def ends(self, name: str = "k") -> int | None:
        """When it ends for the place itself, in milliseconds; `None` for never."""
        raise NotImplementedError


class InMemory(Place):
    def plant(self, text: str, name: str = "k") -> None:
        self._room.write(name, text.encode(), None)

    def kept(self, name: str = "k") -> str | None:
        raw = self._room.read(name)
        return None if raw is None else str(raw, "utf-8")

    def drop(self, name: str = "k") -> None:
        self._room.remove(name)

    def ends(self, name: str = "k") -> int | None:
        end: int | None = self._room.ends(name)
        return end

    @property
    def _room(self) -> Any:
        room = self.base._backend._room
        return getattr(room, "_inner", room)


class InAFile(Place):
    path: Path

    def plant(self, text: str, name: str = "k") -> None:
        self._run("INSERT OR REPLACE INTO storage (key, value) VALUES (?, ?)", name, text)

    def kept(self, name: str = "k") -> str | None:
        row = self._run("SELECT value FROM storage WHERE key = ?", name)
        return None if row is None else str(row[0])

    def drop(self, name: str = "k") -> None:
        self._run("DELETE FROM storage WHERE key = ?", name)

    def ends(self, name: str = "k") -> int | None:
        row = self._run("SELECT expires_at FROM storage WHERE key = ?", name)
        assert row is not None
        end: int | None = row[0]
        return end

    def _run(self, sql: str, *cells: str) -> Any:
        with closing(sqlite3.connect(self.path, timeout=20)) as connection, connection:
            return connection.execute(sql, cells).fetchone()


class InADict(Place):
    native = False
    values: dict[str, Any]

    def plant(self, text: str, name: str = "k") -> None:
        self.values[name] = json.loads(text)

    def kept(self, name: str = "k") -> str | None:
        return JSON.encode(self.values[name]).decode() if name in self.values else None

    def drop(self, name: str = "k") -> None:
        del self.values[name]

    def ends(self, name: str = "k") -> int | None:
        return None


class OnAServer(Place):
    late_ms = 1
    server: Server

    def plant(self, text: str, name: str = "k") -> None:
        self.server.call("SET", self._name(name), text)

    def kept(self, name: str = "k") -> str | None:
        raw = self.server.call("GET", self._name(name))
        return None if raw is None else raw.decode()

    def drop(self, name: str = "k") -> None:
        self.server.call("DEL", self._name(name))

    def ends(self, name: str = "k") -> int | None:
        end = self.server.call("PEXPIRETIME", self._name(name))
        return None if end == -1 else end

    def _name(self, name: str) -> str:
        return f"{self.base._layers.names.prefix}{name}"


KINDS = ("memory", "sqlite", "dict", "valkey")
HALVES = (storage, storage.aio)


def params(*kinds: str) -> list[Any]:
    """Places of *kinds*, in both colours."""
    return [
        pytest.param(
            (kind, half),
            id=f"{kind} {half.__name__.removeprefix('storage.')}",
            marks=[pytest.mark.server] if kind == "valkey" else [],
        )
        for kind in kinds
        for half in HALVES
    ]


@contextmanager
def opened(
    kind: str, half: Any, folder: Path, server: Server | None, clock: Clock, **options: Any
) -> Iterator[Place]:
    """An empty place for the length of a `with` block."""
    with Bridge() as bridge:
        place = _made(kind, half, bridge, clock, folder, server, options)
        try:
            yield place
        finally:
            place.plain.close()
            if server is not None:
                server.call("FLUSHALL")


def _made(
    kind: str,
    half: Any,
    bridge: Bridge,
    clock: Clock,
    folder: Path,
    server: Server | None,
    options: dict[str, Any],
) -> Place:
    if kind == "memory":
        return InMemory(half.MemoryStorage(clock=clock, **options), half, bridge, clock)
    if kind == "sqlite":
        path = folder / f"{next(_numbers)}.db"
        in_a_file = InAFile(half.SqliteStorage(path, clock=clock, **options), half, bridge, clock)
        in_a_file.path = path
        in_a_file.plain.has("k")  # the file and its table are made with the first call
        return in_a_file
    if kind == "dict":
        values: dict[str, Any] = {}
        in_a_dict = InADict(half.adapt(values), half, bridge, clock)
        in_a_dict.values = values
        return in_a_dict
    assert server is not None
    clock.lead(server.hold)
    prefix = f"versions {next(_numbers)}:"
    made = half.RedisStorage(server.url, prefix=prefix, **options)
    on_a_server = OnAServer(made, half, bridge, clock)
    on_a_server.server = server
    return on_a_server


def server_for(kind: str, request: pytest.FixtureRequest) -> Server | None:
    """The server that *kind* is on; without a clock that moves the test is skipped."""
    if kind != "valkey":
        return None
    server: Server = request.getfixturevalue("valkey")
    if not server.clock_moves:
        pytest.skip("valkey: the clock of the server can not be moved here")
    return server


@contextmanager
def placed(request: pytest.FixtureRequest, folder: Path, **options: Any) -> Iterator[Place]:
    """The place that is the parameter of a fixture."""
    kind, half = request.param
    server = server_for(kind, request)
    with opened(kind, half, folder, server, Clock(), **options) as place:
        yield place
