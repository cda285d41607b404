"""One change at a time per key, in the order of asking: for threads and for tasks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

import storage
import storage.aio
from storage.aio.keylock import KeyLock as AioKeyLock
from storage.keylock import KeyLock

WAITERS = 12


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def waiting(lock: KeyLock) -> int:
    """How many wait for the key `k`."""
    queue = lock._holds["k"]._waiting
    return 0 if queue is None else len(queue)


def test_threads_get_a_key_in_the_order_of_asking() -> None:
    lock = KeyLock("test")
    served: list[int] = []

    def ask(number: int) -> None:
        with lock.hold("k"):
            served.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(WAITERS)]
    with lock.hold("k"):
        for number, thread in enumerate(threads):
            thread.start()
            until(lambda number=number: waiting(lock) == number + 1)  # type: ignore[misc]
    for thread in threads:
        thread.join(10)

    assert served == list(range(WAITERS))
    assert len(lock) == 0


def test_tasks_get_a_key_in_the_order_of_asking() -> None:
    async def run() -> list[int]:
        lock = AioKeyLock("test")
        served: list[int] = []

        async def ask(number: int) -> None:
            async with lock.hold("k"):
                await asyncio.sleep(0)
                served.append(number)

        async with lock.hold("k"):
            tasks = [asyncio.create_task(ask(number)) for number in range(WAITERS)]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert len(lock) == 0
        return served

    assert asyncio.run(run()) == list(range(WAITERS))


def test_only_who_waited_before_a_write_is_told_of_it() -> None:
    lock = KeyLock("test")
    told: dict[str, bytes | None] = {}

    def ask(name: str) -> None:
        with lock.hold("k") as hold:
            told[name] = hold.left

    early, late = (threading.Thread(target=ask, args=(name,)) for name in ("early", "late"))
    with lock.hold("k") as hold:
        early.start()
        until(lambda: waiting(lock) == 1)
        hold.writing()
        hold.left = b"news"
    early.join(10)
    with lock.hold("k") as hold:
        hold.writing()
        late.start()
        until(lambda: waiting(lock) == 1)
        hold.left = b"old news"
    late.join(10)

    assert told == {"early": b"news", "late": None}


def test_only_a_task_that_waited_before_a_write_is_told_of_it() -> None:
    async def run() -> dict[str, bytes | None]:
        lock = AioKeyLock("test")
        told: dict[str, bytes | None] = {}

        async def ask(name: str) -> None:
            async with lock.hold("k") as hold:
                told[name] = hold.left

        async with lock.hold("k") as hold:
            early = asyncio.create_task(ask("early"))
            await asyncio.sleep(0)
            hold.writing()
            hold.left = b"news"
        await early
        async with lock.hold("k") as hold:
            hold.writing()
            late = asyncio.create_task(ask("late"))
            await asyncio.sleep(0)
            hold.left = b"old news"
        await late
        return told

    assert asyncio.run(run()) == {"early": b"news", "late": None}


def test_a_cancelled_waiter_gives_its_place_back() -> None:
    async def run() -> list[str]:
        lock = AioKeyLock("test")
        served: list[str] = []

        async def ask(name: str) -> None:
            async with lock.hold("k"):
                served.append(name)

        async with lock.hold("k"):
            tasks = {name: asyncio.create_task(ask(name)) for name in "abc"}
            await asyncio.sleep(0)
            tasks["a"].cancel()
            await asyncio.sleep(0)
        # The key has been handed to b, which is cancelled before it wakes up.
        tasks["b"].cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert len(lock) == 0
        return served

    assert asyncio.run(run()) == ["c"]


def test_two_loops_share_one_store() -> None:
    store = storage.aio.MemoryStorage()

    async def count() -> None:
        async def bump(value: int) -> int:
            await asyncio.sleep(0)
            return value + 1

        await asyncio.gather(*(store.update("k", bump, default=0) for _ in range(250)))

    threads = [threading.Thread(target=lambda: asyncio.run(count())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert asyncio.run(store.get("k")) == 500


def test_a_key_that_is_held_can_not_be_held_again_by_the_same_thread() -> None:
    store = storage.MemoryStorage({"k": 1})

    with pytest.raises(storage.ReentryError, match="memory: key 'k'"):
        store.update("k", lambda value: store.update("k", lambda _: value))

    assert len(store._keys) == 0
