"""A forked process says nothing at a server that its parent says too, in either half."""

from __future__ import annotations

import asyncio
from typing import Any

import storage
import storage.aio
import storage.protocols
from storage.core.limits import Limit
from storage.records import Ask, Meter
from tests.fault import faults
from tests.fault.ground import in_child
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import url
from tests.servers.resp import MARK

MANY = 600
"""So many commands have a connection of their own."""


def test_a_child_in_blocking_code_says_no_mark_of_its_parent(proxy: Proxy) -> None:
    marks = faults.Heard()
    meters = [[Meter(Limit(1000).rule, str(number))] for number in range(2)]

    with storage.RedisStorage(url(proxy, timeout=20)) as store:
        room = store.room(storage.protocols.RateLimitStore)
        room.hit_many(meters, Ask())  # by a script, which the server knows from now on
        proxy.always(marks, MARK)
        room.hit_many(meters, Ask())
        in_child(lambda: room.hit_many(meters, Ask()))
        room.hit_many(meters, Ask())

    assert len(marks.words) == len(set(marks.words)) == 3


def test_a_child_says_no_mark_of_its_parent(proxy: Proxy) -> None:
    marks = faults.Heard()
    proxy.always(marks, MARK)
    meters = [[Meter(Limit(1000).rule, str(number))] for number in range(MANY)]

    async def hit(store: Any) -> None:
        await store.room(storage.aio.protocols.RateLimitStore).hit_many(meters, Ask())

    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy, timeout=20)) as store:
            await hit(store)
            in_child(lambda: asyncio.run(hit(store)))
            await hit(store)

    asyncio.run(main())
    assert len(marks.words) > 2
    assert len(set(marks.words)) == len(marks.words)
