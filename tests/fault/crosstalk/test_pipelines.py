"""Of several commands that are sent at once, no reply is taken for the answer to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storage import OutcomeUnknownError
from storage.testing import Bridge
from tests.fault import faults
from tests.fault.crosstalk.calls import MANY
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import url
from tests.servers import Server

HITS = {"a": 1, "b": 5, "c": 9}
"""How many have passed for each before."""


@pytest.fixture
def limiter(half: Any, stocked: Server, proxy: Proxy) -> Iterator[Any]:
    store = half.RedisStorage(url(proxy, timeout=20))
    with Bridge() as bridge:
        limit = half.Limit(MANY, per=600, algorithm="window")
        limiter = bridge.driven(half.RateLimiter(store, limit))
        for key, hits in HITS.items():
            limiter.hit(key, hits)
        yield limiter
        bridge.driven(store).close()


@pytest.mark.parametrize("number", range(3))
def test_a_reply_that_comes_twice_is_the_answer_to_nothing_else(
    number: int, limiter: Any, proxy: Proxy
) -> None:
    proxy.next(faults.Duplicate(), "EVALSHA", after=number)
    try:
        verdicts = limiter.hit_many([*HITS])
    except OutcomeUnknownError:
        return
    told = [MANY - verdict.remaining for verdict in verdicts]
    assert told == [hits + 1 for hits in HITS.values()]
