"""The table of what rate limits cost, in `docs/guide/ratelimits.md`, is true."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import storage
from storage import Limit, RateLimiter
from storage.core.meters import name_of, name_of_places
from storage.keys import Names
from storage.memory.kv import MemoryBackend
from storage.protocols import RateLimitStore
from storage.records import Meter
from tests.docs.test_trips import Counted
from tests.house.tree import ROOT

pytestmark = pytest.mark.timed

SLOTS = Limit(1, algorithm="slots")


class CountedLimits(MemoryBackend):
    """A backend whose room of rate limits counts what it is asked, and which has no quick way."""

    def __init__(self) -> None:
        super().__init__(time.time)
        self.counted = Counted(super().room(RateLimitStore, Names()))

    def room(self, kind: object, names: Names) -> Any:
        return self.counted if kind is RateLimitStore else None


class Ground:
    """Limiters of one store, and what it is asked."""

    def __init__(self) -> None:
        backend = CountedLimits()
        store: storage.Storage[Any] = storage.Storage(backend)
        self.room: Counted = backend.counted
        self.limiter = RateLimiter(store, "1/h", "5/day", "9/30day")
        self.slots = RateLimiter(store, SLOTS, "9/h")


def hit_again(ground: Ground) -> None:
    for _ in range(2):
        ground.limiter.hit("a")
    ground.room.calls = 0
    assert not ground.limiter.hit("a")


def look(ground: Ground) -> None:
    same(ground, lambda: ground.limiter.peek("a"), lambda: ground.limiter.explain("a"))


def correct(ground: Ground) -> None:
    limiter, verdict = ground.limiter, ground.limiter.hit("a")
    same(
        ground,
        lambda: limiter.refund(verdict),
        lambda: limiter.block("a"),
        lambda: limiter.reset("a"),
    )


def same(ground: Ground, *works: Callable[[], object]) -> None:
    """What stands in one row costs the same."""
    told = set()
    for work in works:
        ground.room.calls = 0
        work()
        told.add(ground.room.calls)
    assert len(told) == 1


def slot(ground: Ground) -> None:
    with ground.slots.slot("a"):
        pass


def renew(ground: Ground) -> None:
    with ground.slots.slot("a") as taken:
        taken._due = 0.0
        ground.room.calls = 0
        ground.slots._slots._tend()
        renewing = ground.room.calls
    ground.room.calls = renewing


OPERATIONS: dict[str, Callable[[Ground], object]] = {
    "`hit`, by however many limits": lambda ground: ground.limiter.hit("a"),
    "`hit`, of a key that was refused before": hit_again,
    "`hit_many`, 3 keys": lambda ground: ground.limiter.hit_many(list("abc")),
    "`peek`, `explain`": look,
    "`acquire`, by limits for one key": lambda ground: ground.limiter.acquire("a"),
    "`refund`, `block`, `reset`": correct,
    "`slot`, of a free one": slot,
    "a renewal of a slot": renew,
}


def costs() -> dict[str, int]:
    """The rows of the table."""
    text = (ROOT / "docs" / "guide" / "ratelimits.md").read_text(encoding="utf-8")
    table = text.partition("| rate limits | trips |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.*?) \| (\d+) \|$", table, re.MULTILINE)
    return {operation: int(trips) for operation, trips in rows}


def test_the_table_has_every_operation() -> None:
    assert costs().keys() == OPERATIONS.keys()


@pytest.mark.parametrize("row", OPERATIONS)
def test_an_operation_takes_as_many_trips_as_the_table_says(row: str) -> None:
    ground = Ground()

    OPERATIONS[row](ground)

    assert ground.room.calls == costs()[row]


def test_who_waits_for_a_slot_asks_ever_less() -> None:
    """More often than every 50 ms only in the beginning."""
    ground = Ground()
    with ground.slots.slot("a"):
        ground.room.calls = 0
        with pytest.raises(storage.RateLimitedError), ground.slots.slot("a", wait=0.8):
            pytest.fail("somebody else has it")

    assert 2 < ground.room.calls < 30


def test_names_are_those_that_the_page_shows() -> None:
    """What is kept is called as the table says, whatever else changes."""
    page = (ROOT / "docs" / "guide" / "ratelimits.md").read_text(encoding="utf-8")
    plain, space = Names(), Names().namespace("carts")
    minute = Meter(Limit.parse("20/min").rule, "ann")
    burst = Limit(5, per=10, algorithm="gcra", burst=3, name="photos")
    names = [
        name_of(plain, minute),
        name_of(space, minute),
        name_of(plain, Meter(burst.rule, "ann")),
        name_of_places(plain, [minute]),
    ]

    assert [name for name in names if f" | `{name}` |\n" not in page] == []
