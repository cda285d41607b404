"""Stores of either colour, by plain calls, with copies near at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import Bridge
from tests.servers import Server
from tests.tiered.ground import Tier

Open = Callable[..., Any]
"""Makes a store by the name of its class."""

Over = Callable[..., Tier]
"""Makes the store with copies over one."""


@pytest.fixture
def opened(half: Any, bridge: Bridge) -> Iterator[Open]:
    made: list[Any] = []

    def make(kind: str, *arguments: Any, **options: Any) -> Any:
        made.append(getattr(half, kind)(*arguments, **options))
        return made[-1]

    yield make
    for store in made:
        bridge.driven(store).close()


@pytest.fixture
def over(half: Any, bridge: Bridge) -> Iterator[Over]:
    made: list[Tier] = []

    def make(base: Any, **options: Any) -> Tier:
        made.append(Tier(half, bridge, base, options))
        return made[-1]

    yield make
    for tier in made:
        tier.store.close()


@pytest.fixture
def other(valkey: Server) -> Iterator[storage.Storage[Any]]:
    """What another process writes by, on the server of the tests."""
    with storage.RedisStorage(valkey.url) as store:
        yield store
    valkey.call("FLUSHALL")
