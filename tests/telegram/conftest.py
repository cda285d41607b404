"""Grounds for bots on Telegram."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.testing import Bridge, Clock
from tests.layers.places import InMemory, params, placed
from tests.telegram.ground import Ground


@pytest.fixture(params=params("memory", "sqlite"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with placed(request, tmp_path) as place:
        yield Ground(place)


@pytest.fixture(params=params("memory"))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground for what is decided above all stores."""
    with placed(request, tmp_path) as place:
        yield Ground(place)


@pytest.fixture(params=params("memory"))
def live(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A ground where time passes by itself."""
    _, half = request.param
    with Bridge() as bridge:
        place = InMemory(half.MemoryStorage(), half, bridge, Clock())
        yield Ground(place)
        place.plain.close()
