"""The quick way through a limit in memory decides and keeps what the transition does."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

import storage
import storage.memory.meters
from storage.records import Ask, Meter
from tests.contract.layers import IS_LONG
from tests.model.limits import Model, counting

LIMITS = {
    "log": storage.Limit(5, 1),
    "long log": storage.Limit(40, 2),
    "window": storage.Limit(5, 1, algorithm="window"),
    "aligned": storage.Limit(5, 1, algorithm="aligned"),
    "gcra": storage.Limit(5, 1, algorithm="gcra"),
    "burst": storage.Limit(3, 1, algorithm="gcra", burst=9),
    "leaky": storage.Limit(7, 1, algorithm="leaky"),
}
STEPS = ("hit",) * 30 + ("move",) * 8 + ("back", "cost", "refund", "block", "reserve", "reset")
MOVES = (1, 1, 999, 1000, 142_857, 200_000, 333_333, 999_999, 1_000_000, 2_000_001)


class Time:
    """The clock of this machine, which stands still between the steps."""

    def __init__(self) -> None:
        self.us = 1_700_000_000_457_000

    def __call__(self) -> int:
        return self.us * 1000


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(storage.memory.meters, "wall_ns", time)
    return time


@pytest.mark.parametrize("name", LIMITS)
def test_the_quick_way_decides_what_the_transition_does(name: str, time: Time) -> None:
    counted: Counter[str] = Counter()
    for seed in range(200 if IS_LONG else 10):
        run(Random(seed), LIMITS[name], time, counted)
    assert counted["quick"] > 100, counted
    assert counted["slow"] > 100, counted


def run(dice: Random, limit: storage.Limit, time: Time, counted: Counter[str]) -> None:
    rule, model = limit.rule, Model(forgets=1)
    with storage.MemoryStorage() as store:
        limiter = storage.RateLimiter(store, limit, remember=0)
        quick: Any = limiter._quick
        limiter._quick = lambda key: noted(quick(key), counted)
        room: Any = store.room(storage.protocols.RateLimitStore)
        kept = store._backend._room._meters.boards["", rule.stored].kept
        for _ in range(120):
            step, meters = dice.choice(STEPS), [Meter(rule, dice.choice("ab"))]
            key, now = meters[0].key, time.us
            cost = dice.randint(1, min(3, rule.most))
            if step == "move":
                time.us += dice.choice(MOVES)
            elif step == "back":
                time.us -= dice.choice(MOVES)
            elif step in ("hit", "cost"):
                cost = 1 if step == "hit" else cost
                told: Any = limiter.hit(key, cost)
                assert told._decision == model.hit(now, meters, Ask(cost))
            elif step == "reserve":
                told = room.reserve(meters, Ask(cost), 500_000)
                assert told == model.reserve(now, meters, Ask(cost), 500_000)
            elif step == "refund":
                room.refund(meters, cost, 0)
                model.refund(now, meters, cost, 0)
            elif step == "block":
                room.block(meters, 300_000)
                model.block(now, meters, 300_000)
            else:
                limiter.reset(key)
                model.reset(now, meters)
            right = model.states.get((rule.stored, key))
            assert (right is None) is (key not in kept)
            if right is not None:
                assert counting(rule, kept[key].state()) == counting(rule, right)


def test_a_field_that_no_limit_has_is_told_however_often_was_counted() -> None:
    with storage.MemoryStorage() as store:
        limiter = storage.RateLimiter(store, "3/min")
        for left in (2, 1, 0):
            assert limiter.hit("k").remaining == left
            with pytest.raises(TypeError, match="no limit here has a field chat"):
                limiter.hit("k", chat=5)
        assert not limiter.hit("k")
        with pytest.raises(TypeError, match="no limit here has a field chat"):
            limiter.hit("k", chat=5)


def noted(verdict: Any, counted: Counter[str]) -> Any:
    counted["slow" if verdict is None else "quick"] += 1
    return verdict
