"""Who waits for a lease: in the order of asking, until it is given up, in threads and tasks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import LeaseTimeoutError
from storage.aio.runtime import Runtime
from tests.fault.ground import PATIENCE, Crew, locked, rows, striking, until
from tests.leases.ground import lined_up, run, until_in_loop

pytestmark = pytest.mark.timed

QUEUE = "SELECT count(*) FROM storage_lease_queue"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, file: Path) -> Iterator[Any]:
    make = {"memory": storage.MemoryStorage, "sqlite": lambda: storage.SqliteStorage(file)}
    with make[request.param]() as store:
        yield store


@pytest.fixture
def standing(store: Any, file: Path) -> Callable[[], int]:
    """How many stand in the queue."""
    if isinstance(store, storage.SqliteStorage):
        return lambda: int(rows(file, QUEUE)[0][0])
    board = store._backend._room._board
    return lambda: sum(len(line.waiting) for line in board.lines.values())


@pytest.fixture
def aio_store(store: Any) -> Iterator[Any]:
    """The same data for tasks."""
    made = storage.aio.adapt(store)
    yield made
    asyncio.run(made.aclose())


def test_threads_are_served_in_the_order_of_asking(store: Any, standing: Callable[[], int]) -> None:
    leases = storage.Leases(store)
    with leases.hold("k"):
        crews, order = lined_up(leases, 6, standing)
    for crew in crews:
        crew.join()

    assert order == list(range(6))
    assert standing() == 0


def test_tasks_and_threads_wait_in_one_queue(
    store: Any, aio_store: Any, standing: Callable[[], int]
) -> None:
    """Two loops and some threads, on the same data."""
    leases, others, order = storage.Leases(store), storage.aio.Leases(aio_store), []

    def in_a_thread(number: int) -> None:
        with leases.hold("k"):
            order.append(number)

    async def in_a_task(number: int) -> None:
        async with others.hold("k"):
            order.append(number)

    works = [
        lambda: in_a_thread(0),
        lambda: run(in_a_task(1)),
        lambda: in_a_thread(2),
        lambda: run(in_a_task(3)),
    ]
    with leases.hold("k"):
        crews = []
        for number, work in enumerate(works):
            crews.append(Crew(work))
            until(lambda number=number: standing() == number + 1)
    for crew in crews:
        crew.join()

    assert order == [0, 1, 2, 3]


def test_a_loop_goes_on_while_a_task_waits(store: Any, aio_store: Any) -> None:
    leases = storage.aio.Leases(aio_store)

    async def work() -> None:
        with storage.Leases(store).hold("k"):
            waiting = asyncio.ensure_future(leases.hold("k").__aenter__())
            turns = 0
            while turns < 20:
                await asyncio.sleep(0.001)
                turns += 1
            assert not waiting.done()
        lease = await waiting
        await lease.__aexit__(None, None, None)

    run(work())


def test_a_cancelled_task_gives_its_place_back(
    store: Any, aio_store: Any, standing: Callable[[], int]
) -> None:
    leases = storage.aio.Leases(aio_store)

    async def hold(number: int) -> int:
        async with leases.hold("k"):
            return number

    async def work() -> None:
        async with leases.hold("k"):
            tasks = []
            for number in range(3):
                tasks.append(asyncio.ensure_future(hold(number)))
                await until_in_loop(lambda number=number: standing() == number + 1)
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
            assert standing() == 2
        assert await asyncio.gather(*tasks[1:]) == [1, 2]
        assert tasks[0].cancelled()

    run(work())


def test_a_task_that_is_cancelled_again_and_again_gives_its_place_back(file: Path) -> None:
    """Also while the place is being given back, and that takes its time."""

    async def hold(leases: Any) -> None:
        async with leases.hold("k"):
            pytest.fail("it is held by another")

    async def work() -> None:
        async with storage.aio.SqliteStorage(file) as store:
            leases = storage.aio.Leases(store)
            async with leases.hold("k"):
                task = asyncio.ensure_future(hold(leases))
                await until_in_loop(lambda: rows(file, QUEUE) == [(1,)])
                with locked(file):
                    for _ in range(5):
                        task.cancel()
                        await asyncio.sleep(0.01)
                await asyncio.wait([task])
                assert task.cancelled()
                assert rows(file, QUEUE) == [(0,)]

    run(work())


def test_a_task_that_is_cancelled_inside_frees_the_lease(store: Any, aio_store: Any) -> None:
    leases = storage.aio.Leases(aio_store)

    async def hold() -> None:
        async with leases.hold("k"):
            await asyncio.sleep(PATIENCE)

    async def work() -> None:
        task = asyncio.ensure_future(hold())
        await until_in_loop(lambda: leases._held)
        task.cancel()
        await asyncio.wait([task])
        async with leases.hold("k", wait=0):
            pass

    run(work())


def test_an_interrupt_gives_the_place_back(store: Any, standing: Callable[[], int]) -> None:
    leases = storage.Leases(store)
    let_go = threading.Event()

    def hold() -> None:
        with leases.hold("k"):
            let_go.wait(PATIENCE)

    holder = Crew(hold)
    until(lambda: leases._held)
    with striking() as strike:
        striker = Crew(lambda: (until(lambda: standing() == 1), strike()))
        with pytest.raises(KeyboardInterrupt), leases.hold("k"):
            pytest.fail("it is held by another")
        striker.join()

    assert standing() == 0
    let_go.set()
    holder.join()
    with leases.hold("k", wait=0):
        pass


def test_a_failing_store_is_told_to_who_waits(store: Any) -> None:
    leases = storage.Leases(store)
    room = store.room(storage.LeaseStore)
    room.acquire("k", "other", 60_000, 0)

    def hold() -> None:
        with pytest.raises(storage.ClosedError), leases.hold("k"):
            pytest.fail("it is held by another")

    waiting = Crew(hold)
    time.sleep(0.01)
    store.close()
    waiting.join()


def test_a_deadline_of_one_does_not_hurt_the_others(
    store: Any, standing: Callable[[], int]
) -> None:
    leases, order = storage.Leases(store), []

    def impatient() -> None:
        with pytest.raises(LeaseTimeoutError), leases.hold("k", wait=0.05):
            pytest.fail("it is held by another")

    def patient() -> None:
        with leases.hold("k"):
            order.append("patient")

    with leases.hold("k"):
        first = Crew(impatient)
        until(lambda: standing() == 1)
        second = Crew(patient)
        first.join()
        until(lambda: standing() == 1)
    second.join()

    assert order == ["patient"]


def test_what_must_be_finished_is_finished_and_its_error_is_known() -> None:
    """The same for a function that fails: the cancellation goes on."""
    done: list[int] = []

    async def slow(error: BaseException | None) -> None:
        await asyncio.sleep(0.02)
        done.append(1)
        if error is not None:
            raise error

    async def work() -> None:
        for error in (None, storage.UnavailableError("gone")):
            task = asyncio.ensure_future(Runtime().finish(slow, error))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
        with pytest.raises(storage.UnavailableError):
            await Runtime().finish(slow, storage.UnavailableError("gone"))

    run(work())
    assert len(done) == 3
