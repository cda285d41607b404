"""Which entries end next, so that what is over can be freed without looking at the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush

from .entry import Entry

_SLACK = 1024


class Deadlines:
    """A heap of (deadline, name). What it says of a name may be out of date, never too late."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self.soonest: float = math.inf

    def add(self, name: str, ends: int) -> None:
        heappush(self._heap, (ends, name))
        self.soonest = self._heap[0][0]

    def over(self, now: float, peek: Callable[[str], Entry | None]) -> Iterator[str]:
        """The names whose entries are over, as *peek* shows them."""
        while self.soonest <= now:
            name = heappop(self._heap)[1]
            self.soonest = self._heap[0][0] if self._heap else math.inf
            entry = peek(name)
            if entry is None or entry.ends is None:
                continue
            if entry.ends <= now:
                yield name
            else:
                self.add(name, entry.ends)

    def tidy(self, pairs: Callable[[], Iterable[tuple[str, Entry]]], count: int) -> None:
        """Drop what is out of date, once it outweighs the *count* entries there are."""
        if len(self._heap) <= 2 * count + _SLACK:
            return
        self._heap = [(entry.ends, name) for name, entry in pairs() if entry.ends is not None]
        heapify(self._heap)
        self.soonest = self._heap[0][0] if self._heap else math.inf
