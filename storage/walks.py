# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Iteration over what a store holds, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .core.layers import Layers, OnCorrupt, Seen
from .errors import CorruptValueError, MigrationError
from .lookup import Lookup
from .records import MISSING
from .runtime import Runtime

if TYPE_CHECKING:
    from .protocols import Backend


class Walks:
    """The entries of *backend* whose names start in one way, as *layers* read them."""

    def __init__(self, backend: Backend, layers: Layers) -> None:
        self._backend = backend
        self._layers = layers
        self._lookup = Lookup(backend, layers)
        self._runtime = Runtime()

    def keys(self, start: str, seen: Seen) -> Iterator[str]:
        cursor = None
        while True:
            page = self._backend.page(start, cursor, False)
            for _, key in self._layers.keys(page, seen):
                yield key
            cursor = page.cursor
            if cursor is None:
                return

    def items(self, start: str, seen: Seen, on_corrupt: OnCorrupt) -> Iterator[tuple[str, Any]]:
        cursor = None
        while True:
            page = self._backend.page(start, cursor, True)
            for index, key in self._layers.keys(page, seen):
                name, raw = page.names[index], page.values[index]
                value: Any = MISSING
                try:
                    value = self._layers.value(key, name, raw)
                    if value is MISSING:
                        self._lookup.free(name, raw)
                except (CorruptValueError, MigrationError) as error:
                    if on_corrupt == "raise":
                        raise
                    if on_corrupt != "skip":
                        self._runtime.call(on_corrupt, error)
                if value is not MISSING:
                    yield key, value
            cursor = page.cursor
            if cursor is None:
                return

    def values(self, start: str, seen: Seen, on_corrupt: OnCorrupt) -> Iterator[Any]:
        for _, value in self.items(start, seen, on_corrupt):
            yield value
