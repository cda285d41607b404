"""Two stores of which the second stands in for the first, which is well, or dead from the start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import storage
import storage.aio
from storage import Capabilities
from tests.contract.backends import BACKENDS, Ground, Half, Make, Row
from tests.day import IS_LONG
from tests.servers.process import free_port

FIRST = {"memory", "sqlite-gramio", "reads-and-writes"} | ({"cloudflare"} if IS_LONG else set())
"""Backends that stand before memory: one whose layout is our own, one that is coarser, and one that
never looks and writes at once."""

A_DAY = 86_400.0


def never(error: storage.UnavailableError) -> None:
    raise AssertionError("nobody fell back here") from error


def always(error: storage.UnavailableError) -> None:
    pass


def _beside(half: Half, ground: Ground, *, verbatim: bool) -> Any:
    """A store in memory whose names are other ones than those of the first store."""
    if verbatim:
        return half.Storage(half.MemoryStorage(clock=ground.clock)._backend, names=VERBATIM)
    return half.MemoryStorage(clock=ground.clock).namespace("other")


VERBATIM = storage.keys.Names("other:", verbatim=True)


def well(row: Row) -> Row:
    """What *row* makes, and memory, which is never needed."""

    def make(half: Half, ground: Ground) -> Any:
        first = row.make(half, ground)
        second = _beside(half, ground, verbatim=row.verbatim)
        return _held(half.fallback(first, second, on_error=never))

    atomic = None if row.capabilities.atomic is None else "process"
    can = row.capabilities._replace(atomic=atomic, durable=False)
    well = replace(row, make=make, capabilities=can, leases=False)
    return replace(well, name=f"well {row.name}")


def _dead(half: Half, ground: Ground) -> Any:
    """A server that nobody runs, and memory in its place; one call finds out, for all."""
    first = half.RedisStorage(
        f"redis://127.0.0.1:{free_port()}", prefix="", ttl=ground.ttl, timeout=0.01
    )
    second = _beside(half, ground, verbatim=False)
    return _held(half.fallback(first, second, on_error=always, pause=A_DAY))


def _bare(half: Half, ground: Ground) -> Any:
    """The same with an object in its place, which keeps no lifetimes and lists no keys."""
    first = half.RedisStorage(f"redis://127.0.0.1:{free_port()}", prefix="", timeout=0.01)
    second = half.adapt(BY_NAME["four-methods"].make(half, ground))
    return _held(half.fallback(first, second, on_error=always, pause=A_DAY))


def _held(store: Any) -> Any:
    """*store*, which closes both stores with itself, so that nothing stays open."""
    store._owner = True
    return store


BY_NAME = {row.name: row for row in BACKENDS}
IN_MEMORY = BY_NAME["memory"].capabilities
BARE = Capabilities(atomic="process", expiry_ms=None, iteration=False, durable=False)
DEAD: dict[str, tuple[Make, Capabilities]] = {"dead": (_dead, IN_MEMORY), "bare": (_bare, BARE)}

FALLBACKS = [
    *(well(row) for row in BACKENDS if row.name in FIRST),
    *(
        Row(name, make, can, half)
        for half in (storage, storage.aio)
        for name, (make, can) in DEAD.items()
    ),
]
