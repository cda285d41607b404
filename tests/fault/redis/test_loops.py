"""A store of asyncio belongs to no loop: it may be made before there is one, and used by several,
one after the other or at once."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

import storage.aio
from storage import ClosedError
from storage.aio.redis.wire import MOST_IN_FLIGHT
from tests.fault import faults
from tests.fault.ground import PATIENCE, together
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import clients, url
from tests.servers import Server, states
from tests.waiting import until

LOOPS = 8


def made(place: Any, **options: object) -> Any:
    return storage.aio.RedisStorage(url(place, **options))


async def count(store: Any, times: int = 20) -> None:
    await asyncio.gather(*(store.incr("n") for _ in range(times)))


def test_one_loop_after_the_other(valkey: Server) -> None:
    store = made(valkey)
    for _ in range(LOOPS):
        asyncio.run(count(store))
        gc.collect()  # what it would complain about is an error here

    async def end() -> None:
        assert await store.get("n") == LOOPS * 20
        await store.aclose()

    asyncio.run(end())
    gc.collect()
    until(lambda: clients(valkey) == 0, "the end of the connections of all loops")


def test_loops_in_several_threads_at_once(valkey: Server) -> None:
    store = made(valkey)

    def work() -> None:
        for _ in range(5):
            asyncio.run(count(store))

    together(*[work] * LOOPS)

    async def end() -> None:
        assert await store.get("n") == LOOPS * 5 * 20
        await store.aclose()

    asyncio.run(end())
    gc.collect()
    until(lambda: clients(valkey) == 0, "the end of the connections of all loops")


def test_closing_ends_the_connections_of_a_loop_that_still_runs_elsewhere(valkey: Server) -> None:
    store = made(valkey)
    used, ended = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        await count(store)
        used.set()
        await asyncio.to_thread(ended.wait, PATIENCE)

    other = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    other.start()
    assert used.wait(PATIENCE)
    try:
        asyncio.run(store.aclose())
        until(lambda: clients(valkey) == 0, "their end", seconds=5)
    finally:
        ended.set()
        other.join()
    gc.collect()


def test_twice_is_not_too_often_to_close(valkey: Server) -> None:
    async def main() -> None:
        store = made(valkey)
        await store.set("n", 1)
        await asyncio.gather(store.aclose(), store.aclose())
        await store.aclose()

    asyncio.run(main())
    until(lambda: clients(valkey) == 0)


def test_a_store_that_was_never_used_is_closed_without_a_word(valkey: Server) -> None:
    asyncio.run(made(valkey).aclose())
    made(valkey)
    gc.collect()


def test_calls_that_are_under_way_end_when_the_store_is_closed(
    proxy: Proxy, valkey: Server
) -> None:
    async def main() -> None:
        store = made(proxy, connections=2, timeout=20)
        await store.set("n", 1)
        proxy.always(faults.Delay(reply=0.05), "GET")
        calls = [asyncio.ensure_future(store.get("n")) for _ in range(6)]
        await asyncio.to_thread(until, lambda: proxy.forwarded.count("GET") >= 2)
        under_way = proxy.forwarded.count("GET")
        await store.aclose()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert answers[:under_way] == [1] * under_way
        assert all(answer == 1 or isinstance(answer, ClosedError) for answer in answers)
        with pytest.raises(ClosedError):
            await store.get("n")

    asyncio.run(main())
    gc.collect()
    until(lambda: clients(valkey) == 0, "the end of the connections that were lent")


def test_closing_leaves_no_connection_when_all_is_answered(valkey: Server) -> None:
    """That is so while the loop goes on, at whose end all would be closed."""

    async def nothing_is_left() -> None:
        await asyncio.to_thread(until, lambda: clients(valkey) == 0, "their end", seconds=5)

    async def main() -> None:
        idle = made(valkey)
        await count(idle)
        await idle.aclose()
        await nothing_is_left()

        store = made(valkey, timeout=20)
        await store.set("n", 1)
        with states.paused(valkey, writes=True):
            calls = [asyncio.ensure_future(store.set("n", 1)) for _ in range(MOST_IN_FLIGHT + 9)]
            await asyncio.to_thread(until, lambda: clients(valkey, "flags=b ") == 2)
            await store.aclose()
        assert set(await asyncio.gather(*calls)) == {None}
        await nothing_is_left()

    asyncio.run(main())


def test_the_end_of_a_loop_ends_what_a_closed_store_still_waits_for(
    proxy: Proxy, valkey: Server
) -> None:
    async def interrupted() -> None:
        store = made(proxy, timeout=20)
        await store.set("n", 1)
        proxy.always(faults.Blackhole(), "GET")
        call = asyncio.ensure_future(store.get("n"))
        await asyncio.sleep(0.01)
        await store.aclose()
        assert not call.done()

    asyncio.run(interrupted())
    until(lambda: clients(valkey) == 0, "the end of its connection")


def test_the_end_of_a_loop_in_the_middle_of_calls_leaves_the_store_whole(
    proxy: Proxy, valkey: Server
) -> None:
    store = made(proxy, connections=2, timeout=20)

    async def interrupted() -> None:
        await store.set("n", 1)
        proxy.always(faults.Blackhole(), "GET")
        for _ in range(6):
            asyncio.ensure_future(store.get("n"))  # noqa: RUF006 - they are given up
        await asyncio.sleep(0.01)

    asyncio.run(interrupted())
    gc.collect()
    proxy.mend()

    async def end() -> None:
        await count(store)
        await store.aclose()

    asyncio.run(end())
    until(lambda: clients(valkey) == 0)


def test_two_loops_have_a_limit_each(valkey: Server) -> None:
    store = made(valkey, connections=1, timeout=20)
    inside = threading.Barrier(2, timeout=PATIENCE)

    def work() -> None:
        async def main() -> None:
            await store.get("n")
            inside.wait()
            assert clients(valkey) == 2
            inside.wait()

        asyncio.run(main())

    together(work, work)
    asyncio.run(store.aclose())


def test_who_waits_for_a_connection_when_the_store_is_closed_hears_of_it(
    proxy: Proxy, valkey: Server
) -> None:
    async def main() -> None:
        store = made(proxy, timeout=20)
        proxy.always(faults.Delay(reply=0.2), "CLIENT", "HELLO")
        calls = [asyncio.ensure_future(store.incr("n")) for _ in range(6)]
        await asyncio.to_thread(until, lambda: proxy.connections == 1)
        await store.aclose()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {ClosedError}

    asyncio.run(main())
    gc.collect()
    until(lambda: clients(valkey) == 0)
