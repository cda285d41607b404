"""Every backend that has leases keeps every law about them, in both colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
from storage.testing import Clock, LeaseContract
from tests.contract.backends import BACKENDS, Ground, Row, params
from tests.contract.layers import by_day
from tests.day import IS_LONG

BY_NIGHT = ("lru", "sqlite-connection", "sqlite-puregram", "sqlite-gramio", "valkey-puregram")
"""Those whose leases are kept where others have theirs, but for the names."""

WITH_LEASES = by_day(
    [row for row in BACKENDS if row.leases and (IS_LONG or row.name not in BY_NIGHT)]
)


class TestLeases(LeaseContract):
    @pytest.fixture(autouse=True, params=params(WITH_LEASES))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        self.made_from = request.param
        self.slack_ms = self.made_from.late_ms
        self.ground = self.made_from.ground(request, tmp_path, clock)
        yield self.made_from
        self.ground.close()

    def make(self, clock: Clock, ttl: Any = None) -> Any:
        return self.made_from.opened(self.ground)


@pytest.mark.parametrize("row", [row for row in BACKENDS if not row.leases], ids=str)
def test_where_there_are_no_leases_the_remedy_is_named(
    row: Row, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ground = Ground(tmp_path, Clock(), None)
    store = row.opened(row.ground(request, tmp_path, Clock()) if row.is_kv else ground)

    for thing in (store, store.namespace("a")):
        with pytest.raises(storage.UnsupportedError, match="memory, SQLite or Redis"):
            row.half.Leases(thing)
