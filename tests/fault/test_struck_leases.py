"""A signal handler raises (a time limit, Ctrl-C) while somebody takes, has or gives back a lease or
a session: the next one comes in at once.

What strikes where a block ends, before the first step of that, is the one exception: no code of
Python is there yet. Then the lease runs out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import LeaseTimeoutError
from tests.fault.alarms import Alarm, places
from tests.sessions.elsewhere import elsewhere

pytestmark = pytest.mark.timed


class Limit(TimeoutError):
    """What a time limit of the caller's raises: an `Exception`, unlike the next one."""


class Stop(BaseException):
    """What strikes like `KeyboardInterrupt`."""


@pytest.fixture(params=[Limit, Stop])
def error(request: pytest.FixtureRequest) -> type[BaseException]:
    kind: type[BaseException] = request.param
    return kind


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, file: Path) -> Iterator[Any]:
    made = storage.SqliteStorage(file, durability="normal")
    with made, storage.MemoryStorage[Any]() as memory:
        yield made if request.param == "file" else memory


def free(store: Any, key: str) -> bool:
    """Whether somebody else gets the session, without waiting."""
    try:
        with storage.Sessions(elsewhere(storage, store), wait=0).open(key):
            return True
    except LeaseTimeoutError:
        return False


def in_a_block(sessions: Any, key: str) -> None:
    with sessions.open(key) as session:
        session["n"] = 1


def in_a_lazy_block(sessions: Any, key: str) -> None:
    with sessions.open(key, lazy=True) as session:
        session.load()["n"] = 1


def only_read(sessions: Any, key: str) -> None:
    with sessions.open(key):
        pass


def in_two_halves(sessions: Any, key: str) -> None:
    opened = sessions.open(key)
    opened.begin()["n"] = 1
    opened.end()


def by_a_handler(sessions: Any, key: str) -> None:
    def handle(_: object, session: Any) -> None:
        session["n"] = 1

    sessions.open(key).run(handle)


def deleted(sessions: Any, key: str) -> None:
    sessions.delete(key)


WAYS = {
    in_a_block: {"__exit__"},
    in_a_lazy_block: {"__exit__"},
    only_read: {"__exit__"},
    in_two_halves: {"end"},
    by_a_handler: set(),
    deleted: {"__exit__"},
}
"""And where the lease may be left to run out, for one moment."""


@pytest.mark.parametrize("way", WAYS)
def test_wherever_a_handler_strikes_a_session_is_free_at_once(
    way: Callable[[Any, str], None], store: Any, error: type[BaseException]
) -> None:
    sessions = storage.Sessions(store)

    def work(number: int, alarm: Alarm) -> bool:
        key = str(number)
        with alarm:
            way(sessions, key)
        return free(store, key)

    with sessions._leases.hold("other"):  # the thread that renews them is there already
        assert {*places(work, partial(Alarm, error=error))} <= WAYS[way]


def test_wherever_a_handler_strikes_a_lease_is_free_at_once(
    store: Any, error: type[BaseException]
) -> None:
    leases, others = storage.Leases(store), storage.Leases(store)

    def work(number: int, alarm: Alarm) -> bool:
        key = str(number)
        with alarm, leases.hold(key):
            pass
        try:
            with others.hold(key, wait=0):
                return True
        except LeaseTimeoutError:
            return False

    with leases.hold("other"):
        assert {*places(work, partial(Alarm, error=error))} <= {"__exit__"}


async def tasks_block(sessions: Any, key: str) -> None:
    async with sessions.open(key) as session:
        session["n"] = 1


async def tasks_halves(sessions: Any, key: str) -> None:
    opened = sessions.open(key)
    (await opened.begin())["n"] = 1
    await opened.end()


async def tasks_handler(sessions: Any, key: str) -> None:
    def handle(_: object, session: Any) -> None:
        session["n"] = 1

    await sessions.open(key).run(handle)


async def tasks_lease(sessions: Any, key: str) -> None:
    async with sessions._leases.hold(key):
        pass


TASKS = {
    tasks_block: {"__aexit__"},
    tasks_halves: {"end"},
    tasks_handler: set(),
    tasks_lease: {"__aexit__"},
}


@pytest.mark.parametrize("way", TASKS)
def test_wherever_a_handler_strikes_a_task_its_session_is_free_at_once(
    way: Callable[[Any, str], Any], error: type[BaseException]
) -> None:
    store = storage.aio.MemoryStorage[Any]()
    sessions = storage.aio.Sessions(store)
    others = storage.aio.Sessions(elsewhere(storage.aio, store), wait=0)

    def work(number: int, alarm: Alarm) -> bool:
        key = str(number)

        async def main() -> bool:
            with alarm:
                await way(sessions, key)
            try:
                async with others.open(key):
                    return True
            except LeaseTimeoutError:
                return False

        return asyncio.run(main())

    assert {*places(work, partial(Alarm, error=error))} <= TASKS[way]
