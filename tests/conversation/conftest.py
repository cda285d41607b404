"""The rooms of conversations on a server, in both colours, by plain calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storage.testing import Bridge
from tests.servers import Server

Opened = Callable[..., Any]


@pytest.fixture
def opened(half: Any) -> Iterator[Opened]:
    """Makes a store at some place, in the colour of the test."""
    stores = []
    with Bridge() as bridge:

        def make(place: Any, **options: Any) -> Any:
            store = bridge.driven(half.RedisStorage(getattr(place, "url", place), **options))
            stores.append(store)
            return store

        yield make
        for store in stores:
            store.close()


@pytest.fixture
def rooms(opened: Opened, half: Any) -> Opened:
    """Makes the conversations of a store at some place, in the colour of the test."""
    return lambda place, **options: opened(place, **options).room(half.protocols.HistoryStore)


@pytest.fixture
def server_room(rooms: Opened, valkey: Server) -> Iterator[Any]:
    """The conversations on a server, which is empty afterwards."""
    yield rooms(valkey)
    valkey.call("FLUSHALL")
