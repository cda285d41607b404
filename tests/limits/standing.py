"""A place where limits are counted, in one colour, by plain calls, and what time it is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.fault.ground import rows
from tests.layers.places import HALVES, InAFile, OnAServer, Place, opened, params, placed
from tests.servers import Server

__all__ = [
    "HALVES",
    "Ground",
    "Noting",
    "near",
    "noting",
    "params",
    "passed",
    "passing",
    "standing",
]


def near(seconds: float) -> Any:
    """So many seconds: a server whose clock stands goes on within a millisecond."""
    return pytest.approx(seconds, abs=0.0021)


class Passing:
    """A clock that nobody turns: `tick` waits."""

    def __call__(self) -> float:
        return time.time()

    def tick(self, seconds: float) -> None:
        time.sleep(seconds)

    def lead(self, put: Any) -> None:
        """A server has the same time already."""

    @property
    def ms(self) -> int:
        return int(time.time() * 1000)


class Noting:
    """A room of limits of either half, which tells what it was asked and has answered."""

    def __init__(self, room: Any) -> None:
        self.room = room
        self.answered: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.room, name)
        if asyncio.iscoroutinefunction(method):

            async def awaited(*args: Any) -> Any:
                answer = await method(*args)
                self.answered.append(name)
                return answer

            return awaited

        def called(*args: Any) -> Any:
            answer = method(*args)
            self.answered.append(name)
            return answer

        return called


def noting(inner: Any) -> Noting:
    """Notes what the room of a limiter, as its own half knows that, answers from here on."""
    room = Noting(inner._room)
    inner._guard._room = inner._room = room
    return room


class Ground:
    """Limiters of one colour over a place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.half = place.half
        self.clock = place.clock
        self.bridge = place.bridge
        # Who is on a server remembers by the time of this process, which is not turned by hand.
        self.usual = {"remember": 0} if isinstance(place, OnAServer) else {}

    def limiter(self, *limits: Any, store: Any = None, **options: Any) -> Any:
        """A limiter with *limits*, over *store* or the place itself."""
        return self.bridge.driven(self.inner(*limits, store=store, **options))

    def inner(self, *limits: Any, store: Any = None, **options: Any) -> Any:
        """The same as its own half knows it."""
        base = self.place.base if store is None else store
        return self.half.RateLimiter(base, *limits, **{**self.usual, **options})

    def limit(self, *args: Any, **options: Any) -> Any:
        return self.half.Limit(*args, **options)

    def limited(self, function: Any, *args: Any, **named: Any) -> Any:
        """What a decorated *function* of this half answers."""
        return self.bridge.call(lambda: function(*args, **named))

    def damage(self, raw: bytes) -> None:
        """Write *raw* over all that is kept of limits, as somebody else does."""
        if isinstance(self.place, InAFile):
            rows(self.place.path, "UPDATE storage_limits SET state = ?", raw)
        for name in self._names():
            self._server().call("SET", name, raw)

    def records(self) -> list[bytes]:
        """The bytes that are kept of limits."""
        if isinstance(self.place, InAFile):
            return [raw for (raw,) in rows(self.place.path, "SELECT state FROM storage_limits")]
        return [self._server().call("GET", name) for name in self._names()]

    def _names(self) -> list[bytes]:
        if isinstance(self.place, InAFile):
            return []
        names: list[bytes] = self._server().call("KEYS", "*~limit~*")
        return names

    def _server(self) -> Server:
        assert isinstance(self.place, OnAServer)
        return self.place.server

    def at(self, seconds: float) -> datetime:
        """The moment in so many *seconds*, by the clock of the place."""
        return datetime.fromtimestamp(self.clock.ms / 1000, timezone.utc) + timedelta(
            seconds=seconds
        )


@contextmanager
def standing(request: pytest.FixtureRequest, folder: Path, **options: Any) -> Iterator[Ground]:
    """The ground that is the parameter of a fixture."""
    with placed(request, folder, **options) as place:
        yield Ground(place)


@contextmanager
def passing(request: pytest.FixtureRequest, folder: Path) -> Iterator[Ground]:
    """The ground that is the parameter of a fixture, where time passes by itself."""
    kind, half = request.param
    server = request.getfixturevalue(kind) if kind == "valkey" else None
    clock: Any = Passing()
    with opened(kind, half, folder, server, clock) as place:
        yield Ground(place)


def passed(limiter: Any, times: int, *args: Any, **named: Any) -> int:
    """How many of so many hits pass."""
    return sum(bool(limiter.hit(*args, **named)) for _ in range(times))
