"""A store in memory, of either colour, to put layers over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import Bridge


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    with Bridge() as bridge:
        yield bridge


@pytest.fixture
def base(half: Any, bridge: Bridge) -> Iterator[Any]:
    store = half.MemoryStorage()
    yield store
    bridge.driven(store).close()
