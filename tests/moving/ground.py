"""What the tests of whole stores stand on: both colours by plain calls, and what is in a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import MISSING
from storage.testing import Bridge, Clock
from storage.testing.bridge import Driven
from tests.contract.backends import BACKENDS, Ground, Half, Row
from tests.contract.layers import over

Kept = dict[str, tuple[bytes, "int | None"]]
"""The bytes and the end of each entry, by the name in the backend without the prefix."""


def _ending(half: Half, store: Any, ground: Ground) -> Any:
    return half.enhance_storage(store, clock=ground.clock)


PLACES = ["memory", "sqlite", "enhanced dict", "valkey"]
"""The stores between which everything is moved."""

ROWS = [
    *(row for row in BACKENDS if row.name in (*PLACES, "lru", "sqlite-puregram")),
    *(over(row, "enhanced", _ending) for row in BACKENDS if row.name == "dict"),
]


class Colour:
    """The functions of one half by plain calls."""

    def __init__(self, half: Half, bridge: Bridge) -> None:
        self.half = half
        self._bridge = bridge

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self.half, name)

        def call(*things: Any, **options: Any) -> Any:
            plain = [one._thing if isinstance(one, Driven) else one for one in things]
            if self.half is storage:
                return function(*plain, **options)
            return self._bridge.call(lambda: function(*plain, **options))

        return call

    def kept(self, store: Any) -> Kept:
        """All that the backend of *store* keeps under its prefix."""
        prefix = store._layers.names.prefix
        backend = self._bridge.driven(store._backend)
        found: Kept = {}
        cursor = None
        while True:
            page = backend.page(prefix, cursor, True)
            ends = backend.ends_many(page.names)
            for name, raw, end in zip(page.names, page.values, ends):
                if end is not MISSING:
                    found[name[len(prefix) :]] = (raw, end)
            cursor = page.cursor
            if cursor is None:
                return found

    def put(self, store: Any, name: str, raw: bytes, ends: int | None = None) -> None:
        """Put bytes into the backend of *store* as somebody else may have."""
        prefix = store._layers.names.prefix
        self._bridge.driven(store._backend).restore([(prefix + name, raw, ends)], True)


class Places:
    """Makes stores, and closes them at the end."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path, half: Half) -> None:
        self.clock = Clock()
        self.bridge = Bridge()
        self.colour = Colour(half, self.bridge)
        self._request = request
        self._folder = folder
        self._half = half
        self._closing: list[Callable[[], object]] = []

    def make(self, name: str) -> Any:
        """A store in the place that is called *name*."""
        row = next(row for row in ROWS if row.name == name and row.half is self._half)
        return self.opened(row)

    def opened(self, row: Row) -> Any:
        ground = row.ground(self._request, self._folder, self.clock)
        store = self.bridge.driven(row.opened(ground))
        self._closing += [ground.close, store.close]
        return store

    def close(self) -> None:
        for close in reversed(self._closing):
            close()
        self.bridge.close()


@contextmanager
def places(request: pytest.FixtureRequest, folder: Path, half: Half) -> Iterator[Places]:
    made = Places(request, folder, half)
    try:
        yield made
    finally:
        made.close()


def marked(names: list[str]) -> list[Any]:
    """*names* of places as parameters; those on a server are marked."""
    rows = {row.name: row for row in ROWS}
    return [
        pytest.param(name, marks=[pytest.mark.server] if rows[name].server else [])
        for name in names
    ]
