"""Every backend keeps every law of the contract, in both colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from storage.testing import Clock, StorageContract
from tests.contract.backends import BACKENDS, Row, params
from tests.contract.fallbacks import FALLBACKS
from tests.contract.layers import LAYERED, by_day
from tests.day import examples


class TestStorage(StorageContract):
    @pytest.fixture(autouse=True, params=params(by_day([*BACKENDS, *LAYERED, *FALLBACKS])))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        self.made_from = request.param
        self.verbatim = self.made_from.verbatim
        self.knows_none = self.made_from.knows_none
        self.prefixed = self.made_from.prefixed or self.made_from.server is not None
        self.longest_key = self.made_from.longest_key
        self.no_keys = self.made_from.no_keys
        self.slack_ms = self.made_from.late_ms
        self.ground = self.made_from.ground(request, tmp_path, clock)
        profile = settings.get_current_profile_name()
        if self.made_from.server == "miniflare":
            settings.load_profile("ci")  # by night, others do ten times as much in the same time
        with examples(self.made_from.name, self.made_from.half):
            yield self.made_from
        settings.load_profile(profile)
        self.ground.close()

    def make(self, clock: Clock, ttl: Any = None) -> Any:
        self.ground.ttl = ttl
        return self.made_from.opened(self.ground)

    def test_the_store_can_do_what_the_table_says(self, store: Any, row: Row) -> None:
        assert store.capabilities == row.capabilities
