"""Stores on the test server, in both colours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from storage.testing import Bridge, Clock
from tests.cloudflare.ground import HALVES, Opened, store_of
from tests.day import IS_LONG
from tests.servers.cloudflare import KvServer

collect_ignore = [] if IS_LONG else ["test_beside_engine.py"]


@pytest.fixture(params=HALVES)
def half(request: pytest.FixtureRequest) -> Any:
    """One of the halves."""
    return HALVES[request.param]


@pytest.fixture
def opened(half: Any) -> Iterator[Opened]:
    """Opens a store on a server; it is used by plain calls, and closed at the end."""
    with ExitStack() as stack:
        bridge = stack.enter_context(Bridge())

        def open_on(server: Any, **options: Any) -> Any:
            return stack.enter_context(bridge.driven(store_of(half, server, **options)))

        yield open_on


@pytest.fixture
def clock(kv: KvServer) -> Clock:
    """That of the server, and of the stores that are told so."""
    kv.clock = clock = Clock()
    return clock


@pytest.fixture
def store(opened: Opened, kv: KvServer) -> Any:
    """A store on the server that behaves."""
    return opened(kv)
