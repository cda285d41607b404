"""What keeps a lease alive, and what becomes of it when nothing does."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import weakref
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import LeaseLostError, UnavailableError
from storage.testing import Bridge, Clock
from tests.fault.ground import Crew, in_child, rows, until
from tests.leases.ground import run, until_in_loop

pytestmark = pytest.mark.timed

HOUR = 3600

BRIEF = 0.3
"""A lease of so many seconds is renewed after a third of them."""


class Work:
    """What leases have the running loop do from now on, as timers and as tasks."""

    def __init__(self) -> None:
        self.begun = 0
        self._timers: set[asyncio.TimerHandle] = set()
        self._loop: Any = asyncio.get_running_loop()
        self._usual = self._loop.call_later
        self._loop.call_later = self._call_later

    def timers(self) -> int:
        """How many wait for their time."""
        return sum(not one.cancelled() for one in self._timers)

    def is_over(self) -> bool:
        tasks = [one for one in asyncio.all_tasks() if one.get_name() == "storage"]
        return not tasks and self.timers() == 0

    def _call_later(self, delay: float, callback: Any, *args: Any, **options: Any) -> Any:
        if not callback.__module__.startswith("storage"):
            return self._usual(delay, callback, *args, **options)

        def run() -> None:
            self._timers.discard(timer)
            callback(*args)

        timer = self._usual(delay, run, **options)
        self._timers.add(timer)
        self.begun += 1
        return timer


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


@pytest.fixture
def clock() -> Clock:
    return Clock()


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


@pytest.fixture
def _asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread does not look by itself."""
    monkeypatch.setattr(storage.runtime, "LOOK_SECONDS", HOUR)


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
        leases = storage.Leases(store, ttl=BRIEF)
        lease = leases.hold("k").__enter__()
        assert threading.active_count() == before + 1
        del lease

        until(lambda: leases._alive() == [])
        until(lambda: threading.active_count() == before)


def test_a_lease_that_no_task_knows_any_more_is_not_renewed() -> None:
    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            leases = storage.aio.Leases(store, ttl=BRIEF)
            loop = Work()
            lease = await leases.hold("k").__aenter__()
            assert loop.timers() == 1
            del lease

            await until_in_loop(lambda: leases._alive() == [])
            await until_in_loop(loop.is_over)

    run(work())


@pytest.mark.usefixtures("_asleep")
def test_leases_that_are_forgotten_end_their_thread() -> None:
    before = threading.active_count()
    with storage.MemoryStorage() as store:
        leases = storage.Leases(store, ttl=HOUR)
        lease = leases.hold("k").__enter__()
        del lease, leases
        gc.collect()

        until(lambda: threading.active_count() == before)


def test_leases_that_are_forgotten_end_their_timer() -> None:
    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            leases, loop = storage.aio.Leases(store, ttl=HOUR), Work()
            async with leases.hold("k"):
                assert loop.timers() == 1
            del leases
            gc.collect()

            await until_in_loop(loop.is_over)

    run(work())


def test_one_thread_renews_all_leases_and_ends_after_them() -> None:
    before = threading.active_count()
    with storage.MemoryStorage() as store:
        leases = storage.Leases(store, ttl=BRIEF)
        for _ in range(2):
            with leases.hold("a"), leases.hold("b"), leases.hold("c"):
                assert threading.active_count() == before + 1
            until(lambda: threading.active_count() == before)


def test_a_thread_does_not_stay_for_as_long_as_a_lease_would_have_lasted() -> None:
    before = threading.active_count()
    with storage.MemoryStorage() as store:
        leases = storage.Leases(store, ttl=HOUR)
        with leases.hold("k"):
            assert threading.active_count() == before + 1

        until(lambda: threading.active_count() == before)


@pytest.mark.usefixtures("_asleep")
def test_many_short_holds_start_one_thread() -> None:
    before, seen = set(threading.enumerate()), set[threading.Thread]()
    with storage.MemoryStorage() as store:
        leases = storage.Leases(store, ttl=HOUR)
        for number in range(500):
            with leases.hold(f"k{number % 3}"):
                seen.update(threading.enumerate())

        assert len(seen - before) == 1


def test_one_timer_stands_for_all_leases_and_ends_after_them() -> None:
    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            leases, loop = storage.aio.Leases(store, ttl=BRIEF), Work()
            for _ in range(2):
                async with leases.hold("a"), leases.hold("b"), leases.hold("c"):
                    assert loop.timers() == 1
                await until_in_loop(loop.is_over)

    run(work())


def test_many_short_holds_cost_a_loop_one_timer_and_no_task() -> None:
    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            leases, loop = storage.aio.Leases(store, ttl=HOUR), Work()
            for number in range(500):
                async with leases.hold(f"k{number % 3}"):
                    assert asyncio.all_tasks() == {asyncio.current_task()}
            assert loop.begun == 1

    asyncio.run(work())


@pytest.mark.usefixtures("_asleep")
@pytest.mark.parametrize("over", [True, False], ids=["after", "beside"])
def test_a_brief_lease_is_renewed_in_time_beside_a_long_one(
    over: bool, half: Any, leases: Any, store: Any, clock: Clock, bridge: Bridge
) -> None:
    """Whoever renews them would sleep for much longer, also when the long one is over by then."""
    room = bridge.driven(store.room(half.LeaseStore))

    def hold() -> None:
        with leases.hold("k", ttl=BRIEF):
            clock.tick(BRIEF / 2)
            until(lambda: room.acquire("k", "probe", 1000, 0).wait_ms > 600 * BRIEF)

    with leases.hold("long"):
        time.sleep(0.02)  # a thread has the time to fall asleep
        if not over:
            hold()
    if over:
        hold()


def test_a_timer_keeps_nothing_of_the_task_that_held_a_lease() -> None:
    class Update:
        """What a bot may have in a context variable."""

    current: ContextVar[Update] = ContextVar("current")

    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            leases = storage.aio.Leases(store, ttl=HOUR)

            async def handle() -> weakref.ref[Update]:
                current.set(Update())
                async with leases.hold("k"):
                    return weakref.ref(current.get())

            seen = await asyncio.ensure_future(handle())
            await until_in_loop(lambda: seen() is None)

    run(work())


def test_a_loop_that_is_closed_as_it_is_leaves_no_task_and_is_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = storage.aio.MemoryStorage()
    leases = storage.aio.Leases(store)

    async def hold() -> None:
        async with leases.hold("k"):
            pass

    def in_a_loop() -> weakref.ref[Any]:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(hold())
        loop.close()
        return weakref.ref(loop)

    first = in_a_loop()
    in_a_loop()
    gc.collect()

    assert first() is None
    assert not caplog.records
    run(store.aclose())


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


@pytest.mark.usefixtures("_asleep")
def test_a_child_renews_what_it_holds_itself(tmp_path: Path) -> None:
    """Its parent's thread did not come along, however soon that would have looked."""
    file = tmp_path / "bot.db"

    def child() -> None:
        with leases.hold("of the child"):
            first = ends()
            until(lambda: ends() > first)

    def ends() -> Any:
        return rows(file, "SELECT expires_at FROM storage_leases WHERE name LIKE '%child'")

    with storage.SqliteStorage(file) as store:
        leases = storage.Leases(store, ttl=6 * BRIEF)
        with leases.hold("k"):
            in_child(child)


@pytest.mark.usefixtures("_asleep")
def test_leases_that_a_child_forgets_end_its_thread() -> None:
    def child() -> None:
        nonlocal leases
        with leases.hold("k"):
            assert threading.active_count() == 2
        del leases
        gc.collect()
        until(lambda: threading.active_count() == 1)

    with storage.MemoryStorage() as store:
        leases = storage.Leases(store, ttl=HOUR)
        in_child(child)


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
