# Written by tools/mirror.py from storage/tracing.py: change that file and run the tool.
"""What the `storage` logger shows at DEBUG: each operation of a backend with its key and how long
it took, and never a value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ..closed import closed
from .protocols import Backend
from ..records import Capabilities, Deletion, Missing, Page
from .runtime import timed
from ..ttl import Expiry

DEBUG: int = logging.DEBUG

known: Callable[[int], bool | None] = getattr(logging.getLogger("storage"), "_cache", {}).get
"""Whether a level is logged, as far as the logger remembers it since the last change: `False` is
sure, and known in half the time that it takes to ask."""


class Traced:
    """*backend*, with a log line an operation while that is wanted.

    What is done most often goes straight to the room behind it where nobody listens.
    """

    def __init__(self, backend: Backend) -> None:
        self._room: Backend = backend
        self.label: str = backend.label
        self.capabilities: Capabilities = backend.capabilities

    async def read(self, name: str) -> bytes | None:
        if known(DEBUG) is False:
            return await self._room.read(name)
        with timed(self.label, "read", name):
            return await self._room.read(name)

    async def ends(self, name: str) -> int | Missing | None:
        with timed(self.label, "ends", name):
            return await self._room.ends(name)

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        with timed(self.label, "write", name):
            await self._room.write(name, raw, expiry)

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        with timed(self.label, "add", name):
            return await self._room.add(name, raw, expiry)

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        if known(DEBUG) is False:
            return await self._room.swap(name, old, new, expiry)
        with timed(self.label, "swap", name):
            return await self._room.swap(name, old, new, expiry)

    async def remove(self, name: str) -> bool:
        with timed(self.label, "remove", name):
            return await self._room.remove(name)

    async def exists(self, name: str) -> bool:
        with timed(self.label, "exists", name):
            return await self._room.exists(name)

    async def touch(self, name: str, expiry: Expiry) -> bool:
        with timed(self.label, "touch", name):
            return await self._room.touch(name, expiry)

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        with timed(self.label, "incr", name):
            return await self._room.incr(name, by, initial, expiry)

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        with timed(self.label, "read_many", f"{len(names)} keys"):
            return await self._room.read_many(names)

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        with timed(self.label, "write_many", f"{len(entries)} keys"):
            await self._room.write_many(entries, expiry)

    async def remove_many(self, names: Sequence[str]) -> int:
        with timed(self.label, "remove_many", f"{len(names)} keys"):
            return await self._room.remove_many(names)

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        with timed(self.label, "page", f"{prefix}*"):
            return await self._room.page(prefix, cursor, values)

    async def clear(self, prefix: str) -> int:
        with timed(self.label, "clear", f"{prefix}*"):
            return await self._room.clear(prefix)

    async def aclose(self) -> None:
        try:
            with timed(self.label, "close", ""):
                await self._room.aclose()
        finally:
            # Every view of a store stands on the same backend: it is closed for all of them.
            self._room = closed(self.label, self.capabilities)
