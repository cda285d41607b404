"""Copies of entries near at hand: of so many at the most, each for so long at the most, and none
of what somebody is known to have changed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from weakref import WeakValueDictionary

from ..runtime import reentrant

Look = tuple["bytes | None", "float | None"]
"""The bytes of an entry, if there is one, and how many seconds it has left; `None` for ever."""

_SOME: Final = 64


class Kept:
    """A copy, since when and until when it may be taken for the entry, and how often it was since
    its last turn."""

    __slots__ = ("name", "raw", "since", "until", "used")

    def __init__(self, name: str, raw: bytes, since: float) -> None:
        self.name: str = name
        self.raw: bytes = raw
        self.since: float = since
        self.until: float = -math.inf
        self.used: int = 0


class Asked:
    """An entry that some are about to read, and that has not changed since the first was.

    Only their tickets hold it, so it goes with them, also where an interrupt ends a read.
    """

    __slots__ = ("__weakref__",)


class Ticket:
    """A read that is under way since a moment, and what it asks for."""

    __slots__ = ("asked", "since")

    def __init__(self, since: float) -> None:
        self.since: float = since
        self.asked: list[Asked] = []


class Near:
    """Copies of *most* entries, each for *seconds* at the most by *clock*, which only goes on.

    It is shut at first. While it is open somebody tells what has changed, and is `sure` until a
    moment to have told all of it; after that nobody takes a copy. Who takes one needs no lock: a
    look-up is atomic, and what is dropped is dropped before anybody goes on who waits for that.
    A signal handler may strike between any two steps, and do all of this in between.
    """

    def __init__(self, most: float, seconds: float, clock: Callable[[], float]) -> None:
        self.clock: Callable[[], float] = clock
        self.entries: dict[str, Kept] = {}
        self.sure: float = -math.inf
        self.watched: bool = False
        self.misses: int = 0
        self.most: float = most
        self._longest = self._seconds = seconds
        self._hits = 0
        self._is_open = False
        self.is_ended: bool = False
        self._asked: WeakValueDictionary[str, Asked] = WeakValueDictionary()
        self._line: deque[Kept] = deque()
        self._lock = reentrant()

    @property
    def hits(self) -> int:
        """How many copies were taken."""
        with self._lock:
            return self._hits + self._used()

    def find(self, name: str) -> bytes | None:
        """The copy of an entry, if there is one.

        First it is looked until when it is sure, and then for the copy: what was not told in time
        is dropped before it is sure again.
        """
        now = self.clock()
        if now >= self.sure:
            return None
        kept = self.entries.get(name)
        if kept is None or now >= kept.until:
            return None
        kept.used += 1
        return kept.raw

    def ask(self, names: Iterable[str]) -> Ticket | None:
        """Somebody is about to read *names*; `None` where it is of no use to tell what is there."""
        ticket = Ticket(self.clock())
        with self._lock:
            if not self._is_open:
                return None
            for name in names:
                asked = self._asked.setdefault(name, Asked())
                ticket.asked.append(asked)
        return ticket

    def answer(self, ticket: Ticket, names: Sequence[str], looks: Sequence[Look]) -> None:
        """What came of it; nothing where it failed.

        What was dropped meanwhile is not kept. However many read at once, each copy is as good.
        """
        with self._lock:
            self.misses += len(names)
            for place, (name, asked) in enumerate(zip(names, ticket.asked)):
                if self._asked.get(name) is not asked:
                    continue
                raw, left = looks[place] if looks else (None, None)
                if raw is not None:
                    self._keep(name, raw, ticket.since, left, asked)
            ticket.asked = []

    def drop(self, names: Sequence[str]) -> None:
        """These have changed, or will; who is struck in the middle of it does it again."""
        try:
            self._drop(names)
        except BaseException:
            self._drop(names)
            raise

    def empty(self) -> None:
        """Everything has changed, or will."""
        with self._lock:
            self._empty()

    def open(self, *, watched: bool, sure: float = math.inf, seconds: float = math.inf) -> None:
        """From now on it is told what changes, and so far it is for *sure*; or, where it is not
        *watched*, copies grow no older than *seconds*."""
        with self._lock:
            if self.is_ended:
                return
            self._empty()
            self._is_open, self.watched = True, watched
            self._seconds = min(self._longest, seconds)
            self.sure = sure

    def shut(self) -> None:
        """From now on nobody tells what changes."""
        with self._lock:
            self._shut()

    def end(self) -> None:
        """Be shut for good."""
        with self._lock:
            self.is_ended = True
            self._shut()

    def leave_behind(self) -> None:
        """Be shut in a forked process: who told of changes is in the parent."""
        self._lock = reentrant()
        self._shut()

    def _drop(self, names: Sequence[str]) -> None:
        with self._lock:
            for name in names:
                self._asked.pop(name, None)
                self._forget(self.entries.pop(name, None))

    def _shut(self) -> None:
        self._is_open = self.watched = False
        self.sure = -math.inf
        self._empty()

    def _keep(self, name: str, raw: bytes, since: float, left: float | None, asked: Asked) -> None:
        seconds = self._seconds if left is None else min(left, self._seconds)
        former = self.entries.get(name)
        if seconds <= 0 or (former is not None and former.since > since):
            return
        kept = Kept(name, raw, since)
        while name not in self.entries and len(self.entries) >= self.most:
            self._make_room()
        self._line.append(kept)
        self._forget(former)
        self.entries[name] = kept
        # Nobody takes it yet: who strikes from here on and drops it has it where it is found.
        if self._asked.get(name) is asked:
            kept.until = since + seconds
        else:
            self._forget(self.entries.pop(name, None))
        if len(self._line) > 2 * len(self.entries) + _SOME:
            self._tidy()

    def _tidy(self) -> None:
        """Have only copies that are there stand in line."""
        for _ in range(len(self._line)):
            kept = self._first()
            if kept is not None and self.entries.get(kept.name) is kept:
                self._line.append(kept)

    def _make_room(self) -> None:
        """Have the oldest no more, or the next one that was not used since its last turn."""
        for _ in range(2 * len(self._line)):
            kept = self._first()
            if kept is None or self.entries.get(kept.name) is not kept:
                continue
            used = kept.used
            if not used or kept.until <= self.clock():
                self._forget(self.entries.pop(kept.name, None))
                return
            self._hits += used
            kept.used = 0
            self._line.append(kept)
        # All of them are in use all the time, by others.
        for name in list(self.entries)[:1]:
            self._forget(self.entries.pop(name, None))
        self._line = deque(self.entries.values())

    def _first(self) -> Kept | None:
        """Who is first in line, unless who has struck has emptied it."""
        try:
            return self._line.popleft()
        except IndexError:
            return None

    def _forget(self, kept: Kept | None) -> None:
        if kept is not None:
            self._hits += kept.used

    def _used(self) -> int:
        return sum(kept.used for kept in list(self.entries.values()))

    def _empty(self) -> None:
        self._hits += self._used()
        self._line, self._asked, self.entries = deque(), WeakValueDictionary(), {}
