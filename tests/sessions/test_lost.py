"""A session whose lease somebody else has got says so, before and after its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import storage
from storage import aio
from storage.testing import Bridge, Clock

HALVES = {"blocking": storage, "asyncio": aio}
LEASE = 30.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=HALVES)
def sessions(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Any]:
    """Sessions whose leases end when the clock is turned, whatever their holder does."""
    half = HALVES[request.param]
    with Bridge() as bridge:
        store = half.MemoryStorage(clock=clock)
        with bridge.driven(store):
            yield bridge.driven(half.Sessions(store, lease=LEASE))


def visit(sessions: Any, key: str) -> None:
    """Change the session in another thread or task."""

    def change() -> None:
        with sessions.open(key) as session:
            session["theirs"] = 1

    other = threading.Thread(target=change)
    other.start()
    other.join()


def test_a_session_that_was_not_stored_says_that_it_is_lost(sessions: Any, clock: Clock) -> None:
    opened = sessions.open("ann")
    opened.begin()["ours"] = 1
    clock.tick(LEASE)
    visit(sessions, "ann")

    with pytest.raises(storage.LeaseLostError):
        opened.end()

    assert opened.lost
    assert sessions.get("ann") == {"theirs": 1}


def test_a_session_that_could_not_be_saved_says_that_it_is_lost(
    sessions: Any, clock: Clock
) -> None:
    opened = sessions.open("ann")
    opened.begin()["ours"] = 1
    clock.tick(LEASE)

    with pytest.raises(storage.LeaseLostError):
        opened.save()

    assert opened.lost
    with pytest.raises(storage.LeaseLostError):
        opened.end()


def test_a_session_that_is_opened_again_is_not_lost(sessions: Any, clock: Clock) -> None:
    opened = sessions.open("ann")
    opened.begin()["ours"] = 1
    clock.tick(LEASE)
    with pytest.raises(storage.LeaseLostError):
        opened.end()

    opened.begin()["ours"] = 2
    assert not opened.lost
    opened.end()

    assert sessions.get("ann") == {"ours": 2}
