# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""The records by which originals limit rates, in any store: each hit is decided in one step, and
none is lost to another."""

from __future__ import annotations

from typing import Any, Final

from ..core.layers import MOST_ATTEMPTS
from ..core.originals import Rule, Stroke, Tally
from ..errors import ConfigurationError
from ..keylock import KeyLock
from ..offers import Clocked, check_atomic, offered_or_none
from ..protocols import TallyStore, VisitStore
from ..records import Counted, Sight
from ..runtime import Runtime, wall_clock
from ..store import Storage

_NOT_JSON: Final = "rate limits of other libraries need a store whose codec writes JSON"


class Tallies:
    """What *store* keeps by a *rule*, under its own keys.

    The time is that of the store where it tells it together with what it keeps, and otherwise
    that of this process.
    """

    def __init__(self, store: Storage[Any], rule: Rule) -> None:
        layers = store._layers
        if layers.plain.encode(10) != b"10":
            raise ConfigurationError(_NOT_JSON, store=layers.label)
        check_atomic(store._backend, "rate limits")
        self.label: str = layers.label
        self._layers = layers.spoken(layers.plain)
        self._rule = rule
        self._backend = store._backend
        self._visits = offered_or_none(store._backend, VisitStore, layers.names)
        self._clocked = offered_or_none(store._backend, Clocked, layers.names)
        self._room: TallyStore | None = None
        if layers.opener is None:  # or else it would write around that
            self._room = offered_or_none(store._backend, TallyStore, layers.names)
        self._expires = store.capabilities.expiry_ms is not None
        self._keys = KeyLock(layers.label, patient=True)
        self._runtime = Runtime()

    def hit(self, key: str, limit: int, window: int, now: int | None = None) -> Stroke:
        """Count a hit of *key*, *limit* of which pass in *window* milliseconds."""
        if self._room is None or not isinstance(self._rule, Tally):
            return self._swapped(key, None, limit, window, now)
        told = self._room.hit(key, self._rule.window(limit, window), now)
        if isinstance(told, Counted):
            return self._rule.told(told)
        return self._swapped(key, told, limit, window, now)

    def forget(self, key: str) -> bool:
        """Take what is kept of *key* away, and say whether there was anything."""
        return self._backend.remove(self._layers.names.name(key))

    def _swapped(
        self, key: str, seen: Sight | None, limit: int, window: int, now: int | None
    ) -> Stroke:
        """Count a hit over what was *seen* already or what is there, if nobody is faster."""
        name = self._layers.names.name(key)
        with self._keys.hold(name):
            for attempt in range(MOST_ATTEMPTS):
                sight = seen
                if sight is None:
                    sight = self._look(key, name)
                seen = None
                stroke, new = self._decided(key, name, sight, limit, window, now)
                if new is None:
                    return stroke
                done = self._put(name, sight, new, stroke.ttl)
                if done:
                    return stroke
                self._runtime.pause(attempt)
        raise self._layers.busy(key)

    def _look(self, key: str, name: str) -> Sight:
        if self._visits is not None:
            return self._visits.look(key)
        raw = self._backend.read(name)
        return Sight(raw, None, self._now_ms())

    def _put(self, name: str, sight: Sight, new: bytes, ttl: int) -> bool:
        """Put *new* in the place of what was seen, if that is what is there."""
        if self._rule.is_shared:
            ttl = max(ttl, sight.left_ms or 0)
        expiry = ttl if self._expires else None
        if sight.raw is None:
            return self._backend.add(name, new, expiry)
        return self._backend.swap(name, sight.raw, new, expiry)

    def _decided(
        self, key: str, name: str, sight: Sight, limit: int, window: int, now: int | None
    ) -> tuple[Stroke, bytes | None]:
        """What comes of a hit, and what the backend is to keep then."""
        found = None
        if sight.raw is not None:
            found = self._layers.find(key, name, sight.raw, changing=True)
        moment = sight.now_ms if now is None else now
        try:
            stroke = self._rule.hit(found and found.data, limit, window, moment)
        except ValueError as error:
            raise self._layers.corrupt(key, error) from error
        return stroke, None if stroke.new is None else self._layers.seal(name, stroke.new)

    def _now_ms(self) -> int:
        return int(wall_clock() * 1000) if self._clocked is None else self._clocked.now_ms()
