"""Of several commands that are sent at once, no reply is taken for the answer to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from time import monotonic
from typing import Any

import pytest

from storage import OutcomeUnknownError
from storage.testing import Bridge
from tests.fault import faults
from tests.fault.crosstalk.calls import MANY
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import url
from tests.servers import Server
from tests.servers.users import user

pytestmark = pytest.mark.timed

PATIENT = 20

HITS = {"a": 1, "b": 5, "c": 9}
"""How many have passed for each before."""


@pytest.fixture(params=["marked", "without the right to marks"])
def place(request: pytest.FixtureRequest, stocked: Server, proxy: Proxy) -> Iterator[str]:
    with ExitStack() as stack:
        name = ""
        if request.param != "marked":
            rules = ("~storage:*", "+@all", "-echo")
            stack.enter_context(user(stocked, "silent", "secret", *rules))
            name = "silent:secret@"
        yield url(proxy, timeout=PATIENT).replace("//", f"//{name}")


@pytest.fixture
def limiter(half: Any, place: str) -> Iterator[Any]:
    store = half.RedisStorage(place)
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
    for before in (0, 2):  # from the second one on it is known whether there are marks
        proxy.next(faults.Duplicate(), "EVALSHA", after=number)
        told = counted(limiter)
        assert told in (None, [hits + before + 1 for hits in HITS.values()])
        assert counted(limiter) == [hits + before + 2 for hits in HITS.values()]


@pytest.mark.parametrize("place", ["marked"], indirect=True)
def test_nor_where_one_does_not_come(limiter: Any, proxy: Proxy) -> None:
    """The mark is no answer, and nobody waits for what does not come any more."""
    counted(limiter)
    proxy.next(faults.Instead(b""), "EVALSHA", after=1)
    began = monotonic()
    assert counted(limiter) is None
    assert monotonic() - began < PATIENT / 2


def test_so_it_is_on_a_connection_of_ones_own(limiter: Any, proxy: Proxy) -> None:
    """What is long is not sent on one that calls share."""
    keys = ["a", *(f"{number}{'y' * 200}" for number in range(300))]
    assert counted(limiter, keys) == [2, *[1] * 300]
    proxy.next(faults.Duplicate(), "EVALSHA")
    assert counted(limiter, keys) in (None, [3, *[2] * 300])
    assert counted(limiter, keys) == [4, *[3] * 300]


def counted(limiter: Any, keys: Iterable[str] = HITS) -> list[int] | None:
    """What has passed for each with this one, if anybody can say that."""
    try:
        verdicts = limiter.hit_many([*keys])
    except OutcomeUnknownError:
        return None
    return [MANY - verdict.remaining for verdict in verdicts]
