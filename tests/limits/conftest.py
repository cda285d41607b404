"""The rate limits of stores of both colours on a real server, by plain calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.protocols
import storage.protocols
from storage.testing import Bridge
from tests.servers import Server

Rooms = Callable[..., Any]


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
