"""Thousands of calls of tasks, while some are cancelled or have no more time, processes fork, loops
end, and connections and servers break: nobody gets somebody else's answer, nothing runs twice, and
nothing is left."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections.abc import Coroutine, Mapping
from typing import Any

import pytest

import storage.aio
from tests.day import IS_LONG
from tests.fault.crosstalk.calls import HASTY, KINDS, Caller, Crowd, Kind, Kit, made_in_asyncio
from tests.fault.crosstalk.ground import calls, children
from tests.fault.crosstalk.weather import LATE, Nemesis, Weather, flat
from tests.fault.ground import Child
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import clients, url
from tests.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.timed

LIMIT = 3
SECONDS = 0.8
AT_ONCE = 200
CUT = (asyncio.CancelledError, asyncio.TimeoutError)

Made = Coroutine[Any, Any, None]


async def one(caller: Caller, kit: Kit, kinds: Mapping[Kind, int]) -> None:
    """One call, which may be cut off by its task, or by a time limit of its own."""
    call = caller.next(kinds)
    making = made_in_asyncio(call, kit)
    try:
        if caller.chance.random() < 0.15:
            end = await asyncio.wait_for(making, caller.chance.uniform(0, 0.02))
        else:
            end = await making
    except CUT:
        end = "cut"
    caller.ends[end] += 1


async def steady(caller: Caller, kit: Kit) -> None:
    """One call that nobody cuts off, and nothing goes wrong, so it has an answer."""
    call = caller.next()
    caller.expect_answer(call, await made_in_asyncio(call, kit))


async def at_once(
    crowd: Crowd, kit: Kit, count: int, chance: random.Random, kinds: Mapping[Kind, int] = KINDS
) -> None:
    """So many calls at once, of which some are cancelled, at any moment."""
    tasks = [
        asyncio.ensure_future(one(chance.choice(crowd.callers), kit, kinds)) for _ in range(count)
    ]
    for task in chance.sample(tasks, count // 5):
        if chance.random() < 0.3:
            await asyncio.sleep(chance.choice([0, 0, 0.0005]))
        task.cancel()
    for done in await asyncio.gather(*tasks, return_exceptions=True):
        # One that is cancelled before it has begun has asked for nothing.
        if done is not None and not isinstance(done, asyncio.CancelledError):
            raise done


def nothing_goes_on() -> None:
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("protocol", [2, 3])
def test_tasks_that_are_cancelled_or_have_no_more_time(
    protocol: int, stocked: Server, chance: random.Random
) -> None:
    crowd = Crowd("cancelled", 20, chance)
    place = url(stocked, connections=LIMIT, timeout=20, protocol=protocol)

    async def main() -> None:
        async with storage.aio.RedisStorage(place) as store:
            kit = Kit(storage.aio, store)
            await at_once(crowd, kit, calls("cancelled") // 4, chance)
            for _ in range(calls("cancelled") // 4 // AT_ONCE):
                await at_once(crowd, kit, AT_ONCE, chance)
            assert crowd.ends["cut"] > 0.05 * crowd.ends.total(), crowd.ends
            assert not crowd.ends["failed"] + crowd.ends["unknown"], crowd.ends
            await crowd.again_in_asyncio(kit)
            flat(stocked, LIMIT)
            nothing_goes_on()

    asyncio.run(main())
    gc.collect()
    flat(stocked, 0)
    crowd.check(stocked)


@pytest.mark.parametrize("protocol", [2, 3] if IS_LONG else [3])
def test_tasks_in_bad_weather(protocol: int, stocked: Server, chance: random.Random) -> None:
    weather = Weather(chance)
    crowd = Crowd("weather", 20, chance)

    async def main(proxy: Proxy) -> None:
        place = url(proxy, connections=LIMIT, timeout=SECONDS, protocol=protocol)
        async with storage.aio.RedisStorage(place) as store:
            kit = Kit(storage.aio, store)
            with weather.bad(often=0.05):
                while weather.goes_on(crowd.ends.total(), calls("weather") // 2):
                    await at_once(crowd, kit, chance.choice([1, 3, 20]), chance, HASTY)
            await asyncio.sleep(LATE)  # who was cut off hears of it
            await crowd.again_in_asyncio(kit, 5)
            flat(stocked, LIMIT)
            nothing_goes_on()

    with Proxy(stocked.address, plan=weather) as proxy:
        asyncio.run(main(proxy))
    gc.collect()
    weather.check()
    assert crowd.ends["cut"]
    assert crowd.ends["unknown"]
    flat(stocked, 0)
    crowd.check(stocked)


def test_tasks_whose_connections_and_server_are_killed(
    durable: Server, chance: random.Random
) -> None:
    crowd = Crowd("killed", 20, chance)

    async def work(store: Any, nemesis: Nemesis) -> None:
        kit = Kit(storage.aio, store)
        while crowd.ends.total() < calls("killed") or not nemesis.is_done:
            await at_once(crowd, kit, chance.choice([1, 10, 60]), chance)

    async def main() -> None:
        place = url(durable, connections=LIMIT, timeout=20)
        async with storage.aio.RedisStorage(place) as store:
            with Nemesis(durable, chance, restarts=2) as nemesis:
                await work(store, nemesis)
            await crowd.again_in_asyncio(Kit(storage.aio, store))
            flat(durable, LIMIT)
            nothing_goes_on()

    asyncio.run(main())
    gc.collect()
    flat(durable, 0)
    crowd.check(durable)


def test_processes_that_are_forked_in_the_middle_of_calls_and_loops_one_after_the_other(
    stocked: Server, chance: random.Random
) -> None:
    """Each loop ends with calls under way, and one of them has a fork in its middle."""
    store = storage.aio.RedisStorage(url(stocked, connections=LIMIT, timeout=5))
    kit = Kit(storage.aio, store)
    crowd = Crowd("parent", 10, chance)

    async def own(here: Crowd, count: int) -> None:
        await asyncio.gather(*(steady(chance.choice(here.callers), kit) for _ in range(count)))

    def be(_: object) -> None:
        mine = Crowd(f"child {os.getpid()}", 2, chance)
        asyncio.run(own(mine, 40))
        mine.check(stocked)

    async def main() -> None:
        asking = asyncio.ensure_future(own(crowd, 60))
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        forked.append(Child(be))
        await asking
        tasks = [
            asyncio.ensure_future(one(chance.choice(crowd.callers), kit, KINDS)) for _ in range(20)
        ]
        await asyncio.wait(tasks, timeout=chance.uniform(0, 0.003))

    async def end() -> None:
        await crowd.again_in_asyncio(kit)
        await store.aclose()

    with children() as forked:
        for _ in range(calls("forked") // 80):
            asyncio.run(main())
    asyncio.run(end())
    gc.collect()
    until(lambda: clients(stocked) == 0, "the end of the connections of all loops")
    crowd.check(stocked)
