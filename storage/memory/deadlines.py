"""Which entries end next, so that what is over can be freed without looking at the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush, heapreplace

from .entry import Entry

_LEAST = 1024


class Deadlines:
    """A heap of (deadline, name) beside entries that *peek* and *pairs* show. What it says of a
    name may be out of date, never too late.

    No entry ends before *soonest*. Who takes no lock may rely on that, so it is lowered before an
    entry comes, and raised after one has gone.
    """

    def __init__(
        self,
        peek: Callable[[str], Entry | None],
        pairs: Callable[[], Iterable[tuple[str, Entry]]],
    ) -> None:
        self._peek = peek
        self._pairs = pairs
        self._heap: list[tuple[int, str]] = []
        self._most = _LEAST
        self.soonest: float = math.inf

    def add(self, name: str, ends: int) -> None:
        if len(self._heap) > self._most:
            self._tidy()
        heappush(self._heap, (ends, name))
        self.soonest = self._heap[0][0]

    def over(self, now: float) -> Iterator[str]:
        """The names whose entries are over; each is removed before the next one is asked for."""
        heap = self._heap
        try:
            while heap and heap[0][0] <= now:
                name = heap[0][1]
                entry = self._peek(name)
                ends = None if entry is None else entry[1]
                if ends is not None and ends > now:
                    heapreplace(heap, (ends, name))
                    continue
                if ends is not None:
                    yield name
                heappop(heap)
        finally:
            self.soonest = heap[0][0] if heap else math.inf

    def _tidy(self) -> None:
        """Drop what is out of date, as often as the heap has doubled."""
        heap = [(ends, name) for name, (_, ends) in self._pairs() if ends is not None]
        heapify(heap)
        self._heap = heap
        self._most = 2 * len(heap) + _LEAST
