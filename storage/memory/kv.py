"""Key-value in memory: bytes in a mapping, under one lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from typing import NoReturn

from ..core.counting import counted
from ..dialog_store import DialogStore
from ..errors import ClosedError, ConfigurationError
from ..keys import Names
from ..offers import Clocked, Countable, QuickMeters
from ..protocols import HistoryStore, LeaseStore, RateLimitStore, Sweeper, VisitStore
from ..records import DELETE, MISSING, Capabilities, Deletion, Missing, Page, Sight
from ..runtime import after_fork, mutex
from ..ttl import At, Clock, Expiry, Keeping, deadline
from .deadlines import Deadlines
from .dialogs import Dialogs, MemoryDialogs
from .entry import Entry
from .histories import MemoryHistories, Talks
from .leases import Board, MemoryLeases
from .limits import MemoryLimits
from .meters import Meters
from .visits import MemoryVisits

Room = MemoryLeases | MemoryLimits | MemoryVisits | MemoryHistories | MemoryDialogs

_PURGED_PER_WRITE = 8


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
        self._lock = mutex()
        self._board = Board(self.label, clock)
        self._meters = Meters(self.label, clock)
        self._talks = Talks(self.label, clock)
        self._dialogs = Dialogs(self.label, clock)
        self._entries: MutableMapping[str, Entry]
        self._peek: Callable[[str], Entry | None]
        self._use: Callable[[str], Entry | None]
        self._find: Callable[[str], Entry | None]
        self._pairs: Callable[[], Iterable[tuple[str, Entry]]]
        if max_entries is None:
            self._keep_all()
        else:
            self._keep_recent(max_entries)
        self._due = Deadlines(self._peek, self._pairs)
        after_fork(self, MemoryBackend._unlock)

    def read(self, name: str) -> bytes | None:
        # Looked at before the entry: what comes later has not ended when this call began.
        soonest = self._due.soonest
        entry = self._find(name)
        if entry is None or (soonest <= (now := self._clock() * 1000) and _over(entry, now)):
            return None
        return entry[0]

    def ends(self, name: str) -> int | Missing | None:
        with self._lock:
            entry = self._live(name, self._now())
        return MISSING if entry is None else entry[1]

    def sight(self, name: str) -> Sight:
        """The entry and what it has left, at one moment."""
        with self._lock:
            now = self.now_ms()
            entry = self._use(name)
        if entry is None or _over(entry, now):
            return Sight(None, None, now)
        raw, ends = entry
        return Sight(raw, None if ends is None else ends - now, now)

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        now = int(self._clock() * 1000)
        with self._lock:
            # `_put` without its frames, for the lifetimes that are mostly told.
            if type(expiry) is not int:
                self._put(name, raw, expiry, now)
                return
            ends = now + expiry
            before = self._peek(name)
            if before is None or before[1] is None or before[1] > ends:
                self._due.add(name, ends)
            self._entries[name] = (raw, ends)
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
            if entry is None or entry[0] != old:
                return False
            if new is DELETE:
                del self._entries[name]
            elif type(expiry) is Keeping:
                self._entries[name] = (new, entry[1])
                self._purge(now)
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
                self._put(name, entry[0], expiry, now)
        return entry is not None

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        now = self._now()
        with self._lock:
            entry = self._live(name, now)
            total = counted(None if entry is None else entry[0], by, initial)
            self._put(name, b"%d" % total, expiry, now)
        return total

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        return [self.read(name) for name in names]

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        now = self._now()
        with self._lock:
            for name, raw in entries:
                self._put(name, raw, expiry, now)

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        now = self._now()
        with self._lock:
            found = [self._live(name, now) for name in names]
        return [MISSING if entry is None else entry[1] for entry in found]

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        now = self._now()
        restored = 0
        with self._lock:
            for name, raw, ends in entries:
                if replace or self._live(name, now) is None:
                    self._put(name, raw, None if ends is None else At(ends), now)
                    restored += 1
        return restored

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
                if name.startswith(prefix) and not _over(entry, now)
            ]
        raws = [entry[0] for _, entry in found] if values else []
        return Page([name for name, _ in found], raws, None)

    def clear(self, prefix: str) -> int:
        return self.remove_many(self.page(prefix, None, False).names)

    def count(self) -> int:
        """How many entries there are; those that are over are freed."""
        self.sweep()
        return len(self._entries)

    def sweep(self) -> int:
        """Free all that is over, and say how many entries that were."""
        now = self._now()
        swept = 0
        with self._lock:
            self._peek("")  # which refuses where this is closed
            for name in self._due.over(now):
                del self._entries[name]
                swept += 1
        return swept

    def now_ms(self) -> int:
        """Which moment it is for the entries."""
        return int(self._now())

    def room(self, kind: object, names: Names) -> Room | MemoryBackend | None:
        """The room of this *kind*, if there is one: the backend itself is what is counted or swept
        and tells the time."""
        if kind in (Countable, Clocked, Sweeper):
            return self
        if kind is VisitStore:
            return MemoryVisits(self, self._board, names)
        if kind in (RateLimitStore, QuickMeters):
            return MemoryLimits(self._meters, names)
        if kind is HistoryStore:
            return MemoryHistories(self._talks, names)
        if kind is DialogStore:
            return MemoryDialogs(self._dialogs, names)
        return MemoryLeases(self._board, names) if kind is LeaseStore else None

    def close(self) -> None:
        self._board.close()
        self._meters.close()
        self._talks.close()
        self._dialogs.close()
        self._peek = self._use = self._find = self._pairs = self._refuse
        with self._lock:
            self._entries = {}
            self._due = Deadlines(self._refuse, self._refuse)

    def __len__(self) -> int:
        """How many entries are kept, those that are over and not freed yet included."""
        return len(self._entries)

    def _keep_all(self) -> None:
        entries: dict[str, Entry] = {}
        self._entries, self._pairs = entries, entries.items
        self._peek = self._use = self._find = entries.get

    def _keep_recent(self, max_entries: float) -> None:
        try:
            from .recent import Recent
        except ImportError:
            raise ConfigurationError("an LRU store needs cachetools") from None
        entries = Recent(max_entries, self._victim)
        self._entries, self._pairs = entries, entries.pairs
        self._peek, self._use, self._find = entries.peek, entries.use, self._refresh

    def _now(self) -> float:
        return self._clock() * 1000

    def _refresh(self, name: str) -> Entry | None:
        with self._lock:
            return self._use(name)

    def _live(self, name: str, now: float) -> Entry | None:
        entry = self._peek(name)
        if entry is None or ((ends := entry[1]) is not None and ends <= now):
            return None
        return entry

    def _put(self, name: str, raw: bytes, expiry: Expiry, now: float) -> None:
        before = self._peek(name)
        ends = _ends(before, expiry, now)
        if ends is not None and ends <= now:  # it is over before it comes
            self._entries.pop(name, None)
            return
        if ends is not None and not _announced(before, ends):
            self._due.add(name, ends)
        self._entries[name] = (raw, ends)
        self._purge(now)

    def _purge(self, now: float) -> None:
        if self._due.soonest > now:
            return
        for _, name in zip(range(_PURGED_PER_WRITE), self._due.over(now)):
            del self._entries[name]

    def _victim(self) -> str | None:
        now = self._now()
        return None if self._due.soonest > now else next(self._due.over(now), None)

    def _unlock(self) -> None:
        self._lock = mutex()

    def _refuse(self, name: str = "") -> NoReturn:
        raise ClosedError("the store is closed", store=self.label)


def _over(entry: Entry, now: float) -> bool:
    ends = entry[1]
    return ends is not None and ends <= now


def _announced(before: Entry | None, ends: int) -> bool:
    """Whether the heap of deadlines will meet this entry in time as it is."""
    return before is not None and before[1] is not None and before[1] <= ends


def _ends(before: Entry | None, expiry: Expiry, now: float) -> int | None:
    if before is None or not isinstance(expiry, Keeping) or _over(before, now):
        return deadline(expiry, int(now))
    return before[1]
