"""A signal handler raises (a time limit) while tasks ask a file: each of them comes to an end, what
one is told is so, and nothing is done twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import storage.aio
from storage import ClosedError
from storage.aio import hops
from tests.fault.alarms import Alarm, places
from tests.waiting import until

pytestmark = pytest.mark.timed

TASKS = 3
SECONDS = 2.0
"""After which a task is taken to hang."""


class Limit(TimeoutError):
    """What a time limit of the caller's raises."""


def test_wherever_a_handler_strikes_every_task_ends_and_nothing_is_done_twice(file: Path) -> None:
    async def counted(store: Any, key: str, alarm: Alarm) -> bool:
        # What strikes in the loop itself is logged by it, which goes on.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        with alarm:
            tasks = [asyncio.ensure_future(store.incr(key)) for _ in range(TASKS)]
            _, hanging = await asyncio.wait(tasks, timeout=SECONDS)
        if hanging:
            return False
        errors = [task.exception() for task in tasks]
        assert {type(error) for error in errors} <= {Limit, type(None)}
        told = [task.result() for task, error in zip(tasks, errors) if error is None]
        stored = await asyncio.wait_for(store.get(key, 0), SECONDS)
        return len(set(told)) == len(told) <= stored <= TASKS

    def work(number: int, alarm: Alarm) -> bool:
        async def main() -> bool:
            store = storage.aio.SqliteStorage(file, durability="normal")
            await store.get("warm")
            try:
                return await counted(store, str(number), alarm)
            finally:
                await asyncio.wait_for(store.aclose(), SECONDS)

        return asyncio.run(main())

    assert places(work, partial(Alarm, error=Limit)) == []


def fails() -> str:
    raise ValueError("no")


def is_slow() -> str:
    time.sleep(0.02)
    return "done"


def is_quick() -> str:
    return "done"


@pytest.mark.parametrize("works", [(fails, is_quick, fails), (is_quick, is_slow, is_quick)])
def test_wherever_a_handler_strikes_what_came_of_a_call_is_told_and_nothing_is_left(
    works: tuple[Callable[[], str], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hops, "_LOST_SECONDS", 0.01)

    async def told(way: hops.Hops, alarm: Alarm) -> bool:
        asked = []
        with alarm:
            for work in works:
                asked += [way.ask(work, ())]
            await asyncio.wait(asked, timeout=SECONDS)
        all_told = asyncio.gather(*asked, return_exceptions=True)
        try:
            outcomes = await asyncio.wait_for(all_told, SECONDS)
        except asyncio.TimeoutError:
            return False
        return all("no" in str(one) or one == "done" for one in outcomes)

    async def is_empty(way: hops.Hops) -> bool:
        (lane,) = way._lanes.values()
        end = time.monotonic() + SECONDS
        while lane._asked or lane._out or lane._going:
            if time.monotonic() > end:
                return False
            await asyncio.wait_for(way.ask(is_quick, ()), SECONDS)
            await asyncio.sleep(0.006)
        return True

    def work(_: int, alarm: Alarm) -> bool:
        async def main() -> bool:
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            way = hops.Hops("a file", None)
            await way.ask(is_quick, ())
            try:
                return await told(way, alarm) and await is_empty(way)
            finally:
                way.close()

        return asyncio.run(main())

    assert places(work, partial(Alarm, error=Limit), least=30) == []


def test_what_was_sent_before_the_end_is_done_once_and_what_comes_after_it_is_refused() -> None:
    """Though it is sent again, before the end and after it."""
    done = []

    def work() -> None:
        time.sleep(0.02)
        done.append(1)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        way = hops.Hops("a file", None)
        await way.ask(is_quick, ())
        first, last = loop.create_future(), loop.create_future()
        batch = hops._Batch(loop, [hops.Call(first, work, ())])
        way._worker.send(batch)
        way._worker.send(batch)
        way._worker.close()
        way._worker.send(batch)
        way._worker.send(hops._Batch(loop, [hops.Call(last, work, ())]))
        with pytest.raises(ClosedError):
            await asyncio.wait_for(last, SECONDS)
        await asyncio.wait_for(first, SECONDS)

    asyncio.run(main())
    until(lambda: not [one for one in threading.enumerate() if one.name == "storage hops"])
    assert done == [1]
