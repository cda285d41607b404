# Written by tools/mirror.py from storage/holding.py: change that file and run the tool.
"""What one at a time holds, in the order of asking: taken, renewed while it is held, given back."""

from __future__ import annotations

import logging
import math
import os
import weakref
from types import TracebackType
from typing import Any, Final

from ..errors import LeaseLostError, LeaseTimeoutError, ReentryError, StorageError, shown
from .protocols import LeaseQueue
from .runtime import Chores, Runtime, after_fork, monotonic, runner

_log = logging.getLogger("storage")

PATIENCE_MS: Final = 5000
"""How long a place in the queue is kept for who does not ask again, having died maybe."""

LOOK_MS: Final = 1000
"""How often one who waits asks again."""

Where = tuple[object, str]
"""The thread or task that holds a key, as a rule, and the key."""


class Holdings:
    """What is held at the moment, and renewed until it is given back."""

    _held_here = "this lease is held right here"
    _held_elsewhere = "somebody else holds the lease"

    def __init__(self) -> None:
        self._runtime = Runtime()
        self._held: dict[Where, weakref.ref[Lease]] = {}
        self._chores = Chores(self)
        after_fork(self, Holdings._leave_behind)

    def _entering(self, lease: Lease) -> None:
        """Refuse who would wait for itself."""
        pid = os.getpid()
        token = new_token()
        place = self._where(lease.key, token)
        if self._at(place) is not None or lease._place is not None:
            raise ReentryError(self._held_here, store=lease._label, key=lease.key)
        lease._place = place
        lease._pid = pid
        lease.token = token

    def _where(self, key: str, token: str) -> Where:
        """Where *key* is held, if that is done here: once, by the thread or task that runs."""
        return runner(), key

    def _holding(self, lease: Lease) -> None:
        """Renew *lease* from now on, for as long as somebody knows it."""
        place, held = lease._place, self._held
        assert place is not None

        def forget(known: weakref.ref[Lease]) -> None:
            if held.get(place) is known:
                held.pop(place, None)

        held[place] = weakref.ref(lease, forget)
        self._chores.begin(lease._due)

    def _leaving(self, lease: Lease) -> None:
        """Let *lease* be: it is about to be given back, or was never held."""
        place = lease._place
        if place is not None and self._at(place) is lease:
            self._held.pop(place, None)
        lease._place = None

    def _at(self, place: Where) -> Lease | None:
        """The lease that is held there."""
        known = self._held.get(place)
        return None if known is None else known()

    def _alive(self) -> list[Lease]:
        """The leases that are held."""
        known = [known() for known in list(self._held.values())]
        return [lease for lease in known if lease is not None]

    def _renewable(self) -> list[Lease]:
        return [lease for lease in self._alive() if lease._is_to_be_renewed]

    async def _tend(self) -> float | None:
        """Renew what is due, and say in how many seconds there is more to do."""
        for lease in self._renewable():
            asked = monotonic()
            if lease._due > asked:
                continue
            token = lease.token
            try:
                ours = await lease._room.renew(lease.key, token, lease._ttl_ms)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are renewed
                lease._not_renewed(asked, token, error)
            else:
                lease._renewed(asked, token, ours)
        soonest = min((lease._due for lease in self._renewable()), default=None)
        return None if soonest is None else max(0.0, soonest - monotonic())

    def _late(self, lease: Lease) -> Exception:
        """What is raised where the turn of *lease* did not come in time."""
        return lease._error(LeaseTimeoutError, self._held_elsewhere)

    def _leave_behind(self) -> None:
        """In a forked child: what is held is the parent's."""
        self._held = {}


class Lease:
    """One holding of one key: `with leases.hold(key) as lease`."""

    def __init__(
        self,
        owner: Holdings,
        room: LeaseQueue,
        label: str,
        key: str,
        ttl_ms: int,
        wait: float | None,
    ) -> None:
        self.key: str = key
        self.token: str = ""
        self._owner = owner
        self._room = room
        self._runtime = owner._runtime
        self._label = label
        self._ttl_ms = ttl_ms
        self._wait = wait
        self._place: Where | None = None
        self._until = self._due = math.inf
        self._pid = os.getpid()
        self._lost = False

    @property
    def lost(self) -> bool:
        """Whether another may hold the key by now, as far as is known here."""
        is_left_behind = self._place is not None and self._of_parent
        return self._lost or is_left_behind or monotonic() >= self._until

    def check(self) -> None:
        """Raise `LeaseLostError` where the lease is lost: ask before what can not be undone."""
        if self.lost:
            raise self._error(LeaseLostError, "the lease is lost: another may hold it by now")

    @property
    def ttl_ms(self) -> int:
        """For how many milliseconds it is held each time."""
        return self._ttl_ms

    async def __aenter__(self) -> Lease:
        await self.take()
        return self

    async def take(self) -> None:
        """Wait for the turn, as `with` does first: for who holds a lease in two halves."""
        self._owner._entering(self)
        try:
            taken = await self._take()
            if taken:
                self._owner._holding(self)
        except BaseException:
            self._owner._leaving(self)
            await self._give_up()
            raise
        if not taken:
            self._owner._leaving(self)
            raise self._owner._late(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._owner._leaving(self)
            ours = await self._give_back()
        except BaseException:  # an interrupt may strike before it is given back
            await self.drop()
            raise
        self._lost = self._lost or not ours
        self._until = math.inf
        if kind is None:
            self.check()

    def leave(self) -> None:
        """Renew it no more: it is about to be given back in another way."""
        self._owner._leaving(self)
        self._until = math.inf

    async def drop(self) -> None:
        """Give it back, whether it is held still or not."""
        self._owner._leaving(self)
        await self._give_up()
        self._until = math.inf

    @property
    def _of_parent(self) -> bool:
        """Whether this process was forked since: the token, and what it holds, is the parent's."""
        return self._pid != os.getpid()

    @property
    def _is_to_be_renewed(self) -> bool:
        return self._place is not None and not self._lost and not self._of_parent

    async def _take(self) -> bool:
        """Wait for the turn, and say whether it came in time."""
        end = math.inf if self._wait is None else monotonic() + self._wait
        patience_ms = 0 if self._wait == 0 else PATIENCE_MS
        while True:
            asked = monotonic()
            turn = await self._room.acquire(self.key, self.token, self._ttl_ms, patience_ms)
            if turn.granted:
                self._lost = False
                self._renewed(asked, self.token, True)
                return True
            left_ms = (end - monotonic()) * 1000
            if left_ms <= 0:
                break
            pause_ms = max(1, math.ceil(min(turn.wait_ms, left_ms, LOOK_MS)))
            await self._room.wait(self.key, self.token, pause_ms)
        if patience_ms:
            await self._give_up()
        return False

    async def _give_up(self) -> None:
        """Give back the place in the queue, and the lease if it came at the last moment."""
        if self._of_parent:
            return
        try:
            await self._runtime.finish(self._room.release, self.key, self.token)
        except StorageError:
            pass  # both run out by themselves

    async def _give_back(self) -> bool:
        """Give back the lease; says whether it was held until now."""
        if self._of_parent:
            return False
        try:
            ours = await self._runtime.finish(self._room.release, self.key, self.token)
        except StorageError as error:
            _log.warning("%s: a lease was not given back, and runs out: %s", self._label, error)
            return not self.lost
        return ours

    def _renewed(self, asked: float, token: str, ours: bool) -> None:
        """Note what came of taking or renewing it, which was *asked* for then with *token*."""
        seconds = self._ttl_ms / 1000
        if self._place is None or token != self.token:  # it was given back meanwhile
            return
        if ours:
            self._until = asked + seconds
            self._due = asked + seconds / 3
        else:
            self._lose()

    def _not_renewed(self, asked: float, token: str, error: Exception) -> None:
        """Try again soon, for as long as it makes sense."""
        if token != self.token:
            return
        self._due = asked + self._ttl_ms / 10_000
        told = error if isinstance(error, StorageError) else type(error).__name__
        _log.warning("%s: a lease could not be renewed: %s", self._label, told)
        if self.lost:
            self._lose()

    def _lose(self) -> None:
        self._lost = True
        _log.warning("%s: the lease on %s is lost", self._label, shown(self.key))

    def _error(self, kind: Any, message: str) -> Exception:
        error: Exception = kind(message, store=self._label, key=self.key)
        return error


def new_token() -> str:
    """What tells one holding from all others."""
    return os.urandom(16).hex()
