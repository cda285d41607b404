"""Every backend that keeps conversations keeps every law about them, in both colours."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.recalling
import storage.recalling
from storage.testing import Bridge, Clock
from storage.testing.contract import HistoryContract
from storage.testing.laws.privacy import SECRET
from storage.testing.laws.talking import ALL, Say
from tests.contract.backends import BACKENDS, Ground, Row, params
from tests.contract.layers import IS_LONG, by_day

BY_DAY = ("memory", "sqlite", "valkey", "redis6")
ALSO = ("lru", "sqlite-gramio", "sqlite-connection", "valkey-puregram", "redis8")
"""The same rooms in other layouts and by other clients."""

REMEMBERING = by_day(
    [row for row in BACKENDS if row.name in (BY_DAY + ALSO if IS_LONG else BY_DAY)]
)

STEP_BY_STEP = by_day([row for row in BACKENDS if row.name in ("memory", "sqlite", "dict")])
"""Backends whose entries hold conversations as well as a room for them does."""


class TestHistories(HistoryContract):
    made_from: Row
    ground: Ground

    @pytest.fixture(autouse=True, params=params(REMEMBERING))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        self.made_from = request.param
        self.slack_ms = self.made_from.late_ms
        self.verbatim = self.made_from.verbatim
        self.ground = self.made_from.ground(request, tmp_path, clock)
        yield self.made_from
        self.ground.close()

    def make(self, clock: Clock, ttl: Any = None) -> Any:
        return self.made_from.opened(self.ground)


class TestHistoriesStepByStep(TestHistories):
    """Conversations in the entries of a backend keep the same laws."""

    @pytest.fixture(autouse=True, params=params(STEP_BY_STEP))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        self.made_from = request.param
        self.ground = self.made_from.ground(request, tmp_path, clock)
        yield self.made_from
        self.ground.close()

    def talks_of(self, store: Any, bridge: Bridge) -> Any:
        half = storage.aio if isinstance(store, storage.aio.Storage) else storage
        room: Any = half.recalling.HistoriesStepByStep(store)
        if store.capabilities.expiry_ms is None:
            room._clocked = _Agreeing(self.ground.clock)
        return bridge.driven(room)

    def test_the_log_shows_what_was_asked_and_never_what_was_said(
        self, talks: Any, say: Say, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It shows what is asked of the entries."""
        with caplog.at_level(logging.DEBUG, logger="storage"):
            say(SECRET, key="the key")
            talks.read("the key", ALL)
            talks.clear(["the key"])

        lines = [one.getMessage() for one in caplog.records if one.name == "storage"]
        for name in ("add", "read", "swap"):
            assert [line for line in lines if re.search(rf": {name} '~history~the key' ", line)]
        assert SECRET not in "".join(lines)


class _Agreeing:
    """The clock of a machine that agrees with that of the test."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.ms
