"""A clock turned by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND: Final = timedelta(seconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)


class Clock:
    """Seconds since 1970, which pass when `tick` is called and not otherwise.

    It begins in the middle of a second, so that whoever counts whole seconds is seen.
    """

    def __init__(self, start: float = 1_700_000_000.457) -> None:
        self._microseconds = round(start * 1_000_000)
        self._followers: dict[Callable[[int], object], None] = {}

    def __call__(self) -> float:
        """Seconds since 1970, never a fraction short of the millisecond it stands on."""
        seconds = self._microseconds / 1_000_000
        while seconds * 1000 < self._microseconds / 1000:
            seconds = math.nextafter(seconds, math.inf)
        return seconds

    def tick(self, seconds: float | timedelta) -> None:
        """Let *seconds* pass, or go back by them where they are negative."""
        span = seconds if isinstance(seconds, timedelta) else seconds * _SECOND
        self._microseconds += span // _MICROSECOND
        for put in self._followers:
            put(self.ms)

    def lead(self, put: Callable[[int], object]) -> None:
        """Have another clock *put* where this one is, now and whenever it moves: it is told the
        milliseconds since 1970."""
        self._followers[put] = None
        put(self.ms)

    @property
    def ms(self) -> int:
        """Whole milliseconds since 1970."""
        return self._microseconds // 1000

    @property
    def now(self) -> datetime:
        """This moment, in UTC."""
        return _EPOCH + self._microseconds * _MICROSECOND

    def __repr__(self) -> str:
        return f"<Clock {self.now.isoformat()}>"
