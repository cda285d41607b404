"""A backend of a stranger's that reads and writes, and never does both at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

from storage import MISSING, Capabilities
from storage.errors import ClosedError, UnsupportedError
from storage.records import Deletion, Missing, Page
from storage.ttl import Expiry, Keeping, deadline

_PAGE = 100


class ReadsAndWrites:
    """Entries in a dict; a store over it must know by itself what is not to be asked of it."""

    label = "reads and writes"

    def __init__(self, clock: Callable[[], float], *, expires: bool = True) -> None:
        self.capabilities = Capabilities(
            atomic=None, expiry_ms=1 if expires else None, iteration=True, durable=False
        )
        self._clock = clock
        self._kept: dict[str, tuple[bytes, int | None]] | None = {}

    def read(self, name: str) -> bytes | None:
        entry = self._live(name)
        return None if entry is None else entry[0]

    def ends(self, name: str) -> int | Missing | None:
        entry = self._live(name)
        return MISSING if entry is None else entry[1]

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        assert not isinstance(expiry, Keeping), "what is there is not known when it is written"
        assert expiry is None or self.capabilities.expiry_ms, "nothing expires here"
        self._entries()[name] = (raw, deadline(expiry, self._now()))

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        self._never("add")

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        self._never("swap")

    def remove(self, name: str) -> bool:
        there = self.exists(name)
        self._entries().pop(name, None)
        return there

    def exists(self, name: str) -> bool:
        return self._live(name) is not None

    def touch(self, name: str, expiry: Expiry) -> bool:
        assert isinstance(expiry, Keeping), "an end is moved with its value, which is not known"
        return self.exists(name)

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        self._never("incr")

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        return [self.read(name) for name in names]

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        self._entries()
        for name, raw in entries:
            self.write(name, raw, expiry)

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        return [self.ends(name) for name in names]

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        if not replace:
            raise UnsupportedError("what is there is not known when it is written")
        expires = self.capabilities.expiry_ms is not None
        for name, raw, ends in entries:
            self._entries()[name] = (raw, ends if expires else None)
        return len(entries)

    def remove_many(self, names: Sequence[str]) -> int:
        self._entries()
        return sum([self.remove(name) for name in names])

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        names = sorted(name for name in self._entries() if name.startswith(prefix))
        some = [name for name in names if cursor is None or name > cursor][:_PAGE]
        found = {name: raw for name in some if (raw := self.read(name)) is not None}
        at = some[-1] if some and some[-1] != names[-1] else None
        return Page(list(found), list(found.values()) if values else [], at)

    def clear(self, prefix: str) -> int:
        return self.remove_many([name for name in self._entries() if name.startswith(prefix)])

    def close(self) -> None:
        self._kept = None

    def _live(self, name: str) -> tuple[bytes, int | None] | None:
        entry = self._entries().get(name)
        if entry is None or (entry[1] is not None and entry[1] <= self._now()):
            return None
        return entry

    def _entries(self) -> dict[str, tuple[bytes, int | None]]:
        if self._kept is None:
            raise ClosedError("the store is closed", store=self.label)
        return self._kept

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _never(self, what: str) -> NoReturn:
        raise AssertionError(f"{what} looks and writes at once, which is not done here")
