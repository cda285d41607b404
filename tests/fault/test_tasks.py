"""One asyncio store, many tasks, and their cancellation: no acknowledged change is lost, no key
sticks."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import ConflictError, ReentryError
from tests.fault.ground import PATIENCE, together

pytestmark = pytest.mark.timed

TASKS = 50


@pytest.fixture(params=["sqlite", "memory", "lru"])
def store(request: pytest.FixtureRequest, file: Path) -> Iterator[Any]:
    """A store that was made before any loop runs."""
    makers: dict[str, Callable[[], Any]] = {
        "sqlite": lambda: storage.aio.SqliteStorage(file),
        "memory": storage.aio.MemoryStorage,
        "lru": lambda: storage.aio.LruMemoryStorage(1000),
    }
    store = makers[request.param]()
    yield store
    asyncio.run(store.aclose())


def run(work: Awaitable[Any]) -> Any:
    """Run *work* in a loop of its own, with a deadline."""

    async def limited() -> Any:
        return await asyncio.wait_for(work, PATIENCE)

    return asyncio.run(limited())


def more(value: int) -> int:
    return value + 1


async def slowly(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


def test_tasks_that_update_one_key_lose_nothing(store: Any) -> None:
    async def work() -> None:
        changes = [store.update("k", [more, slowly][n % 2], default=0) for n in range(200)]
        assert sorted(await asyncio.gather(*changes)) == list(range(1, 201))
        assert await store.get("k") == 200
        assert len(store._keys) == 0

    run(work())


def test_cancelling_tasks_at_random_loses_nothing_acknowledged(store: Any) -> None:
    chance = random.Random(11)
    acknowledged, begun = 0, 0

    async def change() -> None:
        nonlocal acknowledged, begun
        for _ in range(6):
            begun += 1
            await store.update("k", chance.choice([more, slowly]), default=0)
            acknowledged += 1

    async def work() -> None:
        tasks = [asyncio.ensure_future(change()) for _ in range(TASKS)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(chance.uniform(0, 0.0005))
            chance.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

        assert len(store._keys) == 0
        assert acknowledged <= await store.get("k", 0) <= begun
        before = await store.get("k", 0)
        assert await store.update("k", more, default=0) == before + 1

    run(work())


@pytest.mark.parametrize("when", ["waiting", "in the callback", "in the edit"])
def test_a_cancelled_task_frees_the_key_wherever_it_is(when: str, store: Any) -> None:
    async def work() -> None:
        await store.set("k", {"n": 0})
        inside, leave = asyncio.Event(), asyncio.Event()

        async def stay(value: Any) -> Any:
            inside.set()
            await leave.wait()
            return {**value, "stayed": 1}

        async def edit() -> None:
            async with store.edit("k") as draft:
                draft.update(await stay(draft))

        holder = asyncio.ensure_future(edit() if when == "in the edit" else store.update("k", stay))
        await inside.wait()
        waiter = asyncio.ensure_future(store.update("k", lambda value: {**value, "waited": 1}))
        behind = asyncio.ensure_future(store.update("k", lambda value: {**value, "behind": 1}))
        await asyncio.sleep(0)
        (waiter if when == "waiting" else holder).cancel()
        leave.set()
        await asyncio.gather(holder, waiter, behind, return_exceptions=True)

        assert (waiter if when == "waiting" else holder).cancelled()
        kept = {"stayed": 1} if when == "waiting" else {"waited": 1}
        assert await store.get("k") == {"n": 0, "behind": 1, **kept}
        assert len(store._keys) == 0

    run(work())


def test_a_waiter_that_is_cancelled_when_its_turn_has_come_hands_the_key_on(store: Any) -> None:
    async def work() -> None:
        await store.set("k", 0)
        inside, leave = asyncio.Event(), asyncio.Event()

        async def stay(value: int) -> int:
            inside.set()
            await leave.wait()
            return value + 1

        holder = asyncio.ensure_future(store.update("k", stay))
        await inside.wait()
        waiter = asyncio.ensure_future(store.update("k", more))
        behind = asyncio.ensure_future(store.update("k", more))
        await asyncio.sleep(0)
        holder.add_done_callback(lambda _: waiter.cancel())  # it holds the key by now
        leave.set()
        await asyncio.gather(holder, waiter, behind, return_exceptions=True)

        assert behind.done()
        assert not behind.cancelled()
        assert len(store._keys) == 0
        # A cancelled call may still complete: what counts is that the two others did.
        assert await store.get("k") in ([2, 3] if waiter.cancelled() else [3])

    run(work())


def test_a_timeout_around_an_update_leaves_value_and_key(store: Any) -> None:
    async def work() -> None:
        await store.set("k", 1)

        async def too_long(value: int) -> int:
            await asyncio.sleep(PATIENCE)
            return value + 1

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(store.update("k", too_long), 0.02)
        assert await store.get("k") == 1
        assert len(store._keys) == 0
        assert await store.update("k", more) == 2

    run(work())


def test_two_loops_in_two_threads_share_one_store_and_lose_nothing(store: Any) -> None:
    async def work() -> None:
        async def change() -> None:
            for _ in range(20):
                await store.update("k", slowly, default=0)

        await asyncio.gather(*(change() for _ in range(25)))

    together(lambda: run(work()), lambda: run(work()))

    assert run(store.get("k")) == 1000
    assert len(store._keys) == 0


def test_a_store_lives_longer_than_a_loop(store: Any) -> None:
    assert [run(store.update("k", more, default=0)) for _ in range(3)] == [1, 2, 3]


def test_a_loop_that_is_closed_over_a_waiting_task_stops_nobody_else(store: Any) -> None:
    inside, leave = threading.Event(), threading.Event()
    results: list[int] = []

    async def stay(value: int) -> int:
        inside.set()
        await asyncio.to_thread(leave.wait, PATIENCE)
        return value + 1

    holder = threading.Thread(
        target=lambda: results.append(run(store.update("k", stay, default=0)))
    )
    holder.start()
    assert inside.wait(PATIENCE)
    abandoned = asyncio.new_event_loop()
    waiting = store.update("k", more, default=0)
    task = abandoned.create_task(waiting)
    abandoned.run_until_complete(asyncio.sleep(0.005))
    abandoned.close()
    leave.set()
    holder.join(PATIENCE)

    assert results == [1]
    assert run(store.update("k", more)) == 2
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    waiting.close()
    assert len(store._keys) == 0


def test_callbacks_of_both_colours_are_called(store: Any) -> None:
    class Callable_:  # noqa: N801 - an object that is called and awaited
        async def __call__(self, value: int) -> int:
            return await slowly(value)

    async def work() -> None:
        for change in (more, slowly, lambda value: slowly(value), Callable_()):  # noqa: PLW0108
            before = await store.get("k", 0)
            assert await store.update("k", change, default=0) == before + 1
        assert await store.get_or_set("plain", lambda: 1) == 1
        assert await store.get_or_set("awaited", lambda: slowly(1)) == 2

    run(work())


def test_the_blocking_half_refuses_a_coroutine_function_before_anything_is_touched(
    file: Path,
) -> None:
    for blocking in (storage.MemoryStorage({"k": 1}), storage.SqliteStorage(file)):
        with blocking:
            blocking.set("k", 1)
            with pytest.raises(TypeError, match="coroutine"):
                blocking.update("k", slowly)
            with pytest.raises(TypeError, match="coroutine"):
                blocking.get_or_set("new", slowly)  # type: ignore[arg-type]
            assert dict(blocking.items()) == {"k": 1}
            assert len(blocking._keys) == 0


def nested_update(first: Any, second: Any, one: str, two: str) -> Awaitable[Any]:
    async def change(value: int) -> int:
        await second.update(two, slowly, default=0)
        return value + 1

    return first.update(one, change, default=0)  # type: ignore[no-any-return]


async def nested_edit(first: Any, second: Any, one: str, two: str) -> None:
    async with first.edit(one, default={}) as outer:
        async with second.edit(two, default={}) as inner:
            inner[f"{one}{len(inner)}"] = 1
        outer["touched"] = True


@pytest.mark.parametrize("nest", [nested_update, nested_edit])
def test_changes_nested_in_opposite_order_all_finish(nest: Callable[..., Any], store: Any) -> None:
    async def work() -> None:
        async def turns(one: str, two: str) -> None:
            for _ in range(15):
                try:
                    await nest(store, store, one, two)
                except ConflictError:
                    assert nest is nested_edit

        orders = [("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")]
        await asyncio.gather(*(turns(*order) for order in orders))
        assert len(store._keys) == 0

    run(work())


def test_changes_nested_through_three_stores_all_finish(file: Path) -> None:
    stores = [
        storage.aio.SqliteStorage(file),
        storage.aio.MemoryStorage(),
        storage.aio.LruMemoryStorage(9),
    ]

    async def turns(shift: int) -> None:
        first, second, third = stores[shift:] + stores[:shift]

        async def outer(value: int) -> int:
            await nested_update(second, third, "k", "k")
            return value + 1

        for _ in range(10):
            await first.update("k", outer, default=0)

    async def work() -> None:
        await asyncio.gather(*(turns(number % 3) for number in range(6)))
        for store in stores:
            assert await store.get("k") >= 20
            assert len(store._keys) == 0
            await store.aclose()

    run(work())


def test_a_task_can_not_change_a_key_inside_its_own_change(store: Any) -> None:
    async def work() -> None:
        async def again(value: int) -> int:
            return await store.update("k", more) + value  # type: ignore[no-any-return]

        await store.set("k", 1)
        with pytest.raises(ReentryError):
            await store.update("k", again)
        assert await store.get("k") == 1
        assert len(store._keys) == 0

    run(work())


async def _for_ever(store: Any) -> None:
    while True:
        await store.update("k", more, default=0)
        await store.get_many(["k"])


def test_a_close_beside_other_loops_is_an_answer_or_a_closed_error(file: Path) -> None:
    for _ in range(5):
        store = storage.aio.SqliteStorage(file)
        working = threading.Barrier(3)

        async def use(store: Any = store, working: Any = working) -> None:
            await store.get("k")
            working.wait(PATIENCE)
            with pytest.raises(storage.ClosedError):
                await _for_ever(store)

        def end(store: Any = store, working: Any = working) -> None:
            working.wait(PATIENCE)
            run(store.aclose())
            run(store.aclose())

        together(lambda: run(use()), lambda: run(use()), end)
        assert len(store._keys) == 0
