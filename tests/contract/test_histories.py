"""Every backend that keeps conversations keeps every law about them, in both colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.testing import Clock
from storage.testing.contract import HistoryContract
from tests.contract.backends import BACKENDS, Ground, Row, params
from tests.contract.layers import IS_LONG

BY_DAY = ("memory", "sqlite", "valkey", "redis6")
ALSO = ("lru", "sqlite-gramio", "sqlite-connection", "valkey-puregram", "redis8")
"""The same rooms in other layouts and by other clients."""

REMEMBERING = [row for row in BACKENDS if row.name in (BY_DAY + ALSO if IS_LONG else BY_DAY)]


class TestHistories(HistoryContract):
    made_from: Row
    ground: Ground

    @pytest.fixture(autouse=True, params=params(REMEMBERING))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        self.made_from = request.param
        self.slack_ms = self.made_from.late_ms
        self.ground = self.made_from.ground(request, tmp_path, clock)
        yield self.made_from
        self.ground.close()

    def make(self, clock: Clock, ttl: Any = None) -> Any:
        return self.made_from.opened(self.ground)
