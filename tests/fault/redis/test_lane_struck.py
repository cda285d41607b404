"""A signal handler that raises anywhere in what tasks share: every call ends, with the right answer
or an error, and the calls after it are as if nothing had been."""

from __future__ import annotations

import asyncio
import gc
import inspect
import linecache
import sys
from collections.abc import Callable
from typing import Any

import pytest

import storage.aio
from storage import StorageError
from storage.aio.redis import lane, lent, links, opening, pool, wire
from storage.redis.commands import READ, Command
from tests.day import IS_LONG
from tests.fault import faults
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import LONG_TEXT, clients, raw, url
from tests.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.timed

FILES = (lane.__file__, wire.__file__)
ALL = (*FILES, lent.__file__, links.__file__, opening.__file__, pool.__file__)
TASKS = 8
SECONDS, PATIENCE = 20, 4
"""Nobody waits until the deadline."""

SHORT = 0.1

Line = tuple[str, int]


class Strike(Exception):
    """What a handler raises, as the soft limits of task queues do."""


class Lines:
    """Sees each line of *files* that is run, and strikes at the *nth* time of *at*."""

    def __init__(
        self, at: Line | None = None, nth: int = 1, files: tuple[str, ...] = FILES
    ) -> None:
        self.seen: dict[Line, int] = {}
        self._at, self._nth = at, nth
        self._files = files
        self.has_struck: bool = False

    def __enter__(self) -> Lines:
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _called(self, frame: Any, event: str, arg: object) -> Callable[..., Any] | None:
        return self._ran if frame.f_code.co_filename in self._files else None

    def _ran(self, frame: Any, event: str, arg: object) -> Callable[..., Any]:
        if event == "line" and not is_try(frame.f_code.co_filename, frame.f_lineno):
            line = (frame.f_code.co_filename, frame.f_lineno)
            self.seen[line] = self.seen.get(line, 0) + 1
            if line == self._at and self.seen[line] == self._nth:
                self.has_struck = True
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


traced = pytest.mark.skipif(sys.gettrace() is not None, reason="somebody else looks at each line")


def quiet() -> None:
    """Nobody complains of strikes that end in the loop."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)


@traced
def test_who_is_struck_takes_nobody_along(valkey: Server) -> None:
    place = url(valkey, timeout=SECONDS)

    async def main() -> None:
        quiet()
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


async def long(store: Any) -> bool:
    """Whether it was stored; for that the shared connection gives way."""
    try:
        await store.set("long", LONG_TEXT)
    except (StorageError, Strike):
        return False
    return True


async def shared_and_lent(store: Any) -> list[bool]:
    """Whether each was answered, of those who share a connection and those who want one."""
    before = await work(store)
    return before + await asyncio.gather(one(store, 0), long(store), long(store), one(store, 1))


@traced
@pytest.mark.filterwarnings("ignore:unclosed Connection:ResourceWarning")
@pytest.mark.parametrize("connections", [1, 3])
def test_who_is_struck_while_connections_come_and_go_takes_nobody_along(
    connections: int, valkey: Server
) -> None:
    place = url(valkey, timeout=SECONDS, connections=connections)

    async def all_of(line: Line | None) -> dict[Line, int]:
        store = storage.aio.RedisStorage(place)
        with Lines(line, files=ALL) as lines:
            try:
                await asyncio.wait_for(shared_and_lent(store), PATIENCE)
            except Strike:
                pass
        for _ in range(2):
            found = await asyncio.wait_for(shared_and_lent(store), PATIENCE)
            assert all(found), line
        await asyncio.wait_for(store.aclose(), PATIENCE)
        await asyncio.to_thread(until, lambda: clients(valkey) == 0, f"the end after {line}")
        return lines.seen

    async def main() -> None:
        quiet()
        await (await prepared(url(valkey))).aclose()
        seen = await all_of(None)
        assert len(seen) > 100
        first, waiting = inspect.getsourcelines(pool.Pool.wait)[::-1]
        for file, number in seen:
            if file != pool.__file__ or first <= number < first + len(waiting):
                await all_of((file, number))

    asyncio.run(main())
    gc.collect()  # the client library takes for open what was struck at its end


@traced
def test_who_is_struck_once_more_sends_nothing_twice(
    proxy: Proxy, valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = wire.Wire.drop

    proxy.always(faults.Delay(reply=SHORT / TASKS), "EVALSHA")

    async def counted(line: Line | None) -> dict[Line, int]:
        """Strike at *line*, and then where the connection is given up for that."""
        strikes = [Strike()] if line else []

        def struck_too(one: wire.Wire, error: Exception) -> None:
            if strikes:
                raise strikes.pop()
            drop(one, error)

        async with storage.aio.RedisStorage(url(proxy, timeout=SECONDS)) as store:
            await store.set("n", 0)
            await store.incr("n", 0)
            monkeypatch.setattr(wire.Wire, "drop", struck_too)
            with Lines(line) as lines:
                asked = [asyncio.ensure_future(store.incr("n")) for _ in range(TASKS)]
                await asyncio.wait(asked, timeout=2 * SHORT)
            strikes.clear()
            await asyncio.wait([asyncio.ensure_future(store.get("n"))], timeout=2 * SHORT)
            assert int(raw(valkey, "n") or 0) <= TASKS, line
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
            return lines.seen

    async def main() -> None:
        quiet()
        first, lines = inspect.getsourcelines(lane.Lane._send)[::-1]
        for file, number in await counted(None):
            if file == lane.__file__ and first <= number < first + len(lines):
                await counted((file, number))

    asyncio.run(main())


SHARED = Command(READ, b"n", (b"GET", b"n"))


@traced
@pytest.mark.parametrize("is_idle", [True, False])
def test_who_is_struck_when_a_deadline_passes_takes_no_deadline_along(
    is_idle: bool, proxy: Proxy
) -> None:
    async def late(line: Line | None) -> dict[Line, int]:
        """Strike at *line* when the timer of a call goes off, be it over or not."""
        proxy.mend()
        async with storage.aio.RedisStorage(url(proxy, timeout=SECONDS)) as store:
            await store.get("n")
            door = store._backend._room._door
            (here,) = door._links._pools.values()
            for one in here.lanes.values():
                one._seconds = SHORT  # of silence; to connect takes as long as it takes
            if not is_idle:
                proxy.next(faults.Blackhole(), "GET")
            with Lines(line, files=(lane.__file__,)) as lines:
                calls = [asyncio.ensure_future(door.call(SHARED, "n", SHORT))]
                for _ in range(300):
                    if not lines.has_struck:
                        await asyncio.sleep(SHORT / 100)
            if is_idle:
                proxy.next(faults.Blackhole(), "GET")
                calls.append(asyncio.ensure_future(door.call(SHARED, "n", SHORT)))
            await asyncio.wait(calls, timeout=PATIENCE)
            assert all(call.done() for call in calls), line
            assert isinstance(calls[-1].exception(), (StorageError, Strike)), line
            return lines.seen

    async def main() -> None:
        quiet()
        numbers = set[int]()
        for one in (lane.Lane._look, lane.Lane._give_up, lane.Lane._look_at):
            lines, first = inspect.getsourcelines(one)
            numbers.update(range(first, first + len(lines)))
        for file, number in await late(None):
            if number in numbers:
                await late((file, number))

    asyncio.run(main())
