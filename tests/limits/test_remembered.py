"""What a refusal that is remembered does not change."""

from __future__ import annotations

import asyncio

import pytest

import storage
from storage import aio
from storage.testing import Clock
from tests.leases.ground import run


def test_a_refusal_is_the_first_one_once_even_at_the_same_moment() -> None:
    """A clock that stands still makes nothing new."""
    store = storage.MemoryStorage(clock=Clock())
    limiter = storage.RateLimiter(store, "1/10s", tells_once=True)
    limiter.hit("ann")

    first, second = limiter.hit("ann"), limiter.hit("ann")

    assert (first.allowed, second.allowed) == (False, False)
    assert (first.is_first_refusal, second.is_first_refusal) == (True, False)


@pytest.mark.parametrize("cost", [2, 1.5, True, 0, -1])
def test_a_cost_that_is_none_is_refused_whatever_is_remembered(cost: int) -> None:
    """Bad arguments raise every time, and not by what was asked before."""
    limiter = storage.RateLimiter(storage.MemoryStorage(clock=Clock()), "1/10s")
    limiter.hit("ann")
    assert not limiter.hit("ann")

    with pytest.raises((TypeError, ValueError), match="cost"):
        limiter.hit("ann", cost=cost)


def test_who_gives_a_place_back_ends_what_is_remembered() -> None:
    """A refusal that counted one who waits is not answered after that one has gone."""

    async def work() -> tuple[bool, bool]:
        clock = Clock()
        limiter = aio.RateLimiter(
            aio.MemoryStorage(clock=clock), storage.Limit(1, 60, algorithm="leaky"), remember=600
        )
        await limiter.hit("ann")
        waiting = asyncio.ensure_future(limiter.acquire("ann"))
        await asyncio.sleep(0)
        during = await limiter.hit("ann")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        clock.tick(61)
        after = await limiter.hit("ann")
        return during.allowed, after.allowed

    assert run(work()) == (False, True)
