"""Stores of both colours by plain calls, closed when the test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storage.testing import Bridge

Open = Callable[..., Any]


@pytest.fixture
def opened(half: Any, bridge: Bridge) -> Iterator[Open]:
    """Makes a store of a URL or a client, in the colour of the test."""
    stores = []

    def make(place: Any, **options: Any) -> Any:
        store = bridge.driven(half.RedisStorage(place, **options))
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def leases_of(half: Any, bridge: Bridge) -> Callable[[Any], Any]:
    """The leases of a store that was opened here."""
    return lambda store: bridge.driven(half.Leases(getattr(store, "_thing", store)))
