# Written by tools/mirror.py from storage/visits.py: change that file and run the tool.
"""Visits to the entries of a backend that has no room for them, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UnsupportedError
from ..keys import Names
from ..offers import Clocked, offered_or_none
from ..records import DELETE, MISSING, Change, Missing, Parting, Sight, Turn
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

    async def look(self, key: str) -> Sight:
        name = self._names.name(key)
        raw = await self._backend.read_fresh(name)
        if raw is None:
            return Sight(None, None, self._now_ms())
        ends = await self._ends(name)
        now = self._now_ms()
        if ends is MISSING:
            return Sight(None, None, now)
        return Sight(raw, None if ends is None else max(0, ends - now), now)

    async def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        assert self._leases is not None
        turn = await self._leases.acquire(key, token, ttl_ms, patience_ms)
        if not turn.granted:
            return turn, Sight(None, None, 0)
        sight = await self.look(key)
        return turn, sight

    async def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        if token and (change is not None or not release):
            assert self._leases is not None
            held = await self._leases.renew(key, token, ttl_ms)
            if not held:
                return Parting(False, False, None)
        if change is not None:
            name = self._names.name(key)
            made = await self._made(name, change)
            if not made:
                raw = await self._backend.read_fresh(name)
                return Parting(True, False, raw)
        if token and release:
            assert self._leases is not None
            released = await self._leases.release(key, token)
            return Parting(released or change is not None, True, None)
        return Parting(True, True, None)

    async def _ends(self, name: str) -> int | Missing | None:
        """When the entry ends; for ever where nobody knows, so that its lifetime begins anew
        after each visit."""
        try:
            ends: int | Missing | None = await self._backend.ends(name)
        except UnsupportedError:
            return None
        return ends

    async def _made(self, name: str, change: Change) -> bool:
        """Make the *change*, if what it expects is there; says whether it was."""
        if change.new is None:
            if change.old is not None:
                raw = await self._backend.read_fresh(name)
                if raw != change.old:
                    return False
            await self._backend.touch(name, change.expiry)
            return True
        if change.old is not None:
            return await self._backend.swap(name, change.old, change.new, change.expiry)
        if change.new is DELETE:
            there = await self._backend.exists(name)
            return not there
        return await self._backend.add(name, change.new, change.expiry)

    def _now_ms(self) -> int:
        return int(wall_clock() * 1000) if self._clocked is None else self._clocked.now_ms()
