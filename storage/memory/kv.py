"""Key-value in memory: bytes in a mapping, under one lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from typing import NoReturn

from ..core.counting import counted
from ..errors import ClosedError, ConfigurationError
from ..keys import Names
from ..protocols import LeaseStore
from ..records import DELETE, MISSING, Capabilities, Deletion, Missing, Page
from ..runtime import after_fork, mutex
from ..ttl import Clock, Expiry, Keeping, deadline
from .deadlines import Deadlines
from .entry import Entry
from .leases import Board, MemoryLeases

_PURGED_PER_WRITE = 8

_entry = tuple.__new__  # makes a named tuple in half the time


class MemoryBackend:
    """Entries of this process.

    *entries* is a dict, or a bounded mapping. A read of a dict takes no lock: one look-up is
    atomic, and entries are replaced, never changed.
    """

    capabilities: Capabilities = Capabilities(
        atomic="process", expiry_ms=1, iteration=True, durable=False
    )

    def __init__(self, clock: Clock, max_entries: float | None = None) -> None:
        self.label: str = "memory" if max_entries is None else "lru memory"
        self._clock = clock
        self._due = Deadlines()
        self._lock = mutex()
        self._board = Board(self.label, clock)
        self._entries: MutableMapping[str, Entry]
        self._peek: Callable[[str], Entry | None]
        self._find: Callable[[str], Entry | None]
        self._pairs: Callable[[], Iterable[tuple[str, Entry]]]
        if max_entries is None:
            self._keep_all()
        else:
            self._keep_recent(max_entries)
        after_fork(self, MemoryBackend._unlock)

    def read(self, name: str) -> bytes | None:
        entry = self._find(name)
        if entry is None:
            return None
        if entry.ends is None or entry.ends > self._clock() * 1000:
            return entry.raw
        return None

    def ends(self, name: str) -> int | Missing | None:
        with self._lock:
            entry = self._live(name, self._now())
        return MISSING if entry is None else entry.ends

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        now = int(self._clock() * 1000)
        with self._lock:
            # `_put` without its frame, for the lifetimes that are mostly told.
            if type(expiry) is not int:
                self._put(name, raw, expiry, now)
                return
            ends = now + expiry
            before = self._peek(name)
            self._entries[name] = _entry(Entry, (raw, ends))
            if before is None or before.ends is None or before.ends > ends:
                self._announce(name, ends)
            if self._due.soonest <= now:
                self._purge(now)

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        now = self._now()
        with self._lock:
            if self._live(name, now) is not None:
                return False
            self._put(name, raw, expiry, now)
        return True

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        now = self._now()
        with self._lock:
            entry = self._live(name, now)
            if entry is None or entry.raw != old:
                return False
            if new is DELETE:
                del self._entries[name]
            else:
                self._put(name, new, expiry, now)
        return True

    def remove(self, name: str) -> bool:
        return self.remove_many([name]) == 1

    def exists(self, name: str) -> bool:
        with self._lock:
            return self._live(name, self._now()) is not None

    def touch(self, name: str, expiry: Expiry) -> bool:
        now = self._now()
        with self._lock:
            entry = self._live(name, now)
            if entry is not None and not isinstance(expiry, Keeping):
                self._put(name, entry.raw, expiry, now)
        return entry is not None

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        now = self._now()
        with self._lock:
            entry = self._live(name, now)
            total = counted(None if entry is None else entry.raw, by, initial)
            self._put(name, b"%d" % total, expiry, now)
        return total

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        return [self.read(name) for name in names]

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        now = self._now()
        with self._lock:
            for name, raw in entries:
                self._put(name, raw, expiry, now)

    def remove_many(self, names: Sequence[str]) -> int:
        now = self._now()
        removed = 0
        with self._lock:
            for name in names:
                removed += self._live(name, now) is not None
                self._entries.pop(name, None)
        return removed

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        now = self._now()
        with self._lock:
            found = [
                (name, entry)
                for name, entry in self._pairs()
                if name.startswith(prefix) and (entry.ends is None or entry.ends > now)
            ]
        raws = [entry.raw for _, entry in found] if values else []
        return Page([name for name, _ in found], raws, None)

    def clear(self, prefix: str) -> int:
        return self.remove_many(self.page(prefix, None, False).names)

    def room(self, kind: object, names: Names) -> MemoryLeases | None:
        """The leases and claims of this backend, where these are asked for."""
        return MemoryLeases(self._board, names) if kind is LeaseStore else None

    def close(self) -> None:
        self._board.close()
        self._peek = self._find = self._pairs = self._refuse
        with self._lock:
            self._entries = {}
            self._due = Deadlines()

    def __len__(self) -> int:
        """How many entries are kept, those that are over and not freed yet included."""
        return len(self._entries)

    def _keep_all(self) -> None:
        entries: dict[str, Entry] = {}
        self._entries, self._pairs = entries, entries.items
        self._peek = self._find = entries.get

    def _keep_recent(self, max_entries: float) -> None:
        try:
            from .recent import Recent
        except ImportError:
            raise ConfigurationError("an LRU store needs cachetools") from None
        entries = Recent(max_entries, self._victim)
        self._entries, self._pairs = entries, entries.pairs
        self._peek, self._find = entries.peek, self._refresh

    def _now(self) -> float:
        return self._clock() * 1000

    def _refresh(self, name: str) -> Entry | None:
        with self._lock:
            try:
                return self._entries[name]
            except KeyError:
                return None

    def _live(self, name: str, now: float) -> Entry | None:
        entry = self._peek(name)
        if entry is None or (entry.ends is not None and entry.ends <= now):
            return None
        return entry

    def _put(self, name: str, raw: bytes, expiry: Expiry, now: float) -> None:
        before = self._peek(name)
        ends = int(now) + expiry if type(expiry) is int else _ends(before, expiry, now)
        self._entries[name] = _entry(Entry, (raw, ends))
        if ends is not None and not _announced(before, ends):
            self._announce(name, ends)
        if self._due.soonest <= now:
            self._purge(now)

    def _announce(self, name: str, ends: int) -> None:
        self._due.add(name, ends)
        self._due.tidy(self._pairs, len(self._entries))

    def _purge(self, now: float) -> None:
        for _, name in zip(range(_PURGED_PER_WRITE), self._due.over(now, self._peek)):
            del self._entries[name]

    def _victim(self) -> str | None:
        if self._due.soonest > self._now():
            return None
        return next(self._due.over(self._now(), self._peek), None)

    def _unlock(self) -> None:
        self._lock = mutex()

    def _refuse(self, name: str = "") -> NoReturn:
        raise ClosedError("the store is closed", store=self.label)


def _announced(before: Entry | None, ends: int) -> bool:
    """Whether the heap of deadlines will meet this entry in time as it is."""
    return before is not None and before.ends is not None and before.ends <= ends


def _ends(before: Entry | None, expiry: Expiry, now: float) -> int | None:
    if before is None or not isinstance(expiry, Keeping):
        return deadline(expiry, int(now))
    if before.ends is not None and before.ends <= now:
        return deadline(expiry, int(now))
    return before.ends
