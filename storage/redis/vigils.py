"""Who waits until somebody else is done, and which of them are asleep at the server meanwhile.

That takes a connection for each, which is dear to make and one of so many: where thousands wait,
nobody would hear in time. It is the turn of the first one of a queue alone, so the others wait
here until they are that.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable

from ..runtime import after_fork, monotonic, reentrant

MOST_ASLEEP = 100
"""So many of a store are asleep at its servers at the most."""

GRACE_SECONDS = 5.0
"""Who is so late with the end of his vigil may have died, as those do who wait in an event loop
that is closed. One who lives has no harm of it."""


class Vigil:
    """One who waits in a queue at some *place*, *until* then at the most, and goes on when he hears
    the *ring*."""

    __slots__ = ("is_due", "place", "queue", "ring", "until")

    def __init__(self, queue: bytes, place: int, until: float, ring: Callable[[], object]) -> None:
        self.queue: bytes = queue
        self.place: int = place
        self.until: float = until
        self.ring: Callable[[], object] = ring
        self.is_due: bool = False
        """Whether it is his turn to be asleep at the server."""

    def __lt__(self, other: Vigil) -> bool:
        return self.place < other.place


class Vigils:
    """All who wait for what is behind one door."""

    def __init__(self) -> None:
        self._start()
        after_fork(self, Vigils._start)

    def stands(self, token: str, place: int) -> None:
        """The one of this *token* stands at that *place* of a queue, or at none, which is 0."""
        if place:
            self._places[token] = place
        else:
            self._places.pop(token, None)

    def of(self, queue: bytes, token: str, until: float, ring: Callable[[], object]) -> Vigil:
        """What the one of this *token* begins and ends."""
        return Vigil(queue, self._places.get(token, 0), until, ring)

    def begin(self, vigil: Vigil) -> None:
        """Stand behind those who stand before in the queue."""
        with self._mutex:
            self._bury(vigil.queue)
            line = self._lines.setdefault(vigil.queue, [])
            insort(line, vigil)
            if line[0] is vigil:
                self._firsts[vigil] = None
                self._call()

    def end(self, vigil: Vigil) -> None:
        """Wait no more, and let those behind go on, wherever an interrupt strikes."""
        try:
            self._end(vigil)
        except BaseException:
            self._end(vigil)
            raise

    def _start(self) -> None:
        self._mutex = reentrant()
        self._places: dict[str, int] = {}
        self._lines: dict[bytes, list[Vigil]] = {}
        self._firsts: dict[Vigil, None] = {}
        """Those who are the first of their queues, and find no room."""
        self._asleep: set[Vigil] = set()

    def _end(self, vigil: Vigil) -> None:
        with self._mutex:
            line = self._lines.get(vigil.queue, [])
            at = bisect_left(line, vigil)
            if at < len(line) and line[at] is vigil:
                del line[at]
            elif vigil in line:  # it has the place of another, or was put there in between
                line.remove(vigil)
            if not line:
                self._lines.pop(vigil.queue, None)
            elif not line[0].is_due:
                self._firsts[line[0]] = None
            self._firsts.pop(vigil, None)
            self._asleep.discard(vigil)
            self._call()

    def _bury(self, queue: bytes) -> None:
        """End the vigils of the dead for whose ends others wait."""
        line, late = self._lines.get(queue, []), monotonic() - GRACE_SECONDS
        while line and line[0].until < late:
            self._end(line[0])
        if len(self._asleep) >= MOST_ASLEEP:
            for dead in [one for one in list(self._asleep) if one.until < late]:
                self._end(dead)

    def _call(self) -> None:
        """Whoever finds room now is due."""
        room = MOST_ASLEEP - len(self._asleep)
        if room > 0:
            # A copy, and to be done again: a signal handler may strike, or wait for something too.
            for first in list(self._firsts)[:room]:
                self._asleep.add(first)
                first.is_due = True
                first.ring()
                self._firsts.pop(first, None)
