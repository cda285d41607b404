"""Refusals that are remembered: nobody is asked again, and what is said is true."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import storage
import storage.aio
from storage.core.denials import Denials, note
from storage.core.limits import Limit
from storage.core.targets import Targets
from storage.records import Ask, Decision, Meter, Reading
from storage.testing import Clock
from tests.fault.ground import PATIENCE, Crew
from tests.limits.standing import Ground, noting, passed


def test_who_was_refused_is_not_asked_about_again(memory: Ground) -> None:
    inner = memory.inner("2/min", remember=60)
    limiter, room = memory.bridge.driven(inner), noting(inner)
    passed(limiter, 3, "k")
    assert len(room.answered) == 3

    assert passed(limiter, 50, "k") == 0
    assert passed(limiter, 50, "k", cost=2) == 0
    assert len(room.answered) == 3
    limiter.peek("k")
    limiter.hit("other")
    assert len(room.answered) == 5


def test_a_refusal_that_is_remembered_tells_the_same(memory: Ground) -> None:
    limiter = memory.limiter("1/min", memory.limit(5, 1, key="all"), remember=60)
    limiter.hit("k")
    first = limiter.hit("k")
    memory.clock.tick(20)
    again = limiter.hit("k")

    assert (again.allowed, again.remaining, again.cost) == (False, 0, 1)
    assert again.refused_by == first.refused_by
    assert again.reset_at == first.reset_at
    assert again.retry_after == pytest.approx(40)
    assert again.error is None


def test_a_refusal_ends_to_the_microsecond(memory: Ground) -> None:
    """Though who remembers knows whole milliseconds only."""
    limiter = memory.limiter(memory.limit(3, 1, algorithm="leaky"), remember=60)
    passed(limiter, 2, "k")
    memory.clock.tick(0.333334)

    assert limiter.hit("k")


def test_a_refusal_is_remembered_for_no_longer_than_it_holds(memory: Ground) -> None:
    limiter = memory.limiter(memory.limit(1, 0.25), remember=60)
    passed(limiter, 2, "k")
    memory.clock.tick(0.249)
    assert not limiter.hit("k")
    memory.clock.tick(0.001)

    assert limiter.hit("k")


@pytest.mark.parametrize("remember", [0.5, storage.Limit(1, 0.5).per])
def test_a_refusal_is_forgotten_after_the_time_that_it_is_remembered_for(
    memory: Ground, remember: Any
) -> None:
    inner = memory.inner("1/min", remember=remember)
    limiter, room = memory.bridge.driven(inner), noting(inner)
    passed(limiter, 2, "k")
    memory.clock.tick(0.499)
    limiter.hit("k")
    assert len(room.answered) == 2
    memory.clock.tick(0.001)
    limiter.hit("k")
    assert len(room.answered) == 3


def test_nothing_is_remembered_where_nobody_wants_it(memory: Ground) -> None:
    inner = memory.inner("1/min", remember=0)
    limiter, room = memory.bridge.driven(inner), noting(inner)
    passed(limiter, 9, "k")

    assert len(room.answered) == 9


def test_who_asks_for_less_than_was_refused_is_asked_about(memory: Ground) -> None:
    limiter = memory.limiter("5/min", remember=60)
    limiter.hit("k", cost=2)

    assert not limiter.hit("k", cost=4)
    assert not limiter.hit("k", cost=5)
    assert limiter.hit("k", cost=3)


def test_refusals_are_for_whom_they_were(memory: Ground) -> None:
    plain = memory.limiter("1/min", remember=60)
    filled = memory.limiter(memory.limit(1, 60, key="{a}:{b}"), remember=60)
    passed(plain, 2, "a")
    passed(filled, 2, a=1, b=2)

    assert plain.hit("b")
    assert filled.hit(a=2, b=1)
    assert not filled.hit(b=2, a=1)


def test_a_flooder_is_told_once_in_a_window(memory: Ground) -> None:
    """Also where the clock stands still, whoever answers, and by whichever limiter."""
    options = {"tells_once": True, "remember": 60}
    first, second = memory.limiter("1/min", **options), memory.limiter("1/min", **options)
    for _ in range(3):
        for limiter in (first, second):
            assert not limiter.peek("k").is_first_refusal
        assert not first.hit("k").is_first_refusal
        told = [
            limiter.hit("k").is_first_refusal for limiter in (first, first, second, first, second)
        ]
        assert told == [True, False, False, False, False]
        memory.clock.tick(59.9)
        assert not first.hit("k").is_first_refusal
        memory.clock.tick(0.2)


def test_who_does_not_ask_for_it_is_never_told_first(memory: Ground) -> None:
    limiter = memory.limiter("1/min")

    assert not any(limiter.hit("k").is_first_refusal for _ in range(3))


@pytest.mark.parametrize("undo", ["reset", "refund a key", "refund a verdict"])
def test_what_is_undone_by_the_same_limiter_counts_at_once(memory: Ground, undo: str) -> None:
    limiter = memory.limiter("1/min", remember=60)
    verdict = limiter.hit("k")
    assert not limiter.hit("k")
    if undo == "reset":
        limiter.reset("k")
    else:
        limiter.refund("k" if undo == "refund a key" else verdict)

    assert limiter.hit("k")


@pytest.mark.parametrize("undo", ["reset", "refund"])
def test_what_is_undone_elsewhere_counts_when_the_refusal_is_forgotten(
    memory: Ground, undo: str
) -> None:
    limiter, other = memory.limiter("1/min"), memory.limiter("1/min")
    passed(limiter, 2, "k")
    getattr(other, undo)("k")

    memory.clock.tick(0.999)
    assert not limiter.hit("k")
    memory.clock.tick(0.001)
    assert limiter.hit("k")


class Slow:
    """A room whose answers to hits stay under way for a while."""

    def __init__(self, room: Any) -> None:
        self.room = room
        self.decided, self.go = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.room, name)

    def hit(self, meters: Any, ask: Any) -> Any:
        decision = self.room.hit(meters, ask)
        self.decided.set()
        assert self.go.wait(PATIENCE)
        return decision


@pytest.mark.parametrize("undo", ["reset", "refund"])
def test_a_refusal_that_was_under_way_meanwhile_is_not_remembered(undo: str) -> None:
    with storage.MemoryStorage() as store:
        limiter = storage.RateLimiter(store, "1/min", remember=60)
        limiter.hit("k")
        usual = limiter._room
        slow: Any = Slow(usual)
        limiter._guard._room = slow
        asking = Crew(lambda: limiter.hit("k"))
        assert slow.decided.wait(PATIENCE)
        getattr(limiter, undo)("k")
        slow.go.set()
        asking.join()
        limiter._guard._room = usual

        assert limiter.hit("k")


def test_a_clock_that_goes_back_makes_nobody_wait_for_what_is_forgotten(memory: Ground) -> None:
    inner = memory.inner("1/min", remember=60)
    limiter, room = memory.bridge.driven(inner), noting(inner)
    passed(limiter, 2, "k")
    memory.clock.tick(-3600)

    assert not limiter.hit("k")
    assert len(room.answered) == 3
    memory.clock.tick(3660)
    assert limiter.hit("k")


def refusal(wait_ms: int) -> tuple[Any, Decision]:
    target = Targets((Limit(1, 60),), "a store").of("k", {})
    return target, Decision(False, 0, 0, False, [Reading(wait_ms * 1000, 0, 0)])


def test_refusals_do_not_fill_the_memory() -> None:
    denials: Denials = {}
    target, decision = refusal(1000)
    for number in range(25_000):
        note(denials, number, target, 1, decision, 0.0, 60.0)

    assert len(denials) <= 10_000
    assert denials[24_999].holds(24_999, 1, 999.0)
    assert not denials[24_999].holds(24_999, 1, 1000.0)


ALGORITHMS = ("log", "window", "aligned", "counter", "gcra", "leaky")
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["hit"] * 6 + ["refund", "reset", "block"]),
        st.sampled_from("ab"),
        st.integers(1, 3),
        st.sampled_from([0, 0, 0, 1, 7, 250, 999, 1000, 1001, 3000, 333_333, 1_000_001, 7_000_000]),
    ),
    max_size=60,
)


@given(
    moves=MOVES,
    algorithms=st.lists(st.sampled_from(ALGORITHMS), min_size=1, max_size=2, unique=True),
    per=st.sampled_from([0.001, 0.25, 1, 3, 7]),
    hits=st.integers(3, 4),
    remember=st.sampled_from([0.0005, 0.5, 1, 1000]),
)
@settings(max_examples=max(150, settings().max_examples))
def test_who_remembers_says_what_who_asks_says(
    moves: list[Any], algorithms: list[Any], per: float, hits: int, remember: float
) -> None:
    """Whatever is hit when, to the microsecond: what passes is the same, and who is refused is
    never told to wait for longer than it takes."""
    clocks = Clock(), Clock()
    limits = [Limit(hits, per, algorithm=one) for one in algorithms]
    stores = [storage.MemoryStorage(clock=clock) for clock in clocks]
    knowing = storage.RateLimiter(stores[0], *limits, remember=remember)
    asking = storage.RateLimiter(stores[1], *limits, remember=0)
    for what, key, cost, us in moves:
        for clock in clocks:
            clock.tick(us / 1_000_000)
        if what == "hit":
            cost = min(cost, knowing._targets.most)
            known, asked = knowing.hit(key, cost), asking.hit(key, cost)
            assert bool(known) == bool(asked)
            if not known:
                assert known.retry_after <= asked.retry_after + 0.0011
            elif len(limits) == 1:
                assert known.remaining == asked.remaining
        elif what == "block":
            for limiter in (knowing, asking):
                limiter.block(key, 0.25)
        else:
            for limiter in (knowing, asking):
                getattr(limiter, what)(key)
    for store in stores:
        store.close()


def test_threads_that_reset_and_hit_never_remember_what_was_reset() -> None:
    """Nobody resets at the end: whoever is refused then is refused by the store."""
    chance = random.Random(3)
    with storage.MemoryStorage() as store:
        limiter = storage.RateLimiter(store, "3/h", remember=3600)
        room = store.room(storage.RateLimitStore)
        meters = [Meter(limiter.limits[0].rule, "k")]

        def hit() -> None:
            for _ in range(300):
                limiter.hit("k")

        def undo() -> None:
            for _ in range(200):
                limiter.reset("k")
                if chance.random() < 0.3:
                    limiter.refund("k")

        for _ in range(5):
            crew = Crew(hit, hit, undo)
            crew.join()
            left = room.peek(meters, Ask()).readings[0].left
            assert passed(limiter, 5, "k") == left
            limiter.reset("k")
