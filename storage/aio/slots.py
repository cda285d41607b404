# Written by tools/mirror.py from storage/slots.py: change that file and run the tool.
"""So many at the same time: slots that are taken, renewed while they are used, and given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..core.targets import Target
from ..core.turns import pauses
from ..core.verdicts import Told, Verdict, in_seconds
from ..errors import RateLimitedError
from .holding import Holdings, Lease, Where
from ..records import Ask, Decision, Meter, Turn
from .runtime import Runtime

if TYPE_CHECKING:
    from .protocols import RateLimitStore

_PAUSES: Final = tuple(pauses(500))[:-1]
"""The seconds between two looks at whether a slot is free: more and more, and then as many again;
the last of all is only what is left over."""


class Slots(Holdings):
    """The slots that one limiter has taken; a thread or a task may have several for one key."""

    def _where(self, key: str, token: str) -> Where:
        return token, key

    def _late(self, lease: Lease) -> Exception:
        assert isinstance(lease, Slot)
        return lease.refusal()


class SlotRoom:
    """The slots of *target* in the *room* of a limiter, which are taken as leases are.

    Nobody stands in a queue: who waits looks again.
    """

    def __init__(self, room: RateLimitStore, target: Target, ask: Ask) -> None:
        self._room = room
        self._runtime = Runtime()
        self._ask = ask
        self._looks = 0
        self.target: Target = target
        self.decision: Decision | None = None

    @property
    def cost(self) -> int:
        """How many slots are taken."""
        return self._ask.cost

    async def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        decision = await self._room.hit(self.target.meters, self._ask._replace(token=token))
        self.decision = decision
        wait = max(reading.wait for reading in decision.readings)
        self._looks = 0 if decision.passed else self._looks
        return Turn(decision.passed, 0 if decision.passed else -(-wait // 1000))

    async def wait(self, key: str, token: str, wait_ms: int) -> None:
        seconds = _PAUSES[min(self._looks, len(_PAUSES) - 1)]
        self._looks += 1
        await self._runtime.sleep(min(seconds, wait_ms / 1000))

    async def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        return await self._room.renew(self._slots(), token)

    async def release(self, key: str, token: str) -> bool:
        return await self._room.release(self._slots(), token)

    def _slots(self) -> list[Meter]:
        """The meters that keep slots, beside others maybe, which only count."""
        pairs = zip(self.target.limits, self.target.meters)
        return [meter for limit, meter in pairs if limit.algorithm == "slots"]


class Slot(Lease):
    """One holding of a slot: `with limiter.slot(key) as slot`."""

    def __init__(self, owner: Slots, room: SlotRoom, label: str, wait: float | None) -> None:
        slots = [limit for limit in room.target.limits if limit.algorithm == "slots"]
        ttl_ms = min(limit.per_ms for limit in slots)
        super().__init__(owner, room, label, room.target.meters[0].key, ttl_ms, wait)
        self._taken_in = room

    def refusal(self) -> Exception:
        """What is raised where no slot was free in time."""
        room = self._taken_in
        verdict = Told(False, room.target, room.cost, room.decision)
        return limited_error(verdict, self._label)


def limited_error(verdict: Verdict, label: str) -> RateLimitedError:
    """The error that tells of a *verdict*."""
    if verdict.error is not None:
        message = "the store did not decide, and without it nothing passes"
    elif verdict.limit.algorithm == "slots":
        message = f"{verdict.limit.hits} at once is the limit, and no slot was free in time"
    else:
        us = round(verdict.retry_after * 1_000_000)
        message = f"{verdict.limit} is the limit: try again in {in_seconds(us)}"
    wait = verdict.retry_after
    return RateLimitedError(message, retry_after=wait, verdict=verdict, store=label)
