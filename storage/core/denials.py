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

Who = object
"""Whom a refusal is for, as a limiter is asked."""


class Denial(NamedTuple):
    """A refusal of what costs *cost* or more, which was asked for at *since*."""

    since: float
    until: float
    cost: int
    target: Target
    decision: Decision


class Denials:
    """Refusals by whom they are for, each of which is remembered for *seconds* at the most.

    Times are seconds of one clock, from before the question was asked.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[Who, Denial] = {}
        self.round: int = 0
        """Changes whenever all is forgotten: what was asked for before that is not remembered."""

    def find(self, who: Who, cost: int, now: float) -> Denial | None:
        """The refusal that holds *now*, if there is one."""
        found = self._known.get(who)
        if found is None or cost < found.cost:
            return None
        if found.since <= now < found.until:
            return found
        self._known.pop(who, None)
        return None

    def note(
        self, who: Who, cost: int, since: float, round_: int, target: Target, decision: Decision
    ) -> None:
        """Remember a refusal, which is no news from now on."""
        wait = max(reading.wait for reading in decision.readings) / 1_000_000
        if round_ != self.round:
            return
        if len(self._known) >= _MOST:
            self._known = {}
        until = since + min(wait, self._seconds)
        self._known[who] = Denial(since, until, cost, target, decision._replace(is_news=False))

    def forget(self) -> None:
        """Something was given back: ask again."""
        self.round += 1
        self._known = {}


def denials(remember: float | timedelta) -> Denials | None:
    """What remembers refusals for as long as a limiter is told to; `None` for not at all."""
    seconds = remember.total_seconds() if isinstance(remember, timedelta) else remember
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"remember must be seconds or a timedelta, not {type(remember).__name__}")
    if not seconds >= 0:
        raise ValueError(f"remember must not be negative, but 0 for not at all: {remember!r}")
    return Denials(seconds) if seconds else None
