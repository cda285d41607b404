# Written by tools/mirror.py from storage/leases.py: change that file and run the tool.
"""One at a time, between threads, tasks and processes: leases, and claims of what is done once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from .adapted import adapt
from ..core.turns import lease_ms, patience
from ..errors import shown
from .holding import Holdings, Lease, new_token
from ..keys import check_key
from .protocols import LeaseStore
from ..records import Claimed
from .rooms import Adaptable

DAY: Final = 86_400.0


class Leases(Holdings):
    """Leases on keys of *store*, which end after *ttl* unless their holder is alive to renew them.

    They are held between everybody who uses the same data. They are not kept among the values:
    a lease on a key and the value under it know nothing of each other.
    """

    def __init__(self, store: Adaptable, *, ttl: float | timedelta = 30.0) -> None:
        super().__init__()
        self._ttl_ms = lease_ms(ttl)
        self._base = adapt(store)
        self._base.room(LeaseStore)

    def hold(
        self,
        key: str,
        *,
        ttl: float | timedelta | None = None,
        wait: float | timedelta | None = None,
    ) -> Lease:
        """A `with` block that one at a time is in, in the order of asking.

        It waits for its turn for ever, or for *wait* seconds, after which it raises
        `LeaseTimeoutError`; with 0 it does not wait. The lease is renewed every third of *ttl* (or
        else of the one of these leases) while the block runs. Where it was lost nevertheless,
        `LeaseLostError` is raised at the end of the block, unless the block itself raised.
        """
        label = self._base._layers.label
        check_key(key, label)
        ttl_ms = self._ttl_ms if ttl is None else lease_ms(ttl)
        return Lease(self, self._base.room(LeaseStore), label, key, ttl_ms, patience(wait))

    async def claim(self, key: str, *, ttl: float | timedelta) -> Claim:
        """Claim what must be done once, such as the update of that id; true for the one who may.

        Unless it is finished within *ttl*, by `done`, another may claim it after that.
        """
        check_key(key, self._base._layers.label)
        ttl_ms = lease_ms(ttl)
        claim = Claim(self._base.room(LeaseStore), key)
        claim._told = await claim._room.claim(key, claim.token, ttl_ms)
        return claim


class Claim:
    """What came of claiming something: true when it is the caller's to do."""

    def __init__(self, room: LeaseStore, key: str) -> None:
        self.key: str = key
        self.token: str = new_token()
        self._room = room
        self._told: Claimed = "busy"

    def __bool__(self) -> bool:
        return self._told == "taken"

    @property
    def busy(self) -> bool:
        """Whether somebody else is at it."""
        return self._told == "busy"

    @property
    def finished(self) -> bool:
        """Whether somebody has done it."""
        return self._told == "done"

    async def done(self, *, ttl: float | timedelta = DAY) -> bool:
        """It is done: refuse it to everybody for *ttl*, a day unless told otherwise.

        Says no where it took too long and is somebody else's meanwhile.
        """
        ttl_ms = lease_ms(ttl)
        if self._told != "taken":
            raise RuntimeError("only what was claimed can be done")
        return await self._room.done(self.key, self.token, ttl_ms)

    def __repr__(self) -> str:
        return f"<Claim of {shown(self.key)}: {self._told}>"
