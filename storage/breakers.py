"""One breaker for all limiters of a store."""

from __future__ import annotations

from weakref import WeakValueDictionary

from .core.breaker import Breaker
from .runtime import Lock, after_fork, mutex


class Breakers:
    """The breakers that somebody has, by the place that they are for."""

    def __init__(self) -> None:
        self._lock: Lock = mutex()
        self._known: WeakValueDictionary[int, PlaceBreaker] = WeakValueDictionary()
        after_fork(self, Breakers._unlock)

    def of(self, place: object) -> Breaker:
        """The breaker of what is stored at *place*."""
        with self._lock:
            breaker = self._known.get(id(place))
            if breaker is None:
                breaker = self._known[id(place)] = PlaceBreaker(place)
        return breaker

    def _unlock(self) -> None:
        self._lock = mutex()


class PlaceBreaker(Breaker):
    """A breaker that keeps its *place* alive: nothing else is called by that number meanwhile."""

    def __init__(self, place: object) -> None:
        super().__init__()
        self._place = place


BREAKERS = Breakers()
