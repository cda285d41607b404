# Written by tools/mirror.py from storage/walks.py: change that file and run the tool.
"""Iteration over what a store holds, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from ..core.layers import Layers, OnCorrupt, Seen
from ..errors import CorruptValueError, MigrationError
from .lookup import Lookup
from ..records import MISSING, Unreadable
from .runtime import Runtime

if TYPE_CHECKING:
    from .tracing import Traced


class Walks:
    """The entries of *backend* whose names start in one way, as *layers* read them."""

    def __init__(self, backend: Traced, layers: Layers) -> None:
        self._backend = backend
        self._layers = layers
        self._lookup = Lookup(backend, layers)
        self._runtime = Runtime()

    async def keys(self, start: str, seen: Seen) -> AsyncIterator[str]:
        cursor = None
        while True:
            page = await self._backend.page(start, cursor, False)
            for _, key in self._layers.keys(page, seen):
                yield key
            cursor = page.cursor
            if cursor is None:
                return

    async def items(self, start: str, seen: Seen, on_corrupt: OnCorrupt) -> AsyncIterator[tuple[str, Any]]:
        cursor = None
        while True:
            page = await self._backend.page(start, cursor, True)
            for index, key in self._layers.keys(page, seen):
                value: Any = MISSING
                try:
                    value = await self._value(key, page.names[index], page.values[index])
                except (CorruptValueError, MigrationError) as error:
                    if on_corrupt == "raise":
                        raise
                    if on_corrupt != "skip":
                        await self._runtime.call(on_corrupt, error)
                if value is not MISSING:
                    yield key, value
            cursor = page.cursor
            if cursor is None:
                return

    async def clear(self) -> int:
        """Take away all that is a key, where something else has names that begin alike."""
        cursor = None
        removed = 0
        while True:
            page = await self._backend.page(self._layers.names.prefix, cursor, False)
            names = [name for name in page.names if self._layers.names.key(name) is not None]
            there = await self._backend.remove_many(names)
            removed += there
            cursor = page.cursor
            if cursor is None:
                return removed

    async def values(self, start: str, seen: Seen, on_corrupt: OnCorrupt) -> AsyncIterator[Any]:
        async for _, value in self.items(start, seen, on_corrupt):
            yield value

    async def _value(self, key: str, name: str, raw: bytes | None) -> Any:
        """The value in *raw*, or `MISSING` where it is over."""
        if isinstance(raw, Unreadable):
            raw = await self._backend.read(name)  # which says what is wrong with it
        value = MISSING if raw is None else self._layers.value(key, name, raw)
        if raw is not None and value is MISSING:
            await self._lookup.free(name, raw)
        return value
