"""What tasks ask at once goes out as one write, which a mark ends: what is lost, doubled, added or
moved in what comes back is seen before anybody gets an answer."""

from __future__ import annotations

import asyncio
import gc
import random
from contextlib import suppress

import pytest

import storage.aio
from storage import OutcomeUnknownError, StorageError, WrongTypeError
from storage.aio.redis import lane
from tests.day import IS_LONG
from tests.fault import faults
from tests.fault.crosstalk.calls import FOREIGN, HASTY, Caller, Crowd, Kit
from tests.fault.crosstalk.ground import calls
from tests.fault.crosstalk.test_asyncio import LIMIT, SECONDS, at_once, nothing_goes_on
from tests.fault.crosstalk.weather import ALONE, CUTS, LATE, Make, Weather, flat
from tests.fault.faults import Several
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import url
from tests.servers import Server

pytestmark = pytest.mark.timed

STRAYS = (b"$5\r\nstray\r\n", b":1\r\n", b":7\r\n", b"+OK\r\n", b"$-1\r\n", b"$1\r\n1\r\n")
REFUSALS = (
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-BUSY Redis is busy running a script.\r\n",
    b"-NOPERM this user has no permissions to run the 'echo' command\r\n",
)

SEVERAL: dict[str, Make[Several]] = {
    "all twice": lambda chance: faults.AllTwice(),
    "all twice, later": lambda chance: faults.AllTwice(between=chance.uniform(0, 0.004)),
    "one is lost": lambda chance: faults.Without(chance.randrange(100)),
    "a stray among them": lambda chance: faults.Among(chance.randrange(100), chance.choice(STRAYS)),
    "a stray before them": lambda chance: faults.Among(0, chance.choice(STRAYS)),
    "an end among them": lambda chance: faults.EndAmong(chance.randrange(100), chance.choice(CUTS)),
}
"""What happens to some replies of a batch."""

ENDS: dict[str, Make[Several]] = {
    "the mark is lost": lambda chance: faults.Without(-1),
    "some after the next": lambda chance: faults.AfterNext(chance.randrange(100)),
    "the mark refused": lambda chance: faults.OtherLast(chance.choice(REFUSALS)),
}
"""What happens to those at its end. In the middle nobody can see it: the mark is in its place."""

KINDS = {**HASTY, Caller.hit_many: 1}


@pytest.fixture(autouse=True)
def _trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was misled shares a connection again at once."""
    monkeypatch.setattr(lane, "_WARY_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("alone", "protocol"),
    [
        pytest.param(alone, protocol, id=f"{what}-{protocol}")
        for what, alone, by_day in (("batches", {}, 2), ("batches and what is in them", ALONE, 3))
        for protocol in ((2, 3) if IS_LONG else (by_day,))
    ],
)
def test_batches_in_bad_weather(
    alone: dict[str, Make[faults.Fault]], protocol: int, stocked: Server, chance: random.Random
) -> None:
    weather = Weather(chance, alone, SEVERAL, ENDS)
    crowd = Crowd("batches", 20, chance)

    async def main(proxy: Proxy) -> None:
        place = url(proxy, connections=LIMIT, timeout=SECONDS, protocol=protocol)
        async with storage.aio.RedisStorage(place) as store:
            kit = Kit(storage.aio, store)
            with weather.bad(often=0.01, together=0.15):
                while weather.goes_on(crowd.ends.total(), calls("batches") // 4):
                    await at_once(crowd, kit, chance.choice([1, 3, 7, 20]), chance, KINDS)
            await asyncio.sleep(LATE)  # who was cut off hears of it
            await crowd.again_in_asyncio(kit, 5)
            flat(stocked, LIMIT)
            nothing_goes_on()

    with Proxy(stocked.address, plan=weather) as proxy:
        asyncio.run(main(proxy))
    gc.collect()
    weather.check()
    assert crowd.ends["unknown"]
    flat(stocked, 0)
    crowd.check(stocked, answered=0.3)


@pytest.mark.parametrize("name", ["too late", "no reply", "swallowed", *SEVERAL, *ENDS])
def test_what_is_held_back_or_lost_in_bad_weather_misleads_nobody_later(
    name: str, stocked: Server, chance: random.Random
) -> None:
    weather = Weather(
        chance, *({name: make[name]} if name in make else {} for make in (ALONE, SEVERAL, ENDS))
    )

    async def main(proxy: Proxy) -> None:
        place = url(proxy, connections=LIMIT, timeout=SECONDS)
        async with storage.aio.RedisStorage(place) as store:
            await store.set("n", 0)
            with weather.bad(often=1.0, together=1.0), suppress(asyncio.TimeoutError, StorageError):
                await asyncio.wait_for(store.incr("m"), LATE)
            await asyncio.sleep(LATE)
            assert await store.incr("n") == 1

    with Proxy(stocked.address, plan=weather) as proxy:
        asyncio.run(main(proxy))
    gc.collect()


def test_an_error_in_the_place_of_the_mark_may_be_somebody_elses(
    stocked: Server, proxy: Proxy
) -> None:
    """A reply came twice, and so an answer that is an error comes where the mark is due."""

    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy, timeout=20)) as store:
            assert await store.incr("n") == 1
            proxy.next(faults.Duplicate(), "GET")
            first, other, last = await asyncio.gather(
                store.get(FOREIGN), store.incr("n"), store.get(FOREIGN), return_exceptions=True
            )
            assert type(first) is type(last) is WrongTypeError
            assert other == 2 or type(other) is OutcomeUnknownError, repr(other)

    asyncio.run(main())
    gc.collect()
