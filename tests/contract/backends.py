"""The one table of backends: how each is made in both colours, and what it must be able to do."""

from __future__ import annotations

import itertools
import shelve
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

import storage
import storage.aio
import storage.aio.clients
import storage.aio.compat.gramio
import storage.aio.compat.puregram
import storage.clients
import storage.compat.gramio
import storage.compat.puregram
from storage import Capabilities
from storage.core.clients import commands
from storage.keys import Names
from storage.testing import Clock
from tests.cloudflare.binding import Least, Namespace, Whole
from tests.contract.clients import Mixed, OneStep, OnServer, TwoSteps
from tests.contract.stepless import ReadsAndWrites
from tests.day import IS_LONG
from tests.servers import Server
from tests.servers.cloudflare import KvServer
from tests.servers.miniflare import Engine

Half = Any
"""`storage` or `storage.aio`: they have the same names."""

Make = Callable[[Half, "Ground"], Any]


@dataclass
class Ground:
    """What a store is made of in one test."""

    folder: Path
    clock: Clock
    ttl: float | None
    server: Server | None = None
    kv: KvServer | Engine | None = None
    borrowed: list[sqlite3.Connection] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """A place where no store is yet."""
        return self.folder / f"{len(list(self.folder.iterdir()))}.db"

    def connection(self) -> sqlite3.Connection:
        """A connection of the caller's own, with a setting of the caller's own."""
        connection = sqlite3.connect(self.file, check_same_thread=False)
        connection.execute("PRAGMA synchronous = OFF")
        self.borrowed.append(connection)
        return connection

    def close(self) -> None:
        """What was lent to a store is still open after it, and set as it was."""
        if self.server is not None:
            self.server.call("FLUSHALL")
        for connection in self.borrowed:
            assert connection.execute("PRAGMA synchronous").fetchone() == (0,)
            connection.close()


@dataclass(frozen=True)
class Row:
    """One backend of one colour."""

    name: str
    make: Make
    capabilities: Capabilities
    half: Half
    verbatim: bool = False
    knows_none: bool = True
    leases: bool = False
    server: str | None = None
    """The fixture of the server that it is on."""
    is_kv: bool = False
    """It is on the server that behaves like Cloudflare's KV, which goes by any clock, or on the
    engine that *server* names, which goes by its own: the store keeps to the ends it was told."""
    prefixed: bool = False
    longest_key: int | None = None
    no_keys: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """How much of a long random run it gets: what hops between threads costs ten times more."""
        share = 0.5 if self.half is storage.aio else 1
        return share / 4 if self.server or self.is_kv else share

    @property
    def late_ms(self) -> int:
        """How long an entry lasts beyond its end: a server keeps it for that very millisecond."""
        return 1 if self.server and not self.is_kv else 0

    def ground(self, request: pytest.FixtureRequest, folder: Path, clock: Clock) -> Ground:
        """What a store is made of; the clock of a server stands where *clock* does."""
        if self.is_kv:
            kv: KvServer | Engine = request.getfixturevalue(self.server or "kv")
            kv.clear()
            if isinstance(kv, KvServer):
                kv.clock = clock
            return Ground(folder, clock, None, kv=kv)
        if self.server is None:
            return Ground(folder, clock, None)
        server: Server = request.getfixturevalue(self.server)
        if not server.clock_moves:
            pytest.skip(f"{self.server}: the clock of the server can not be moved here")
        clock.lead(server.hold)
        return Ground(folder, clock, None, server)

    def opened(self, ground: Ground) -> Any:
        return self.make(self.half, ground)

    def __str__(self) -> str:
        return f"{self.name} {self.half.__name__.removeprefix('storage.')}"


class ThreeMethods:
    """The least that can be adapted."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class FourMethods(ThreeMethods):
    def has(self, key: str) -> bool:
        return key in self.values


class MixedMethods(FourMethods):
    """Some of the methods are awaited, and some are not."""

    async def get(self, key: str) -> Any:
        return self.values.get(key)

    async def delete(self, key: str) -> None:
        self.values.pop(key, None)

    async def keys(self) -> list[str]:
        return list(self.values)


def _memory(half: Half, ground: Ground) -> Any:
    return half.MemoryStorage(ttl=ground.ttl, clock=ground.clock)


def _lru(half: Half, ground: Ground) -> Any:
    return half.LruMemoryStorage(100_000, ttl=ground.ttl, clock=ground.clock)


def _sqlite(layout: str) -> Make:
    def make(half: Half, ground: Ground) -> Any:
        return half.SqliteStorage(ground.file, layout=layout, ttl=ground.ttl, clock=ground.clock)

    return make


def _gramio(half: Half, ground: Ground) -> Any:
    compat = half.compat.gramio
    return compat.sqlite_storage(ground.file, ttl=ground.ttl, clock=ground.clock)


def _boxed(half: Half, ground: Ground) -> Any:
    return half.compat.gramio.in_memory_storage({})


def _gramio_redis(half: Half, ground: Ground) -> Any:
    assert ground.server
    options = {"host": "127.0.0.1", "port": ground.server.port, "$ttl": ground.ttl or 0}
    return half.compat.gramio.redis_storage({**options, "keyPrefix": next(_prefixes)})


def _in_both(half: Half, ground: Ground) -> Any:
    first = half.MemoryStorage(clock=ground.clock)
    second = half.LruMemoryStorage(100_000, clock=ground.clock)
    return half.compat.gramio.with_fallback_storages([first, second], ttl=ground.ttl)


def _in_mappings(half: Half, ground: Ground) -> Any:
    boxed = half.compat.gramio.in_memory_storage({})
    return half.compat.gramio.with_fallback_storages([boxed, {}])


def _connection(half: Half, ground: Ground) -> Any:
    return half.SqliteStorage(ground.connection(), ttl=ground.ttl, clock=ground.clock)


_prefixes = (f"bot {number}:" for number in itertools.count())
_even_prefixes = (f"bot {number % 10_000:04}:" for number in itertools.count())
"""As long as each other, so that the longest key under each has as many bytes."""


def _redis(half: Half, ground: Ground) -> Any:
    assert ground.server
    return half.RedisStorage(ground.server.url, prefix=next(_prefixes), ttl=ground.ttl)


def _puregram(half: Half, ground: Ground) -> Any:
    assert ground.server
    compat = half.compat.puregram
    return compat.RedisStorage(ground.server.url, prefix=next(_prefixes), ttl=ground.ttl)


def _cloudflare(half: Half, ground: Ground) -> Any:
    assert ground.kv
    return _at_edge(half, ground, prefix=next(_even_prefixes), ttl=ground.ttl)


def _on_engine(half: Half, ground: Ground) -> Any:
    """Which writes key by key, each into a file of its own."""
    return _at_edge(half, ground, prefix=next(_even_prefixes), ttl=ground.ttl, timeout=120)


def _as_gramio(half: Half, ground: Ground) -> Any:
    """What GramIO keeps, whose keys have no prefix: whatever was in the namespace is gone."""
    assert ground.kv
    ground.kv.clear()
    ground.kv.clock = ground.clock
    store = half.compat.gramio.cloudflare_storage(_at_edge(half, ground, ttl=ground.ttl))
    store._owner = True
    return store


def _at_edge(half: Half, ground: Ground, **options: Any) -> Any:
    kv = ground.kv
    assert kv
    place = (kv.account, kv.namespace, kv.token)
    return half.CloudflareStorage(*place, base_url=kv.url, clock=ground.clock, **options)


def _client(**settings: Any) -> Make:
    """A store over a client of the caller's own."""

    def make(half: Half, ground: Ground) -> Any:
        assert ground.server
        library = redis if half is storage else redis.asyncio
        # Nothing is connected here, so that there is nothing to close.
        client = library.Redis(port=ground.server.port, **settings)
        return half.RedisStorage(client, prefix=next(_prefixes), ttl=ground.ttl)

    return make


def _adapted(thing: Callable[[], Any]) -> Make:
    return lambda half, ground: half.adapt(thing())


def _by(kind: Callable[[Any], Any], *, on_server: bool = False) -> Make:
    """A store by the few commands of a client that somebody has written."""

    def make(half: Half, ground: Ground) -> Any:
        thing = kind(ground.server if on_server else ground.clock)
        backend = half.clients.ClientBackend(commands(thing, expires=True), ground.clock)
        names = Names(next(_prefixes), verbatim=True, beside=True)
        return half.Storage(backend, ttl=ground.ttl, names=names)

    return make


def _stepless(*, expires: bool) -> Make:
    """A store over a backend of a stranger's that never looks and writes at once."""

    def make(half: Half, ground: Ground) -> Any:
        backend = ReadsAndWrites(ground.clock, expires=expires)
        lifted = half.lift(backend) if half is storage.aio else backend
        return half.Storage(lifted, ttl=ground.ttl if expires else None)

    return make


IN_MEMORY = Capabilities(atomic="process", expiry_ms=1, iteration=True, durable=False)
IN_A_FILE = Capabilities(atomic="shared", expiry_ms=1, iteration=True, durable=True)
ON_A_SERVER = IN_A_FILE
IN_SECONDS = Capabilities(atomic="shared", expiry_ms=1000, iteration=True, durable=True)
A_MAPPING = Capabilities(atomic="process", expiry_ms=None, iteration=True, durable=False)
AN_OBJECT = Capabilities(atomic="process", expiry_ms=None, iteration=False, durable=False)

AT_THE_EDGE = Capabilities(atomic=None, expiry_ms=1, iteration=True, durable=True)
NO_STEPS = Capabilities(atomic=None, expiry_ms=1, iteration=True, durable=False)
A_CLIENT = Capabilities(atomic="process", expiry_ms=1, iteration=False, durable=True)


def _rows(half: Half) -> list[Row]:
    return [
        Row("memory", _memory, IN_MEMORY, half, leases=True),
        Row("lru", _lru, IN_MEMORY, half, leases=True),
        Row("sqlite", _sqlite("storage"), IN_A_FILE, half, leases=True),
        Row("sqlite-connection", _connection, IN_A_FILE, half, leases=True),
        Row("sqlite-puregram", _sqlite("puregram"), IN_A_FILE, half, verbatim=True, leases=True),
        Row("sqlite-gramio", _gramio, IN_SECONDS, half, verbatim=True, leases=True),
        Row("dict", _adapted(dict), A_MAPPING, half),
        Row("gramio-memory", _boxed, A_MAPPING, half, verbatim=True),
        Row("shelf", _adapted(lambda: shelve.Shelf({})), A_MAPPING, half),
        Row("four-methods", _adapted(FourMethods), AN_OBJECT, half),
        Row("three-methods", _adapted(ThreeMethods), AN_OBJECT, half, knows_none=False),
        Row("one-step-client", _by(OneStep), A_CLIENT, half, verbatim=True),
        Row("two-step-client", _by(TwoSteps), A_CLIENT, half, verbatim=True),
        Row("reads-and-writes", _stepless(expires=True), NO_STEPS, half),
        Row(
            "only-reads-and-writes",
            _stepless(expires=False),
            NO_STEPS._replace(expiry_ms=None),
            half,
        ),
        Row(
            "cloudflare",
            _cloudflare,
            AT_THE_EDGE,
            half,
            is_kv=True,
            prefixed=True,
            longest_key=512 - len("bot 0000:"),
        ),
        Row(
            "cloudflare-verbatim",
            _as_gramio,
            AT_THE_EDGE,
            half,
            verbatim=True,
            is_kv=True,
            longest_key=512,
            no_keys=("", ".", ".."),
        ),
        Row("gramio-fallback", _in_both, NO_STEPS, half, verbatim=True),
        Row(
            "gramio-mappings",
            _in_mappings,
            NO_STEPS._replace(expiry_ms=None),
            half,
            verbatim=True,
        ),
        Row("valkey", _redis, ON_A_SERVER, half, leases=True, server="valkey"),
        Row(
            "valkey-puregram",
            _puregram,
            ON_A_SERVER,
            half,
            verbatim=True,
            leases=True,
            server="valkey",
        ),
        Row(
            "valkey-gramio",
            _gramio_redis,
            ON_A_SERVER,
            half,
            verbatim=True,
            leases=True,
            server="valkey",
        ),
        Row("redis8", _client(protocol=3), ON_A_SERVER, half, leases=True, server="redis8"),
        Row("redis6", _client(protocol=2), ON_A_SERVER, half, leases=True, server="redis6"),
        Row(
            "redis6-client",
            _by(OnServer, on_server=True),
            A_CLIENT,
            half,
            verbatim=True,
            server="redis6",
        ),
    ]


def _bound(kind: Callable[[Namespace], Any], *, prefixed: bool) -> Make:
    """A store over the binding of a Worker."""

    def make(half: Half, ground: Ground) -> Any:
        prefix = next(_even_prefixes) if prefixed else ""
        binding = kind(Namespace(ground.clock))
        return half.CloudflareStorage(binding, prefix=prefix, ttl=ground.ttl, clock=ground.clock)

    return make


def _by_night(half: Half) -> Iterator[Row]:
    """What runs in the long form only."""
    yield Row(
        "cloudflare-engine",
        _on_engine,
        AT_THE_EDGE,
        half,
        server="miniflare",
        is_kv=True,
        prefixed=True,
        longest_key=512 - len("bot 0000:"),
    )


BACKENDS = [
    *_rows(storage),
    *_rows(storage.aio),
    Row("mixed-methods", _adapted(MixedMethods), A_MAPPING, storage.aio),
    Row("mixed-client", _by(Mixed), A_CLIENT, storage.aio, verbatim=True),
    Row(
        "cloudflare-binding",
        _bound(Whole, prefixed=True),
        AT_THE_EDGE,
        storage.aio,
        prefixed=True,
        longest_key=512 - len("bot 0000:"),
    ),
    Row(
        "cloudflare-least-binding",
        _bound(Least, prefixed=False),
        AT_THE_EDGE,
        storage.aio,
        longest_key=512,
        no_keys=("", ".", ".."),
    ),
    *(_by_night(storage) if IS_LONG else ()),
    *(_by_night(storage.aio) if IS_LONG else ()),
]


ON_EVERY_PYTHON = (
    "memory",
    "lru",
    "sqlite",
    "dict",
    "mixed-methods",
    "one-step-client",
    "folded memory",
)
"""One of a kind, without a server; by day, the others are proved on one Python."""

ELSEWHERE: dict[str, Half] = {"memory": storage, "folded memory": storage.aio}
"""Those of them that run in one colour on the other Pythons, by day."""


def params(rows: list[Row]) -> list[Any]:
    """*rows* as parameters of a test."""
    return [pytest.param(row, id=str(row), marks=list(marks_of(row))) for row in rows]


def marks_of(row: Any) -> Iterator[pytest.MarkDecorator]:
    """What is said of the tests of a row, here and of the adapters of session continuity."""
    if row.server:
        yield pytest.mark.server
    if not (IS_LONG or is_on_every_python(row)):
        yield pytest.mark.once


def is_on_every_python(row: Any) -> bool:
    """Whether a row is run on the other Pythons by day."""
    return row.name in ON_EVERY_PYTHON and row.half is ELSEWHERE.get(row.name, row.half)
