"""A signal handler that raises anywhere in what tasks share: every call ends, with the right answer
or an error, and the calls after it are as if nothing had been."""

from __future__ import annotations

import asyncio
import linecache
import sys
from collections.abc import Callable
from typing import Any

import pytest

import storage.aio
from storage import StorageError
from storage.aio.redis import lane, wire
from tests.day import IS_LONG
from tests.fault.redis.ground import clients, url
from tests.servers import Server
from tests.waiting import until

FILES = (lane.__file__, wire.__file__)
TASKS = 5
SECONDS, PATIENCE = 20, 4
"""Nobody waits until the deadline."""

Line = tuple[str, int]


class Strike(Exception):
    """What a handler raises, as the soft limits of task queues do."""


class Lines:
    """Sees each line of the files that is run, and strikes at the *nth* time of *at*."""

    def __init__(self, at: Line | None = None, nth: int = 1) -> None:
        self.seen: dict[Line, int] = {}
        self._at, self._nth = at, nth

    def __enter__(self) -> Lines:
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _called(self, frame: Any, event: str, arg: object) -> Callable[..., Any] | None:
        return self._ran if frame.f_code.co_filename in FILES else None

    def _ran(self, frame: Any, event: str, arg: object) -> Callable[..., Any]:
        if event == "line" and not is_try(frame.f_code.co_filename, frame.f_lineno):
            line = (frame.f_code.co_filename, frame.f_lineno)
            self.seen[line] = self.seen.get(line, 0) + 1
            if line == self._at and self.seen[line] == self._nth:
                raise Strike
        return self._ran


def is_try(file: str, line: int) -> bool:
    """Nothing happens there."""
    return linecache.getline(file, line).strip() == "try:"


async def one(store: Any, number: int) -> bool:
    """Whether it was answered; what was asked is what is answered."""
    try:
        found = await store.get(str(number))
    except (StorageError, Strike):
        return False
    assert found == number
    return True


async def work(store: Any) -> list[bool]:
    return await asyncio.gather(*(one(store, number) for number in range(TASKS)))


async def prepared(place: str) -> Any:
    store = storage.aio.RedisStorage(place)
    await store.set_many({str(number): number for number in range(TASKS)})
    return store


async def struck(place: str, line: Line, nth: int) -> None:
    store = await prepared(place)
    await work(store)
    with Lines(line, nth):
        await asyncio.wait_for(work(store), PATIENCE)
    assert all(await asyncio.wait_for(work(store), PATIENCE)), line
    await asyncio.wait_for(store.aclose(), PATIENCE)


@pytest.mark.skipif(sys.gettrace() is not None, reason="somebody else looks at each line")
def test_who_is_struck_takes_nobody_along(valkey: Server) -> None:
    place = url(valkey, timeout=SECONDS)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        store = await prepared(place)
        with Lines() as lines:
            for _ in range(2):
                await work(store)
        await store.aclose()
        assert len(lines.seen) > 60
        for line, times in lines.seen.items():
            for nth in {1, 2, times // 2} if IS_LONG else {1}:
                await struck(place, line, nth)

    asyncio.run(main())
    until(lambda: clients(valkey) == 0, "the end of all connections")
