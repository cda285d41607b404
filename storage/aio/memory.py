"""Memory in the asyncio half: the same object, called in place."""

from __future__ import annotations

from collections.abc import Sequence

from ..memory.kv import MemoryBackend
from ..records import Capabilities, Deletion, Missing, Page
from ..ttl import Expiry


class MemoryFace:
    """A memory backend behind `await`; no call gives way to another task."""

    def __init__(self, backend: MemoryBackend, *, borrowed: bool = False) -> None:
        self._inner = backend
        self._borrowed = borrowed
        self.label: str = backend.label
        self.capabilities: Capabilities = backend.capabilities

    async def read(self, name: str) -> bytes | None:
        return self._inner.read(name)

    async def ends(self, name: str) -> int | Missing | None:
        return self._inner.ends(name)

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        self._inner.write(name, raw, expiry)

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        return self._inner.add(name, raw, expiry)

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        return self._inner.swap(name, old, new, expiry)

    async def remove(self, name: str) -> bool:
        return self._inner.remove(name)

    async def exists(self, name: str) -> bool:
        return self._inner.exists(name)

    async def touch(self, name: str, expiry: Expiry) -> bool:
        return self._inner.touch(name, expiry)

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        return self._inner.incr(name, by, initial, expiry)

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        return self._inner.read_many(names)

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        self._inner.write_many(entries, expiry)

    async def remove_many(self, names: Sequence[str]) -> int:
        return self._inner.remove_many(names)

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        return self._inner.page(prefix, cursor, values)

    async def clear(self, prefix: str) -> int:
        return self._inner.clear(prefix)

    async def aclose(self) -> None:
        if not self._borrowed:
            self._inner.close()
