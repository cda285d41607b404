"""Every backend that has leases keeps every law about visits, in both colours: by its own room,
and step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.visits
import storage.visits
from storage.offers import offered_or_none
from storage.records import Change
from storage.testing import Bridge, Clock
from storage.testing.contract import VisitContract, VisitRoomContract
from tests.contract.backends import BACKENDS, Ground, Row, params
from tests.contract.layers import IS_LONG, LAYERED, by_day

BY_DAY = ("memory", "sqlite", "sqlite-gramio", "valkey", "redis6")
TIERED = [row for row in LAYERED if row.name in ("tiered memory", "tiered valkey")]
NATIVE = [
    *by_day([row for row in BACKENDS if row.leases and (IS_LONG or row.name in BY_DAY)]),
    *by_day(TIERED),
]
"""The rooms; what is left out by day are the same rooms in other layouts and by other clients."""

STEPPED = ("memory", "sqlite", "sqlite-gramio", "valkey")
"""What is visited step by step, too: whatever it is, these steps are those of a backend."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


class OnRows:
    made_from: Row
    ground: Ground

    def opened_for(self, row: Row, request: Any, folder: Path, clock: Clock) -> Iterator[Row]:
        self.made_from = row
        self.slack_ms = row.late_ms
        self.ground = row.ground(request, folder, clock)
        yield row
        self.ground.close()

    def make(self, clock: Clock, ttl: Any = None) -> Any:
        return self.made_from.opened(self.ground)


class TestVisits(OnRows, VisitRoomContract):
    @pytest.fixture(autouse=True, params=params(NATIVE))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        yield from self.opened_for(request.param, request, tmp_path, clock)


class Agreeing:
    """The clock of a machine that agrees with those of all others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.ms


def step_by_step(half: Any, store: Any, leases: Any, clock: Clock) -> Any:
    """Visits to the entries of *store*; where nobody tells the time of these, it is that of this
    machine."""
    visits = half.visits.StepByStep(store._backend, store._layers.names, leases)
    if visits._clocked is None:
        visits._clocked = Agreeing(clock)
    return visits


class TestVisitsStepByStep(OnRows, VisitContract):
    @pytest.fixture(autouse=True, params=params([row for row in NATIVE if row.name in STEPPED]))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        yield from self.opened_for(request.param, request, tmp_path, clock)

    def visits_of(self, store: Any) -> Any:
        half = self.made_from.half
        return step_by_step(half, store, store.room(half.LeaseStore), self.ground.clock)


def ending(half: Any, base: Any, clock: Clock) -> Any:
    return half.enhance_storage(base, clock=clock, millisecond_precision=True)


def standing_in(half: Any, base: Any, clock: Clock) -> Any:
    return half.fallback(base, half.MemoryStorage(clock=clock), on_error=print)


@pytest.mark.parametrize("name", ["memory", "sqlite"])
@pytest.mark.parametrize("wrapped", [ending, standing_in])
@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "asyncio"])
def test_what_keeps_ends_or_stands_in_is_not_visited_around(
    half: Any, wrapped: Callable[..., Any], name: str, tmp_path: Path, clock: Clock
) -> None:
    (row,) = [row for row in NATIVE if row.name == name and row.half is half]
    with Bridge() as bridge:
        base = row.opened(Ground(tmp_path, clock, None))
        names = base._layers.names
        assert offered_or_none(base._backend, half.protocols.VisitStore, names) is not None
        store = wrapped(half, base, clock)
        assert offered_or_none(store._backend, half.protocols.VisitStore, names) is None

        visits = bridge.driven(step_by_step(half, store, None, clock))
        plain = bridge.driven(store)
        plain.set("k", 1, ttl=100)
        clock.tick(30)
        sight = visits.look("k")
        assert sight.left_ms == 70_000
        assert visits.leave("k", "", 0, Change(sight.raw, None, 50_000), True).done
        clock.tick(49.999)
        assert plain.get("k") == 1
        clock.tick(0.001)
        assert visits.look("k")[:2] == (None, None)
        bridge.driven(base).close()


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "asyncio"])
@pytest.mark.parametrize("layer", ["enhanced", "encrypted"])
def test_values_are_not_written_around_a_layer(half: Any, layer: str) -> None:
    base = half.MemoryStorage()
    store = half.enhance_storage(base) if layer == "enhanced" else half.encrypted(base, b"k" * 32)
    with pytest.raises(storage.UnsupportedError, match=f"{layer}, and a VisitStore would write"):
        store.room(half.protocols.VisitStore)
