"""Stores of both colours on a real server, directly or behind a proxy that breaks things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fault.conftest import Open
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import url
from tests.servers import Server

Store = Any
At = Callable[..., Store]
"""Makes a store at a server or a proxy, with the options of its URL."""


@pytest.fixture(autouse=True)
def _no_keys_are_left(valkey: Server) -> Iterator[None]:
    yield
    valkey.call("FLUSHALL")


@pytest.fixture
def at(opened: Open) -> At:
    def make(place: Server | Proxy, **options: object) -> Store:
        return opened("RedisStorage", url(place, **options))

    return make
