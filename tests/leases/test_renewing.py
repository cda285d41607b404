"""What keeps a lease alive, and what becomes of it when nothing does."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import LeaseLostError, UnavailableError
from storage.testing import Bridge, Clock
from tests.fault.ground import Crew, in_child, rows, until
from tests.leases.ground import run, until_in_loop

HOUR = 3600


class Unwell:
    """A room that does not answer some of the questions."""

    def __init__(self, room: Any, *fails: str) -> None:
        self.room = room
        self.fails = fails

    def __getattr__(self, name: str) -> Any:
        if name not in self.fails:
            return getattr(self.room, name)
        return self.fail if asyncio.iscoroutinefunction(self.room.renew) else self.fail_at_once

    async def fail(self, *_: object) -> None:
        self.fail_at_once()

    def fail_at_once(self, *_: object) -> None:
        raise UnavailableError("the network is down", store="far away")


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "asyncio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    with Bridge() as bridge:
        yield bridge


@pytest.fixture
def store(half: Any, clock: Clock, bridge: Bridge) -> Iterator[Any]:
    made = half.MemoryStorage(clock=clock)
    yield made
    bridge.driven(made).close()


@pytest.fixture
def inner(half: Any, store: Any) -> Any:
    """Leases as their own half knows them."""
    return half.Leases(store, ttl=HOUR)


@pytest.fixture
def leases(inner: Any, bridge: Bridge) -> Any:
    return bridge.driven(inner)


def tend(inner: Any, lease: Any, bridge: Bridge) -> Any:
    """Renew now what would be renewed later."""
    lease._due = 0.0
    return bridge.call(inner._tend)


def only(inner: Any) -> Any:
    """The one lease that is held, as its own half knows it."""
    (lease,) = inner._alive()
    return lease


def test_a_renewal_that_is_refused_is_a_loss(
    leases: Any, inner: Any, bridge: Bridge, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        with leases.hold("k") as lease:
            held = only(inner)
            assert tend(inner, held, bridge) == pytest.approx(HOUR / 3, rel=0.01)
            assert lease.lost is False
            clock.tick(2 * HOUR)

            assert tend(inner, held, bridge) is None
            assert lease.lost is True
            with pytest.raises(LeaseLostError):
                lease.check()

    with pytest.raises(LeaseLostError):
        work()
    assert "the lease on 'k' is lost" in caplog.text


def test_renewals_that_fail_are_tried_again_and_are_a_loss_after_the_lifetime(
    leases: Any, inner: Any, bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        with leases.hold("k") as lease:
            held = only(inner)
            held._room = Unwell(held._room, "renew")
            assert 0 < tend(inner, held, bridge) <= HOUR / 10
            assert lease.lost is False

            held._until = 0.0
            assert lease.lost is True
            assert tend(inner, held, bridge) is None

    with pytest.raises(LeaseLostError):
        work()
    assert "could not be renewed" in caplog.text


def test_a_renewal_that_works_after_some_that_failed_saves_the_lease(
    leases: Any, inner: Any, bridge: Bridge
) -> None:
    with leases.hold("k") as lease:
        held = only(inner)
        well, held._room = held._room, Unwell(held._room, "renew")
        tend(inner, held, bridge)
        held._room = well
        tend(inner, held, bridge)

        assert lease.lost is False


def test_a_lease_that_can_not_be_given_back_is_no_error(
    leases: Any, inner: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What the block did is done, and the lease runs out by itself."""
    with leases.hold("k"):
        held = only(inner)
        held._room = Unwell(held._room, "release")

    assert "not given back" in caplog.text
    assert held.token not in caplog.text


def test_a_lease_that_nobody_knows_any_more_is_not_renewed() -> None:
    before = threading.active_count()
    with storage.MemoryStorage() as store:
        leases = storage.Leases(store)
        lease = leases.hold("k").__enter__()
        assert threading.active_count() == before + 1
        del lease

        until(lambda: leases._alive() == [])
        until(lambda: threading.active_count() == before)


def test_a_lease_that_no_task_knows_any_more_is_not_renewed() -> None:
    async def work() -> None:
        before = len(asyncio.all_tasks())
        async with storage.aio.MemoryStorage() as store:
            leases = storage.aio.Leases(store)
            lease = await leases.hold("k").__aenter__()
            assert len(asyncio.all_tasks()) == before + 1
            del lease

            await until_in_loop(lambda: leases._alive() == [])
            await until_in_loop(lambda: len(asyncio.all_tasks()) == before)

    run(work())


def test_leases_that_are_forgotten_end_their_thread() -> None:
    before = threading.active_count()
    with storage.MemoryStorage() as store:
        leases = storage.Leases(store)
        lease = leases.hold("k").__enter__()
        del lease, leases
        gc.collect()

        until(lambda: threading.active_count() == before)


def test_one_thread_renews_all_leases_and_ends_with_them() -> None:
    before = threading.active_count()
    with storage.MemoryStorage() as store:
        leases = storage.Leases(store)
        with leases.hold("a"), leases.hold("b"), leases.hold("c"):
            assert threading.active_count() == before + 1

        until(lambda: threading.active_count() == before)
        with leases.hold("a"):
            assert threading.active_count() == before + 1


def test_one_task_renews_all_leases_and_ends_with_them() -> None:
    async def work() -> None:
        before = len(asyncio.all_tasks())
        async with storage.aio.MemoryStorage() as store:
            leases = storage.aio.Leases(store)
            async with leases.hold("a"), leases.hold("b"), leases.hold("c"):
                assert len(asyncio.all_tasks()) == before + 1
            await until_in_loop(lambda: len(asyncio.all_tasks()) == before)
            async with leases.hold("a"):
                assert len(asyncio.all_tasks()) == before + 1

    run(work())


def test_a_loop_that_ends_takes_no_renewal_from_another(clock: Clock) -> None:
    store = storage.aio.MemoryStorage(clock=clock)
    leases = storage.aio.Leases(store, ttl=0.3)

    def left() -> int:
        return int(store._backend._room._inner._board.lines["~lease~k"].holder.until - clock.ms)

    async def short() -> None:
        async with leases.hold("other"):
            pass

    async def long() -> None:
        async with leases.hold("k"):
            await asyncio.get_running_loop().run_in_executor(None, asyncio.run, short())
            clock.tick(0.2)
            await until_in_loop(lambda: left() > 200)

    run(long())
    run(store.aclose())


def test_a_child_does_not_hold_what_its_parent_holds(tmp_path: Path) -> None:
    file = tmp_path / "bot.db"

    def child() -> None:
        assert lease.lost
        assert leases._tend() is None
        with pytest.raises(storage.LeaseTimeoutError), leases.hold("k", wait=0):
            pytest.fail("the parent holds it")
        with leases.hold("of the child"):
            pass
        with pytest.raises(LeaseLostError):
            lease.__exit__(None, None, None)

    with storage.SqliteStorage(file) as store:
        leases = storage.Leases(store)
        with leases.hold("k") as lease:
            in_child(child)

            assert rows(file, "SELECT token FROM storage_leases") == [(lease.token.encode(),)]
            lease.check()


def test_a_lease_that_another_thread_gives_back_is_free() -> None:
    with storage.MemoryStorage() as store:
        leases = storage.Leases(store)
        lease = leases.hold("k").__enter__()
        Crew(lambda: lease.__exit__(None, None, None)).join()

        with leases.hold("k", wait=0):
            pass


def test_one_holding_is_not_entered_twice_at_once() -> None:
    with storage.MemoryStorage() as store:
        lease = storage.Leases(store).hold("k")
        with lease:
            for _ in range(2):
                with pytest.raises(storage.ReentryError):
                    Crew(lease.__enter__).join()
        with lease:
            lease.check()


def test_the_log_shows_no_token(
    leases: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    lease = leases.hold("k")
    with caplog.at_level(logging.DEBUG), pytest.raises(LeaseLostError), lease:
        clock.tick(2 * HOUR)

    assert lease.token not in caplog.text
    assert lease.token not in repr(lease)
