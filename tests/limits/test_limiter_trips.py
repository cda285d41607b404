"""What a limiter costs at a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storage.testing import Bridge
from tests.fault.proxy import Proxy
from tests.limits.standing import passed
from tests.servers import Server


@pytest.fixture
def store(half: Any, bridge: Bridge, valkey: Server) -> Iterator[Any]:
    store = half.RedisStorage(valkey.url)
    yield store
    bridge.driven(store).close()
    valkey.call("FLUSHALL")


@pytest.mark.parametrize("count", [1, 3])
def test_each_question_is_one_trip_however_many_limits_there_are(
    half: Any, bridge: Bridge, proxy: Proxy, valkey: Server, count: int
) -> None:
    limits = [half.Limit(2, 0.05 * number, name="few") for number in range(1, count + 1)]
    store = half.RedisStorage(proxy.url)
    limiter = bridge.driven(half.RateLimiter(store, *limits, remember=0))
    for call in (
        lambda: limiter.hit("k"),
        lambda: limiter.hit("k", cost=2),
        lambda: limiter.peek("k"),
        lambda: limiter.explain("k"),
        lambda: limiter.hit_many(["a", "b", "c"]),
        lambda: limiter.refund("k"),
        lambda: limiter.block("k", 0.05),
        lambda: limiter.acquire("k", cost=2),
        lambda: limiter.reset("k"),
    ):
        call()  # a server that does not know a script yet gets it the first time
        before = proxy.trips
        call()
        assert proxy.trips == before + 1
    bridge.driven(store).close()
    valkey.call("FLUSHALL")


def test_who_is_known_to_be_refused_costs_no_trip(
    half: Any, bridge: Bridge, store: Any, valkey: Server
) -> None:
    limiter = bridge.driven(half.RateLimiter(store, "2/h", "5/h", remember=60))
    passed(limiter, 3, "k")
    with valkey.counted() as calls:
        assert passed(limiter, 100, "k") == 0
        assert passed(limiter, 100, "k", cost=2) == 0
    assert len(calls) == 0
    with valkey.counted() as calls:
        limiter.reset("k")
        assert limiter.hit("k")
    assert len(calls) == 2, calls.names


def test_a_slot_is_one_trip_to_take_and_one_to_give_back(
    half: Any, bridge: Bridge, store: Any, valkey: Server
) -> None:
    limiter = bridge.driven(half.RateLimiter(store, half.Limit(2, 60, algorithm="slots"), "50/h"))
    for _ in range(2):
        with valkey.counted() as calls, limiter.slot("k"):
            pass
    assert len(calls) == 2, calls.names
