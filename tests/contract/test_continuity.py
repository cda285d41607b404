"""Every adapter of session continuity keeps every law about them, in both colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.testing import Clock
from storage.testing.contract import ContinuityContract
from tests.contract.adapters import ADAPTERS, Ground, Row, params


class TestContinuity(ContinuityContract):
    made_from: Row
    ground: Ground

    @pytest.fixture(autouse=True, params=params(ADAPTERS))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        self.made_from = request.param
        self.slack_ms = self.made_from.late_ms
        self.ground = self.made_from.ground(request, tmp_path, clock)
        yield self.made_from
        self.ground.close()

    def make(self, clock: Clock, ttl: Any = None) -> Any:
        return self.made_from.opened(self.ground, ttl)

    def beside(self, adapter: Any, clock: Clock, ttl: Any = None) -> Any:
        return self.made_from.beside(self.ground, adapter, ttl)
