# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Visits to the entries of a backend that has no room for them, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import UnsupportedError
from .keys import Names
from .offers import Clocked, offered_or_none
from .records import DELETE, MISSING, Change, Missing, Parting, Sight, Turn
from .runtime import wall_clock

if TYPE_CHECKING:
    from .protocols import LeaseStore
    from .tracing import Traced


class StepByStep:
    """The entries of *backend* that are called by *names*, and *leases* kept wherever, if any.

    A lease that ends between two steps is not noticed: what is written then replaces what was
    read all the same, or nothing.
    """

    def __init__(self, backend: Traced, names: Names, leases: LeaseStore | None) -> None:
        self._backend = backend
        self._names = names
        self._leases = leases
        self._clocked = offered_or_none(backend, Clocked, names)

    def look(self, key: str) -> Sight:
        name = self._names.name(key)
        raw = self._backend.read_fresh(name)
        if raw is None:
            return Sight(None, None, self._now_ms())
        ends = self._ends(name)
        now = self._now_ms()
        if ends is MISSING:
            return Sight(None, None, now)
        return Sight(raw, None if ends is None else max(0, ends - now), now)

    def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        assert self._leases is not None
        turn = self._leases.acquire(key, token, ttl_ms, patience_ms)
        if not turn.granted:
            return turn, Sight(None, None, 0)
        sight = self.look(key)
        return turn, sight

    def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        if token and (change is not None or not release):
            assert self._leases is not None
            held = self._leases.renew(key, token, ttl_ms)
            if not held:
                return Parting(False, False, None)
        if change is not None:
            name = self._names.name(key)
            made = self._made(name, change)
            if not made:
                raw = self._backend.read_fresh(name)
                return Parting(True, False, raw)
        if token and release:
            assert self._leases is not None
            released = self._leases.release(key, token)
            return Parting(released or change is not None, True, None)
        return Parting(True, True, None)

    def _ends(self, name: str) -> int | Missing | None:
        """When the entry ends; for ever where nobody knows, so that its lifetime begins anew
        after each visit."""
        try:
            ends: int | Missing | None = self._backend.ends(name)
        except UnsupportedError:
            return None
        return ends

    def _made(self, name: str, change: Change) -> bool:
        """Make the *change*, if what it expects is there; says whether it was."""
        if change.new is None:
            if change.old is not None:
                raw = self._backend.read_fresh(name)
                if raw != change.old:
                    return False
            self._backend.touch(name, change.expiry)
            return True
        if change.old is not None:
            return self._backend.swap(name, change.old, change.new, change.expiry)
        if change.new is DELETE:
            there = self._backend.exists(name)
            return not there
        return self._backend.add(name, change.new, change.expiry)

    def _now_ms(self) -> int:
        return int(wall_clock() * 1000) if self._clocked is None else self._clocked.now_ms()
