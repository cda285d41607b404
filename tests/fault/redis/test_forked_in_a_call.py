"""The handler of a signal forks in the middle of a call, which goes on in the parent only: what the
child does about that takes nothing away from its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
from tests.fault.alarms import Alarm, Fork, places
from tests.fault.ground import python
from tests.fault.redis.ground import url
from tests.servers import Server

BRIEF = 0.05


@pytest.fixture
def store(valkey: Server) -> Iterator[Any]:
    with storage.RedisStorage(url(valkey)) as store:
        yield store


def in_a_block(sessions: Any, key: str) -> None:
    with sessions.open(key) as session:
        session["n"] = 1


def by_a_handler(sessions: Any, key: str) -> None:
    def handle(_: object, session: Any) -> None:
        session["n"] = 1

    sessions.open(key).run(handle)


@pytest.mark.parametrize("way", [in_a_block, by_a_handler])
def test_a_session_stays_the_parents_to_the_end(
    way: Callable[[Any, str], None], store: Any
) -> None:
    sessions = storage.Sessions(store)

    def work(number: int, fork: Alarm) -> bool:
        key = str(number)
        try:
            with fork:
                way(sessions, key)
        except storage.LeaseLostError:
            return False
        return bool(sessions.get(key) == {"n": 1})

    with sessions._leases.hold("other"):  # the thread that renews them is there already
        assert places(work, Fork) == []


def test_a_lease_stays_the_parents_to_the_end(store: Any) -> None:
    leases = storage.Leases(store)

    def work(number: int, fork: Alarm) -> bool:
        try:
            with fork, leases.hold(str(number)):
                return True
        except storage.LeaseLostError:
            return False

    with leases.hold("other"):
        assert places(work, Fork) == []


def test_a_place_that_is_waited_for_stays_the_parents(store: Any, valkey: Server) -> None:
    limiter = storage.RateLimiter(store, storage.Limit(1, BRIEF), remember=0)
    limiter.hit("warm")
    limiter.acquire("warm")  # the server knows the scripts

    def work(number: int, fork: Alarm) -> bool:
        key = str(number)
        with valkey.counted() as calls:
            limiter.hit(key)
            with fork:
                limiter.acquire(key)
        return [name for name in calls.names if name != "INFO"] == ["EVALSHA"] * 2

    assert places(work, Fork) == []


SCRIPT = """
import asyncio, os

from storage.aio.runtime import Runtime

async def step():
    os.write(1, b"done;")
    await asyncio.sleep(0.2)

async def main():
    task = asyncio.ensure_future(Runtime().finish(step))
    asyncio.get_running_loop().call_later(0.05, fork)
    await task

def fork():
    child = os.fork()
    if not child:
        raise SystemExit
    os.waitpid(child, 0)

asyncio.run(main())
"""


def test_a_task_that_ends_with_a_child_does_nothing_once_more_there() -> None:
    """A loop that is left cancels its tasks."""
    done = python(SCRIPT)

    assert (done.stdout, done.stderr) == ("done;", "")
