"""What memory does with meters: it frees what counts no more, and never what may count again."""

from __future__ import annotations

import storage
from storage import Limit, RateLimiter
from storage.testing import Clock


def test_what_counts_no_more_is_freed() -> None:
    clock = Clock()
    store = storage.MemoryStorage(clock=clock)
    limiter = RateLimiter(store, "2/s")
    for number in range(20_000):
        limiter.hit(number)
        clock.tick(0.01)

    (board,) = store._backend._room._meters.boards.values()
    assert len(board.kept) < 5_000


def test_a_clock_that_goes_back_admits_nothing_more_once_something_was_freed() -> None:
    """What was counted for the first one is gone by then, and that time is too."""
    clock = Clock()
    limiter = RateLimiter(storage.MemoryStorage(clock=clock), Limit(1, 10), remember=0)
    assert limiter.hit("first")
    clock.tick(11)
    for number in range(5_000):
        limiter.hit(number)
    clock.tick(-10.5)

    assert limiter.hit("first")
    clock.tick(9)
    assert not limiter.hit("first")
    clock.tick(11.4)
    assert not limiter.hit("first")
    clock.tick(0.2)
    assert limiter.hit("first")
