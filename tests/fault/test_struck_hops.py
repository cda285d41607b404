"""A signal handler raises (a time limit) while tasks ask a file: each of them comes to an end, what
one is told is so, and nothing is done twice."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import storage.aio
from tests.fault.alarms import Alarm, places

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
