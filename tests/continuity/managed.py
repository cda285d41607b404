"""Managers of one colour over sessions that are kept at some place, by plain calls."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from storage.testing import Bridge, Clock
from tests.layers.places import server_for
from tests.servers import Server

HALVES = ("storage.continuity", "storage.aio.continuity")
PLACES = ("memory", "sqlite", "valkey")

_numbers = itertools.count()


def params(*places: str) -> list[Any]:
    """*places*, in both colours."""
    return [
        pytest.param(
            (place, half),
            id=f"{place} aio" if "aio" in half else place,
            marks=[pytest.mark.server] if place == "valkey" else [],
        )
        for place in places
        for half in HALVES
    ]


class Heard:
    """A handler that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def __call__(self, event: Any) -> None:
        self.events.append(event)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


class Managed:
    """A place where sessions are kept, in one colour, and those who keep them there."""

    def __init__(
        self, place: str, half: Any, bridge: Bridge, clock: Clock, folder: Path, server: Any
    ) -> None:
        self.place = place
        self.half = half
        self.bridge = bridge
        self.clock = clock
        self.server: Server = server
        self.open: list[Any] = []
        self._path = folder / f"{next(_numbers)}.db"
        self.prefix = f"managed {next(_numbers)}:"
        self._shared: Any = None

    @property
    def is_async(self) -> bool:
        return "aio" in self.half.__name__

    def adapter(self, **options: Any) -> Any:
        """An adapter at the place; in memory it is the same one again."""
        if self.place == "memory":
            if self._shared is None or options:
                self._shared = self.half.MemoryAdapter(clock=self.clock, **options)
            return self._shared
        if self.place == "sqlite":
            return self.half.SqliteAdapter(self._path, clock=self.clock, **options)
        options = {"prefix": self.prefix, **options}
        return self.half.RedisAdapter(options.pop("client", self.server.url), **options)

    def by_calls(self, adapter: Any) -> Any:
        """An adapter by plain calls, closed at the end."""
        self.open.append(self.bridge.driven(adapter))
        return self.open[-1]

    def manager(self, adapter: Any = None, **options: Any) -> Any:
        """A manager at the place, closed at the end; with several, each has its own adapter."""
        over = self.adapter() if adapter is None else adapter
        options = {"clock": self.clock, **options}
        if self.is_async:
            # In the loop, where it may begin to clean up.
            made = self.bridge.call(lambda: self.half.SessionManager(over, **options))
        else:
            made = self.half.SessionManager(over, **options)
        self.open.append(made)
        return made

    def at(self, seconds: float = 0) -> datetime:
        """The moment in so many *seconds*."""
        now = self.clock.now + timedelta(seconds=seconds)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def either(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """*function* in the colour of the place."""
        if not self.is_async:
            return function

        async def awaited(*args: Any) -> Any:
            return function(*args)

        return awaited

    def keys(self) -> list[str]:
        """The keys on the server, without the prefix."""
        found = self.server.call("KEYS", "*")
        return sorted(name.decode().removeprefix(self.prefix) for name in found)

    def call(self, command: str, key: str, *words: Any) -> Any:
        """What the server replies for a key, past all adapters."""
        return self.server.call(command, f"{self.prefix}{key}", *words)


@contextmanager
def managing(
    request: pytest.FixtureRequest, folder: Path, *, beside_others: bool = False
) -> Iterator[Managed]:
    """The place that is the parameter of a fixture; *beside_others* it is without a prefix."""
    place, half = request.param
    server = server_for(place, request)
    clock = Clock()
    if server is not None:
        clock.lead(server.hold)
    with Bridge() as bridge:
        managed = Managed(place, import_module(half), bridge, clock, folder, server)
        managed.prefix = "" if beside_others else managed.prefix
        try:
            yield managed
        finally:
            for one in reversed(managed.open):
                one.close()
            if server is not None:
                server.call("FLUSHALL")
