# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Entries of which an empty string is none: GramIO leaves one where it sets `undefined`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.counting import counted
from ..errors import WrongTypeError
from ..keys import Names
from ..offers import Room, offered_or_none
from ..protocols import Backend
from ..records import DELETE, MISSING, Capabilities, Deletion, Missing, Page
from ..ttl import Expiry


class UndefinedBackend:
    """The entries of *backend*; who asks for the value of an empty one is told of none.

    It is taken away like any other, and gives way to what is written.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.label: str = backend.label
        self.capabilities: Capabilities = backend.capabilities

    def read(self, name: str) -> bytes | None:
        raw = self._backend.read(name)
        return raw or None

    def ends(self, name: str) -> int | Missing | None:
        found = self.ends_many([name])
        return found[0]

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        self._backend.write(name, raw, expiry)

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        added = self._backend.add(name, raw, expiry)
        return added or self._backend.swap(name, b"", raw, expiry)

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        return self._backend.swap(name, old, new, expiry)

    def remove(self, name: str) -> bool:
        return self._backend.remove(name)

    def exists(self, name: str) -> bool:
        raw = self._backend.read(name)
        return bool(raw)

    def touch(self, name: str, expiry: Expiry) -> bool:
        there = self.exists(name)
        return self._backend.touch(name, expiry) if there else False

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        try:
            return self._backend.incr(name, by, initial, expiry)
        except WrongTypeError:
            total = counted(None, by, initial)
        done = self._backend.swap(name, b"", b"%d" % total, expiry)
        return total if done else self._backend.incr(name, by, initial, expiry)

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        found = self._backend.read_many(names)
        return [raw or None for raw in found]

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        self._backend.write_many(entries, expiry)

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        ends = self._backend.ends_many(names)
        raws = self._backend.read_many(names)
        return [end if raw else MISSING for end, raw in zip(ends, raws)]

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        if not replace:
            names = [name for name, _, _ in entries]
            raws = self._backend.read_many(names)
            for name, raw in zip(names, raws):
                if raw == b"":
                    self._backend.swap(name, b"", DELETE, None)
        return self._backend.restore(entries, replace)

    def remove_many(self, names: Sequence[str]) -> int:
        return self._backend.remove_many(names)

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        page = self._backend.page(prefix, cursor, values)
        return _defined(page) if values else page

    def clear(self, prefix: str) -> int:
        return self._backend.clear(prefix)

    def room(self, kind: Callable[..., Room], names: Names) -> Any:
        """That of the entries below, whose users know an empty one."""
        return offered_or_none(self._backend, kind, names)

    def close(self) -> None:
        self._backend.close()


def _defined(page: Page) -> Page:
    """*page* without its empty entries."""
    there = [(name, raw) for name, raw in zip(page.names, page.values) if raw]
    names = [name for name, _ in there]
    return page._replace(names=names, values=[raw for _, raw in there])
