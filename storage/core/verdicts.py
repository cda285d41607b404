"""What a limiter says: whether something passes, what is left, and when to try again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ..errors import StorageError
from ..records import Decision, Reading
from ..ttl import moment
from .limits import Limit
from .targets import Target

_US: Final = 1_000_000


class Verdict:
    """Whether something passes, which is what it is true or false for.

    Where several limits were asked, the numbers are those of the one that refused for the longest
    time, or that has the least left.
    """

    __slots__ = ("_decision", "_is_refunded", "_late", "_target", "allowed", "cost", "error")

    def __init__(
        self,
        allowed: bool,
        target: Target,
        cost: int,
        decision: Decision | None,
        error: StorageError | None = None,
        late: int = 0,
    ) -> None:
        self.allowed: bool = allowed
        """Whether it passes."""
        self.cost: int = cost
        """What was asked for."""
        self.error: StorageError | None = error
        """Why the store did not decide, where the limiter did so by itself."""
        self._target = target
        self._decision = decision
        self._late = late
        self._is_refunded = False

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def limit(self) -> Limit:
        """The limit that the numbers are of."""
        return self._target.limits[self._place()]

    @property
    def refused_by(self) -> Limit | None:
        """The limit that refused for the longest time, if one did."""
        return None if self.allowed or self._decision is None else self.limit

    @property
    def remaining(self) -> int:
        """How many may pass now after this one."""
        return 0 if self._decision is None else self._reading().left

    @property
    def retry_after(self) -> float:
        """The seconds until the same may pass, if nothing else does meanwhile; 0 if it does."""
        if self.allowed or self._decision is None:
            return 0.0
        return max(0, self._reading().wait - self._late) / _US

    @property
    def reset_at(self) -> datetime | None:
        """When nothing counts any more that counts now, by the clock of the store; `None` where
        the store did not decide."""
        if self._decision is None:
            return None
        us = self._decision.now + self._reading().fresh
        return moment(us // 1000) + timedelta(microseconds=us % 1000)

    @property
    def is_first_refusal(self) -> bool:
        """Whether nobody was refused before in this window, for a limiter that *tells_once*."""
        return self._decision is not None and self._decision.is_news

    def __repr__(self) -> str:
        word = "allowed" if self.allowed else "refused"
        if self._decision is None:
            return f"<Verdict: {word}, the store did not decide>"
        if self.allowed:
            return f"<Verdict: allowed, {self.remaining} of {self.limit} left>"
        return f"<Verdict: refused by {self.limit}, try again in {self.retry_after:g} s>"

    def _reading(self) -> Reading:
        assert self._decision is not None
        return self._decision.readings[self._place()]

    def _place(self) -> int:
        """Which of the limits the numbers are of."""
        if self._decision is None:
            return 0
        readings = self._decision.readings
        if len(readings) == 1:
            return 0
        places = range(len(readings))
        if self.allowed:
            return min(places, key=lambda place: (readings[place].left, -readings[place].fresh))
        return max(places, key=lambda place: readings[place].wait)


def explained(target: Target, decision: Decision) -> str:
    """How the limits of somebody stand, in words."""
    lines = []
    for limit, meter, reading in zip(target.limits, target.meters, decision.readings):
        name = f" ({limit.name})" if limit.name else ""
        head = f"{limit}{name} for {meter.key!r}, {limit.algorithm}"
        if reading.wait:
            told = f"nothing passes for {_seconds(reading.wait)}"
        else:
            told = f"{reading.left} of {limit.rule.most} left"
        tail = f", all of it again in {_seconds(reading.fresh)}" if reading.fresh else ""
        lines.append(f"{head}: {told}{tail}")
    return "\n".join(lines)


def _seconds(us: int) -> str:
    return f"{us / _US:.3g} s" if us < 100 * _US else f"{us // _US} s"


class Passed(NamedTuple):
    """What passed once: for whom, what it cost, and when."""

    target: Target
    cost: int
    at: int


def refundable(verdict: Verdict) -> Passed | None:
    """What a *verdict* can give back, which it does once."""
    decision, is_first = verdict._decision, not verdict._is_refunded
    if not verdict.allowed or decision is None or verdict.error is not None or not is_first:
        return None
    verdict._is_refunded = True
    return Passed(verdict._target, verdict.cost, decision.at)
