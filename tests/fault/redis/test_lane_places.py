"""Servers come and go, and tasks remember those to which they are connected."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

import storage.aio
from storage.redis.commands import READ, Command
from storage.runtime import monotonic
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import LONG_TEXT, url
from tests.servers import Server

LONG = 20
SERVERS, FEW = 12, 3
UNKNOWN = Command(READ, b"n", (b"UNKNOWN",))


async def use(store: Any, place: Proxy) -> None:
    """Ask the server there in all ways, and be refused."""
    door = store._backend._room._door
    door.places.learn_primary(place.address)
    await asyncio.gather(store.get("n"), store.set("n", LONG_TEXT))
    await door._links.ask(place.address, UNKNOWN, monotonic() + LONG)


def test_servers_that_are_gone_are_forgotten(valkey: Server) -> None:
    async def main() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=LONG)) as store:
            for _ in range(SERVERS):
                with Proxy(valkey.address) as place:
                    await use(store, place)
                await asyncio.sleep(0.01)
            links = store._backend._room._door._links
            (pool,) = links._pools.values()
            gc.collect()
            for known in (pool.lanes, pool.idle, pool.all, links._failed[asyncio.current_task()]):
                assert 0 < len(known) <= FEW

    asyncio.run(main())


@pytest.mark.parametrize("turns", [1, 3])
def test_servers_that_are_there_are_remembered(turns: int, valkey: Server) -> None:
    async def main() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=LONG)) as store:
            places = [Proxy(valkey.address) for _ in range(3)]
            for _ in range(turns):
                for place in places:
                    await use(store, place)
            assert [place.connections for place in places] == [2] * 3
        for place in places:
            place.close()

    asyncio.run(main())
