"""Every backend that has rate limits keeps every law about them, in both colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.testing import Clock
from storage.testing.contract import LimitContract, LimitRoomContract
from tests.contract.backends import BACKENDS, Ground, Row, params
from tests.contract.layers import IS_LONG, by_day

BY_DAY = ("memory", "sqlite", "valkey", "redis6")
ALSO = ("lru", "sqlite-gramio", "sqlite-connection", "redis8")
"""The same rooms in other layouts and by other clients."""

LIMITING = by_day([row for row in BACKENDS if row.name in (BY_DAY + ALSO if IS_LONG else BY_DAY)])

STEPPED = ("memory", "sqlite", "dict") if IS_LONG else ("memory", "dict")
"""Where they are counted step by step, too: what these steps are made of, every backend has."""


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


class TestLimits(OnRows, LimitRoomContract):
    @pytest.fixture(autouse=True, params=params(LIMITING))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        yield from self.opened_for(request.param, request, tmp_path, clock)


class Agreeing:
    """The clock of a machine that agrees with those of all others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.ms


class TestLimitsStepByStep(OnRows, LimitContract):
    @pytest.fixture(
        autouse=True, params=params(by_day([one for one in BACKENDS if one.name in STEPPED]))
    )
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        for row in self.opened_for(request.param, request, tmp_path, clock):
            self.slack_ms = 1  # a backend tells the milliseconds of its time
            yield row

    def limits_of(self, store: Any) -> Any:
        half = self.made_from.half
        steps = half.metering.LimitsStepByStep(store._backend, store._layers.names)
        if steps._clocked is None:
            steps._clocked = Agreeing(self.ground.clock)
        return steps
