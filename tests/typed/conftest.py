"""Stores of both colours, on three backends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import Clock, driven
from tests.contract.backends import BACKENDS, Row, params

ON = ("memory", "sqlite", "valkey")


@pytest.fixture(params=params([row for row in BACKENDS if row.name in ON]))
def row(request: pytest.FixtureRequest) -> Row:
    made: Row = request.param
    return made


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path, row: Row) -> Iterator[Any]:
    """An empty store, by plain calls."""
    ground = row.ground(request, tmp_path, Clock())
    with driven(row.opened(ground)) as made:
        yield made
    ground.close()


@pytest.fixture(params=[storage, storage.aio], ids=["storage", "aio"])
def memory(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A store in memory, where the backend does not matter."""
    with driven(request.param.MemoryStorage()) as made:
        yield made
