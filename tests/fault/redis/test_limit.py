"""No more connections than are allowed: who finds all in use waits for one, within its deadline."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import storage.aio
from storage import OutcomeUnknownError, StorageError, UnavailableError
from storage.redis.commands import ONCE, READ, Command
from storage.testing import Bridge
from tests.fault import faults
from tests.fault.ground import Crew, together
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import LONG_TEXT, clients, ends_by, failure, url
from tests.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.timed

LIMIT = 2
THREADS = 20
TASKS = 200
SECONDS = 0.4


@contextmanager
def watched(server: Server) -> Iterator[list[int]]:
    """How many connections there were, time and again during the block."""
    seen: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.append(clients(server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()
    assert seen


def test_many_threads_share_few_connections(at: At, valkey: Server) -> None:
    store = at(valkey, timeout=20, connections=LIMIT)

    def work() -> None:
        for number in range(10):
            store.set(f"{threading.get_ident()}", number)
            assert store.get(f"{threading.get_ident()}") == number
            store.incr("n")

    with watched(valkey) as seen:
        together(*[work] * THREADS)
    assert store.get("n") == THREADS * 10
    assert max(seen) <= LIMIT


def test_many_tasks_share_few_connections(valkey: Server) -> None:
    async def work(store: Any, name: str) -> None:
        text = f"{name} {LONG_TEXT}"
        await store.set(name, text)
        assert await store.get(name) == text
        await store.incr("n")

    async def main() -> None:
        async with storage.aio.RedisStorage(url(valkey, connections=LIMIT, timeout=20)) as store:
            await asyncio.gather(*(work(store, str(number)) for number in range(TASKS)))
            assert await store.get("n") == TASKS

    with watched(valkey) as seen:
        asyncio.run(main())
    assert max(seen) <= LIMIT


def test_the_limit_is_kept_while_connections_break(at: At, proxy: Proxy, valkey: Server) -> None:
    store = at(proxy, timeout=20, connections=LIMIT)

    def work() -> None:
        for number in range(10):
            if number % 4 == 1:
                proxy.next(faults.Unanswered(), "GET")
            store.get("n")

    with watched(valkey) as seen:
        together(*[work] * THREADS)
    # The server sees the end of a connection a little later than who ended it.
    assert sorted(seen)[len(seen) // 2] <= LIMIT
    until(lambda: clients(valkey) <= LIMIT)


def test_who_waits_in_vain_is_told_that_all_are_in_use(
    half: Any, bridge: Bridge, proxy: Proxy
) -> None:
    inner = half.RedisStorage(url(proxy, timeout=20, connections=LIMIT))
    store, door = bridge.driven(inner), bridge.driven(inner._backend._room._door)
    store.get("n")
    proxy.always(faults.Delay(reply=4 * SECONDS))
    holders = Crew(*[lambda: store.set("long", LONG_TEXT)] * LIMIT)
    until(lambda: proxy.forwarded.count("SET") == LIMIT)
    command = Command(ONCE, b"storage:long", (b"SET", b"storage:long", LONG_TEXT.encode()))
    ask = lambda: door.call(command, "long", SECONDS)  # noqa: E731
    errors: list[StorageError] = []
    together(*[lambda: errors.append(failure(ask))] * THREADS)
    holders.join()
    store.close()

    assert {type(error) for error in errors} == {UnavailableError}
    assert all("all connections are in use" in str(error) for error in errors)
    assert proxy.forwarded.count("SET") == LIMIT


def test_a_crowd_at_a_server_that_is_silent_ends_in_time(
    at: At, proxy: Proxy, valkey: Server
) -> None:
    """Whoever had no connection may get that of one whose time is over, and be too late too."""
    store = at(proxy, timeout=SECONDS, connections=LIMIT)
    store.get("n")
    proxy.always(faults.Blackhole())
    errors: list[StorageError] = []

    def storm() -> StorageError:
        errors.clear()
        write = lambda: store.set("long", LONG_TEXT)  # noqa: E731
        together(*[lambda: errors.append(failure(write))] * THREADS)
        return errors[0]

    ends_by(SECONDS, storm)

    assert {type(error) for error in errors} <= {UnavailableError, OutcomeUnknownError}
    proxy.mend()
    proxy.cut()
    together(*[lambda: until(lambda: answers(store))] * THREADS)
    assert clients(valkey) <= LIMIT


def answers(store: Any) -> bool:
    """A busy machine may need some attempts."""
    try:
        return not store.has("n")
    except UnavailableError:
        return False


def at_the_server(store: Any, seconds: float, what: bytes = b"nothing") -> None:
    """Wait there, as who wants a session does that another one has."""
    words = (b"BLPOP", what, b"%.3f" % seconds)
    command = Command(READ, b"storage:{n}", words)
    store._backend._room._door.wait(command, seconds, "n")


def test_connections_of_those_who_waited_are_given_back(valkey: Server) -> None:
    with storage.RedisStorage(url(valkey, timeout=20)) as store:
        together(*[lambda: at_the_server(store, 0.3)] * THREADS)
        until(lambda: clients(valkey) == 1)
        at_the_server(store, 0.01)
        assert clients(valkey) == 1


def test_as_many_stay_open_as_others_wait(proxy: Proxy, valkey: Server) -> None:
    with storage.RedisStorage(url(proxy, timeout=20)) as store:

        def again_and_again() -> None:
            until(lambda: clients(valkey, "flags=b ") == 3)
            for _ in range(3):
                together(*[lambda: at_the_server(store, 0.1)] * 3)
            valkey.call("RPUSH", "end", 1, 2, 3)

        together(*[lambda: at_the_server(store, 20, b"end")] * 3, again_and_again)
        assert proxy.connections <= 6
        until(lambda: clients(valkey) == 1)


def test_who_gives_up_waiting_takes_nothing_from_the_others(valkey: Server) -> None:
    """A task that is cancelled while it waits, or just when it is its turn, passes the turn on."""

    async def main() -> None:
        chance = random.Random(7)
        async with storage.aio.RedisStorage(url(valkey, connections=LIMIT, timeout=20)) as store:
            for turn in range(20):
                calls = [store.add(f"{turn} {number}", LONG_TEXT) for number in range(20)]
                tasks = [asyncio.ensure_future(call) for call in calls]
                for _ in range(chance.randrange(20)):
                    await asyncio.sleep(0)
                for task in chance.sample(tasks, 12):
                    task.cancel()
                done = await asyncio.gather(*tasks, return_exceptions=True)
                assert sum(one is True for one in done) >= 8
            assert await store.incr("n")

    asyncio.run(main())
