"""Rooms of sessions on a server, in both colours, and the clock of that server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.dialog_store
import storage.dialog_store
from storage.dialogs import Terms
from storage.testing import Bridge, Clock
from tests.servers import Server

NOW = 1_700_000_000_457

Opened = Callable[..., Any]

KINDS = {
    storage: storage.dialog_store.DialogStore,
    storage.aio: storage.aio.dialog_store.DialogStore,
}


@contextmanager
def rooms_of(half: Any) -> Iterator[Opened]:
    """Makes rooms in one colour, and closes what they stand on in the end."""
    stores = []
    with Bridge() as bridge:

        def make(place: Any, prefix: str = "", **options: Any) -> Any:
            url = getattr(place, "url", place)
            stores.append(bridge.driven(half.RedisStorage(url, prefix=prefix, **options)))
            return stores[-1].room(KINDS[half])

        try:
            yield make
        finally:
            for store in stores:
                store.close()


def held_still(server: Server) -> Server:
    """The server, whose clock is moved by hand."""
    if not server.clock_moves:
        pytest.skip("the clock of the server can not be moved here")
    server.hold(NOW)
    return server


class Together:
    """A clock that is turned together with that of a server."""

    def __init__(self, server: Server, ms: int) -> None:
        self.clock = Clock(ms / 1000)
        self._server = server
        server.hold(ms)

    def __call__(self) -> float:
        return self.clock()

    def tick(self, seconds: float) -> None:
        self.clock.tick(seconds)
        self._server.advance(seconds)


class Exact:
    """A room on a server, which is over in the millisecond in which that is so in memory."""

    def __init__(self, room: Any) -> None:
        self._room = room

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            return getattr(self._room, name)(*[_a_little_less(one) for one in given])

        return call


def _a_little_less(one: Any) -> Any:
    if isinstance(one, Terms) and one.ttl_ms is not None:
        return one._replace(ttl_ms=one.ttl_ms - 1)
    return one
