"""The layers over the backends: each by itself, and all of them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any

import storage.aio
from tests.contract.backends import BACKENDS, Ground, Half, Row
from tests.day import IS_LONG

Wrap = Callable[[Half, Any, Ground], Any]
"""Makes a layer over a store."""


def _step(value: Any) -> Any:
    return value


MIGRATIONS = {1: _step, 2: _step}


def _enhanced(half: Half, store: Any, ground: Ground) -> Any:
    options = {} if store.capabilities.expiry_ms else {"ttl": ground.ttl}
    return half.enhance_storage(store, migrations=MIGRATIONS, clock=ground.clock, **options)


def _compressed(half: Half, store: Any, ground: Ground) -> Any:
    return half.compressed(store, over=16)


def _encrypted(half: Half, store: Any, ground: Ground) -> Any:
    return half.encrypted(store, b"k" * 32)


def _typed(half: Half, store: Any, ground: Ground) -> Any:
    """A type that everything is of, so that the same laws hold."""
    return store.typed(object)


def _folded(half: Half, store: Any, ground: Ground) -> Any:
    under = _compressed(half, _encrypted(half, store, ground), ground)
    return _enhanced(half, under.typed(object), ground)


def _tiered(half: Half, store: Any, ground: Ground) -> Any:
    """A store with few copies near at hand, whose clocks go with that of the entries."""
    tiered = half.tiered(store, max=3, ttl=3600)
    backend = tiered._backend._room
    backend._owned, backend._near.clock = True, lambda: monotonic() + ground.clock()
    backend._now_ms = lambda: 1000 * ground.clock()
    return tiered


LAYERS: dict[str, Wrap] = {
    "enhanced": _enhanced,
    "compressed": _compressed,
    "encrypted": _encrypted,
    "typed": _typed,
    "folded": _folded,
    "tiered": _tiered,
}
OVER = {
    "enhanced": {"memory", "four-methods", "only-reads-and-writes"},
    "compressed": {"memory"},
    "encrypted": {"memory", "one-step-client"},
    "typed": {"memory"},
    "folded": {"memory", "reads-and-writes"},
    "tiered": {"memory", "valkey", "four-methods", "reads-and-writes"},
}
"""Over what each is proved in every run; with `STORAGE_TEST_LONG` it is over everything."""

EXPIRING = {"enhanced", "folded"}
"""What gives lifetimes to a backend that has none."""


def over(row: Row, name: str, wrap: Wrap | None = None) -> Row:
    """The layer called *name* over what *row* makes, which is closed with it."""
    wrap = LAYERS[name] if wrap is None else wrap

    def make(half: Half, ground: Ground) -> Any:
        store = wrap(half, row.make(half, ground), ground)
        store._owner = True
        return store

    can = row.capabilities
    if name in EXPIRING:
        can = can._replace(expiry_ms=can.expiry_ms or 1)
    knows = row.knows_none or name not in ("compressed", "typed", "tiered")
    layered = replace(row, make=make, capabilities=can, knows_none=knows)
    return replace(layered, name=f"{name} {row.name}")


IN_BOTH = ("memory", "sqlite", "valkey", "folded memory")
"""What runs in both colours by day; of the others each runs in one, every second one in asyncio."""

BY_NIGHT = (
    *("shelf", "four-methods", "encrypted memory", "well memory", "only-reads-and-writes"),
    *("gramio-memory", "gramio-mappings", "mixed-client", "bare"),
    *("compressed memory", "typed memory", "folded reads-and-writes", "tiered four-methods"),
)
"""What another row is like, but for the object or the store that it is over, or what is proved by
day with a layer over it, which does more of it."""


def by_day(rows: list[Row]) -> list[Row]:
    """Those of *rows* that are run by day, all of them with `STORAGE_TEST_LONG`."""
    names = list(dict.fromkeys(row.name for row in rows))
    halves = {name: {row.half for row in rows if row.name == name} for name in names}

    def is_chosen(row: Row) -> bool:
        is_second = names.index(row.name) % 2 == 1
        return len(halves[row.name]) == 1 or (row.half is storage.aio) is is_second

    chosen = [row for row in rows if row.name in IN_BOTH or is_chosen(row)]
    return rows if IS_LONG else [row for row in chosen if row.name not in BY_NIGHT]


LAYERED = [
    over(row, name)
    for name in LAYERS
    for row in BACKENDS
    if row.name in OVER[name] or (IS_LONG and row.server != "miniflare")
]
