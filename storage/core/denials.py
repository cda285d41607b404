"""What is refused for certain, so that nobody needs to be asked.

What was refused is refused until it may pass, and so is all that costs more: time alone frees what
counts, and others only add to it. Only who resets, refunds or gives back a slot elsewhere makes a
refusal end sooner, which is noticed here after so many seconds as a refusal is remembered for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from ..records import Decision
from .targets import Target

_MOST: Final = 10_000
"""How many refusals are remembered."""


class Denial(NamedTuple):
    """A refusal of what costs *least* or more, which holds from *since*, when it was asked for,
    *until* it may pass: milliseconds of one clock, which may leave out what is less. So what is
    refused here is so at the store, and the other way round for a millisecond at the most."""

    since: float
    until: float
    least: int
    kind: type
    target: Target
    decision: Decision
    most: int

    def holds(self, who: object, cost: int, now: float) -> bool:
        """Whether it refuses *who* asks for *cost*, of whom there may be an equal of another
        kind."""
        return (
            self.since <= now < self.until
            and type(cost) is int
            and self.least <= cost <= self.most
            and type(who) is self.kind
        )


Denials = dict[object, Denial]
"""Refusals by whom they are for, as a limiter is asked. When something is given back another one
begins, so what was asked for before that is not remembered."""


def note(
    denials: Denials,
    who: object,
    target: Target,
    cost: int,
    decision: Decision,
    since: float,
    seconds: float,
) -> None:
    """Remember a refusal, which is no news then, for so many *seconds* at the most."""
    wait = max(reading.wait for reading in decision.readings) // 1000
    most = min(meter.rule.most for meter in target.meters)
    if len(denials) >= _MOST:
        denials.clear()
    until = since + min(wait, seconds * 1000)
    told = decision._replace(is_news=False)
    denials[who] = Denial(since, until, cost, type(who), target, told, most)


def remembering(remember: float | timedelta) -> float:
    """For how many seconds refusals are remembered, as a limiter is told; 0 for not at all."""
    seconds = remember.total_seconds() if isinstance(remember, timedelta) else remember
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"remember must be seconds or a timedelta, not {type(remember).__name__}")
    if not seconds >= 0:
        raise ValueError(f"remember must not be negative, but 0 for not at all: {remember!r}")
    return seconds
