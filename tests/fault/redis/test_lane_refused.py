"""A server that refuses all it is asked for, the end of a batch too: everybody is told why."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import storage
import storage.aio
from storage.core.limits import Limit
from storage.records import Ask, Meter
from tests.fault import faults
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import url
from tests.servers import Server, states
from tests.servers.resp import MARK
from tests.waiting import until

pytestmark = pytest.mark.timed

LONG = 20
METERS = [[Meter(Limit(10, name=name).rule, "k")] for name in ("a", "b")]


def test_what_was_refused_beside_a_list_is_known_to_be_refused(
    proxy: Proxy, valkey: Server
) -> None:
    async def work(store: Any) -> None:
        room = store.room(storage.aio.protocols.RateLimitStore)
        await room.hit_many(METERS, Ask())
        await store.incr("n")
        with states.busy(valkey):
            marks = proxy.forwarded.count(MARK)
            calls = [room.hit_many(METERS, Ask()), store.incr("n")]
            tasks = [asyncio.ensure_future(call) for call in calls]
            await asyncio.to_thread(until, lambda: proxy.forwarded.count(MARK) > marks + 1)
        decisions, count = await asyncio.gather(*tasks)
        assert [one.readings[0].left for one in decisions] == [8, 8]
        assert count == 2

    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy, timeout=LONG)) as store:
            await work(store)

    asyncio.run(main())


def test_a_server_that_knows_no_marks_answers_threads_too(proxy: Proxy) -> None:
    says = b"-ERR unknown command 'ECHO', with args beginning with: 'x'\r\n"
    proxy.always(faults.Instead(says), MARK)
    with storage.RedisStorage(url(proxy, timeout=LONG)) as store:
        room = store.room(storage.protocols.RateLimitStore)
        for left in (9, 8):
            decisions = room.hit_many(METERS, Ask())
            assert [one.readings[0].left for one in decisions] == [left, left]
