"""What lets hits pass or not, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from storage import RateLimiter

from ..harness import Variant, Work, clocked
from ..load import Load

Hit = Callable[[str], Any]

TEXT = "limiter.hit(key)"
FULL = "verdict = limiter.hit(key);  verdict.allowed, .remaining, .retry_after"


class Side(NamedTuple):
    """A limiter: *hit* says of a key whether it passes, *settle* ends what goes on beside it."""

    name: str
    text: str
    hit: Hit
    settle: Callable[[], object] = lambda: None


def full(limiter: RateLimiter) -> Hit:
    """A hit whose whole answer is read."""
    hit = limiter.hit

    def step(key: str) -> bool:
        verdict = hit(key)
        _ = verdict.remaining, verdict.retry_after
        return verdict.allowed

    return step


def aio_full(limiter: Any) -> Hit:
    """The same for tasks."""
    hit = limiter.hit

    async def step(key: str) -> bool:
        verdict = await hit(key)
        _ = verdict.remaining, verdict.retry_after
        passed: bool = verdict.allowed
        return passed

    return step


def hits(
    load: Load, text: str, hit: Hit, *, new: bool = False, before: Hit | None = None
) -> Variant:
    """Hits of keys that come again and again, or of *new* ones.

    *before* is done with each key of a round, off the clock.
    """

    def prepare(number: int) -> Work:
        keys = [key for key, _ in load.strangers(number)] if new else load.keys(number)
        if before is not None:
            for key in set(keys):
                before(key)
        return _each(hit, keys)

    return clocked(text, load.operations, prepare)


def of(load: Load, side: Side) -> Variant:
    """The hits of a side."""
    return clocked(
        side.text,
        load.operations,
        lambda number: _each(side.hit, load.keys(number)),
        side.settle,
    )


def check(load: Load, name: str, hit: Hit) -> None:
    """Refuse a measurement of what did not pass: to say no may take less."""
    refused = sum(not hit(key) for key in load.keys(0))
    if refused:
        raise RuntimeError(f"{name}: {refused} of {load.operations} did not pass")


def _each(hit: Hit, keys: list[str]) -> Work:
    def work() -> None:
        for key in keys:
            hit(key)

    return work
