"""Grounds for limits: every place, memory alone, and the rooms of a server by plain calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.protocols
import storage.protocols
from storage.testing import Bridge
from tests.contract.layers import IS_LONG
from tests.limits.standing import Ground, params, passing, standing
from tests.servers import Server

Rooms = Callable[..., Any]


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("sqlite", "valkey"))
def bytes_ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground where what is counted is kept as bytes."""
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("memory"))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground for what is decided above all stores."""
    with standing(request, tmp_path) as ground:
        yield ground


CROSSED = [
    param
    for param in params("memory", "sqlite", "valkey")
    if IS_LONG or param.id in ("memory storage", "sqlite aio", "valkey aio")
]
"""By day, each in one colour: what is waited for takes its time."""


@pytest.fixture(
    params=[one for one in params("memory", "sqlite", "valkey") if str(one.id).endswith("aio")]
)
def tasks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground of the asyncio half where time passes by itself."""
    with passing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=CROSSED)
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground where time passes by itself."""
    with passing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def rooms(half: Any) -> Iterator[Rooms]:
    """Makes the rate limits of a store at some place, in the colour of the test."""
    stores = []
    with Bridge() as bridge:

        def make(place: Any, **options: Any) -> Any:
            store = bridge.driven(half.RedisStorage(getattr(place, "url", place), **options))
            stores.append(store)
            return store.room(half.protocols.RateLimitStore)

        yield make
        for store in stores:
            store.close()


@pytest.fixture
def valkey(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.call("FLUSHALL")
