"""Who is next: the decisions behind leases and claims."""

from __future__ import annotations

import math
from collections.abc import Generator
from datetime import timedelta
from typing import Final, NamedTuple

from ..records import Claimed, Turn
from ..ttl import default_span

_SHORTEST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05
_GROWTH: Final = 1.5


class Place(NamedTuple):
    """Who holds a lease or stands in its queue, and until when, in milliseconds since 1970."""

    token: str
    until: int


class Mark(NamedTuple):
    """What is kept of a claim: whose it is, whether it is finished, and until when it counts."""

    token: str
    finished: bool
    until: int


def turn(token: str, holder: Place | None, first: Place | None, now: int) -> Turn:
    """What *token* is told, where *holder* and the *first* one in the queue are alive, if any.

    A lease that is free goes to the first one in the queue, and to nobody who comes later.
    """
    if holder is not None:
        granted = holder.token == token
        return Turn(granted, 0 if granted else holder.until - now)
    if first is None or first.token == token:
        return Turn(True, 0)
    return Turn(False, first.until - now)


def claimed(mark: Mark | None, token: str) -> Claimed:
    """What *token* is told, where *mark* is what is kept, if that counts still."""
    if mark is None:
        return "taken"
    if mark.finished:
        return "done"
    return "taken" if mark.token == token else "busy"


def may_finish(mark: Mark | None, token: str) -> bool:
    """Whether what *token* has claimed is not somebody else's by now."""
    return mark is None or mark.token == token


def lease_ms(ttl: float | timedelta, name: str = "ttl") -> int:
    """The milliseconds of *ttl*, which ends some day, and which errors call by its *name*."""
    span = default_span(ttl, name)
    if span is None:
        raise ValueError(f"a lease must end by itself: {name} must be seconds or a timedelta")
    return span


def patience(wait: float | timedelta | None, name: str = "wait") -> float | None:
    """The seconds that one is willing to *wait*, or `None` for ever; errors say its *name*."""
    if wait is None:
        return None
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else wait
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} must be seconds, a timedelta or None, not {type(wait).__name__}")
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{name} must be finite and not negative, not {wait!r}")
    return seconds


def pauses(wait_ms: int) -> Generator[float, None, None]:
    """The seconds to pause before each look at what tells nobody: more and more, up to 50 ms, and
    *wait_ms* in all."""
    left, pause = wait_ms / 1000, _SHORTEST_PAUSE
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
