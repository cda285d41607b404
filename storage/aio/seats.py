# Written by tools/mirror.py from storage/seats.py: change that file and run the tool.
"""Where one session sits while it is open: its lease and its entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from ..errors import LeaseLostError
from .holding import Lease
from .leases import Leases
from ..records import Change, Parting, Sight, Turn
from .runtime import Lock, Runtime, after_fork, mutex
from .stores import MemoryStorage

if TYPE_CHECKING:
    from .protocols import LeaseQueue, VisitStore
    from .store import Storage

_RUNTIME = Runtime()


class Turns(Leases):
    """The leases of sessions: all sessions of one store have the same ones."""

    _held_here = "this session is open here already: go on with that one"
    _held_elsewhere = "the session is open somewhere else, and was not free in time"

    def __init__(self, store: Storage[Any], place: object) -> None:
        super().__init__(store)
        self._place = place


def turns_of(store: Storage[Any], place: object, *, in_process: bool) -> Turns:
    """The leases that *store* keeps for the sessions in it, or that are kept *in_process* for what
    is stored at *place*."""
    # Nothing else is called by this number while the turns know the place.
    called = id(place), in_process, store._layers.names.prefix
    with _SHARED.lock:
        turns = _SHARED.turns.get(called)
        if turns is None:
            kept = MemoryStorage[Any]() if in_process else store
            turns = _SHARED.turns[called] = Turns(kept, place)
    return turns


class Shared:
    """The turns that somebody has, by what they are for."""

    def __init__(self) -> None:
        self.lock: Lock = mutex()
        self.turns: WeakValueDictionary[tuple[object, ...], Turns] = WeakValueDictionary()
        after_fork(self, Shared._unlock)

    def _unlock(self) -> None:
        self.lock = mutex()


_SHARED = Shared()


_LEFT: Final = Parting(True, True, None)
_UNSEEN: Final = Sight(None, None, 0)


class Entrance:
    """Where the lease of a session is kept: who takes it looks at the entry in the same step."""

    def __init__(self, visits: VisitStore, room: LeaseQueue) -> None:
        self._visits = visits
        self._room = room
        self.sight: Sight = _UNSEEN

    async def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        turn, self.sight = await self._visits.enter(key, token, ttl_ms, patience_ms)
        return turn

    async def wait(self, key: str, token: str, wait_ms: int) -> None:
        await self._room.wait(key, token, wait_ms)

    async def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        return await self._room.renew(key, token, ttl_ms)

    async def release(self, key: str, token: str) -> bool:
        return await self._room.release(key, token)


class Seat:
    """The entry of *key*, and the lease on it where there are *leases*, which a *room* keeps."""

    def __init__(
        self,
        visits: VisitStore,
        leases: Leases | None,
        room: LeaseQueue | None,
        label: str,
        key: str,
        ttl_ms: int,
        wait: float | None,
    ) -> None:
        self._visits = visits
        self._runtime = _RUNTIME
        self._label = label
        self._key = key
        self._ttl_ms = ttl_ms
        self._entrance: Entrance | None = None
        self._hold: Lease | None = None
        self._missed = self._is_in = False
        if leases is not None and room is not None:
            self._entrance = Entrance(visits, room)
            self._hold = Lease(leases, self._entrance, label, key, ttl_ms, wait)
        self._lease = self._hold  # the same, for what waits: a door

    @property
    def lost(self) -> bool:
        """Whether the lease is lost, as far as is known here."""
        return self._missed or (self._hold is not None and self._hold.lost)

    async def come(self) -> Sight:
        """Wait for the turn, where there are turns, and look at the entry."""
        if self._lease is None or self._entrance is None:
            return await self._visits.look(self._key)
        self._missed, self._is_in = False, True
        try:
            await self._lease.take()
        except Exception:
            self._is_in = False
            raise
        return self._entrance.sight

    async def part(self, change: Change | None, release: bool) -> Parting:
        """Make the *change*; `LeaseLostError` where it is somebody else's turn.

        To *release* lets the next one come, where what was expected is there.
        """
        if self._hold is None:
            if change is None:
                return _LEFT
            return await self._leave("", change, release)
        self._hold.check()
        if release:
            self._hold.leave()
        parting = await self._leave(self._hold.token, change, release)
        if not parting.held:
            self._missed = True
            message = "the lease was lost before the end, so nothing is stored"
            raise LeaseLostError(message, store=self._label, key=self._key)
        self._is_in = not (release and parting.done)
        return parting

    async def give_back(self) -> None:
        """Let the next one come, without a change; what does not arrive runs out by itself. Twice
        is fine."""
        if self._lease is not None and self._is_in:
            await self._lease.drop()
            self._is_in = False

    async def _leave(self, token: str, change: Change | None, release: bool) -> Parting:
        parting: Parting = await self._runtime.finish(
            self._visits.leave, self._key, token, self._ttl_ms, change, release
        )
        return parting
