"""What a limiter says: whether something passes, what is left, and when to try again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ..errors import StorageError
from ..records import Decision, Reading
from ..ttl import moment
from .denials import Denial
from .limits import Limit
from .targets import Target, Targets

_US: Final = 1_000_000


class Verdict:
    """Whether something passes, which is what it is true or false for.

    Where several limits were asked, the numbers are those of the one that refused for the longest
    time, or that has the least left.
    """

    __slots__ = ()

    allowed: bool
    """Whether it passes."""

    cost: int
    """What was asked for."""

    error: StorageError | None
    """Why the store did not decide, where the limiter did so by itself."""

    _target: Target
    _decision: Decision | None

    _late: float = 0.0
    """How many seconds ago the store decided."""

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
        decision = self._decision
        if decision is None:
            return 0
        readings = decision.readings
        if len(readings) == 1:
            return readings[0].left
        return self._reading().left if not self.allowed else min([one.left for one in readings])

    @property
    def retry_after(self) -> float:
        """The seconds until the same may pass, if nothing else does meanwhile; 0 if it does."""
        if self.allowed or self._decision is None:
            return 0.0
        return max(0.0, self._reading().wait / _US - self._late)

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

    def _note_refund(self, is_refunded: bool) -> None:
        """Remember whether it was given back."""

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


class Told(Verdict):
    """What a store said of *target*."""

    __slots__ = ("_decision", "_is_refunded", "_target", "allowed", "cost", "error")

    def __init__(
        self,
        allowed: bool,
        target: Target,
        cost: int,
        decision: Decision | None,
        error: StorageError | None = None,
    ) -> None:
        self.allowed: bool = allowed
        self.cost: int = cost
        self.error: StorageError | None = error
        self._target = target
        self._decision = decision

    def _note_refund(self, is_refunded: bool) -> None:
        self._is_refunded = is_refunded


class Denied(Verdict):
    """What is said of what costs *cost* while a *denial* is remembered: *now*, by its clock."""

    __slots__ = ("_denial", "_now", "cost")

    allowed: bool = False
    error: StorageError | None = None

    def __init__(self, denial: Denial, cost: int, now: float) -> None:
        self._denial = denial
        self.cost: int = cost
        self._now = now

    @property
    def _target(self) -> Target:  # type: ignore[override]
        return self._denial.target

    @property
    def _decision(self) -> Decision:  # type: ignore[override]
        return self._denial.decision

    @property
    def _late(self) -> float:  # type: ignore[override]
        return (self._now - self._denial.since) / 1000


class Simple(Verdict):
    """What is said where one hit passed by one limit: made in a hurry, and worked out if asked."""

    __slots__ = ("_is_refunded", "_key", "_now", "_targets", "_x", "_y")

    allowed: bool = True
    cost: int = 1
    error: StorageError | None = None

    def __init__(self, targets: Targets, key: str, now: int, x: int, y: int) -> None:
        self._targets = targets
        self._key = key
        self._now = now
        self._x = x
        self._y = y

    def _note_refund(self, is_refunded: bool) -> None:
        self._is_refunded = is_refunded

    @property
    def remaining(self) -> int:
        return int(self._targets.rules[0].left((self._x, self._y, 0), None, self._now))

    @property
    def _target(self) -> Target:  # type: ignore[override]
        return self._targets.of(self._key, {})

    @property
    def _decision(self) -> Decision:  # type: ignore[override]
        rule, now, kept = self._targets.rules[0], self._now, (self._x, self._y, 0)
        reading = Reading(0, rule.left(kept, None, now), rule.fresh_after(kept, now) - now)
        return Decision(True, now, now, False, [reading])


def explained(target: Target, decision: Decision) -> str:
    """How the limits of somebody stand, in words."""
    lines = []
    for limit, meter, reading in zip(target.limits, target.meters, decision.readings):
        name = f" ({limit.name})" if limit.name else ""
        head = f"{limit}{name} for {meter.key!r}, {limit.algorithm}"
        if reading.wait:
            told = f"nothing passes for {in_seconds(reading.wait)}"
        else:
            told = f"{reading.left} of {limit.rule.most} left"
        tail = f", all of it again in {in_seconds(reading.fresh)}" if reading.fresh else ""
        lines.append(f"{head}: {told}{tail}")
    return "\n".join(lines)


def in_seconds(us: int) -> str:
    """How long *us* microseconds are, for people."""
    return f"{us / _US:.3g} s" if us < 100 * _US else f"{-(-us // _US)} s"


class Passed(NamedTuple):
    """What passed once: for whom, what it cost, and when."""

    target: Target
    cost: int
    at: int


def refundable(verdict: Verdict, targets: Targets) -> Passed | None:
    """What a *verdict* can give back, which it does once and to whose *targets* it is about."""
    decision, target = verdict._decision, verdict._target
    is_first = not getattr(verdict, "_is_refunded", False)
    if not verdict.allowed or decision is None or verdict.error is not None or not is_first:
        return None
    if not set(target.limits) <= set(targets.limits):
        raise ValueError("this verdict is one of another limiter")
    verdict._note_refund(True)
    return Passed(target, verdict.cost, decision.at)
