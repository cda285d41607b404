"""`update` of a hot key by many tasks, against the loop that loses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from storage import aio

from ..report import Report, Target
from .load import Size
from .race import HOT, UPDATES, Race, Racer, changed
from .settings import Settings

TASKS = 50
EACH = UPDATES // TASKS

_TARGET = Target(1.05)

Step = Callable[[], Awaitable[object]]


def tasks(report: Report, chosen: Settings) -> None:
    """Both aio stores that need nothing installed."""
    loop = asyncio.new_event_loop()
    stores = {"memory": chosen.aio_memory(), "SQLite": chosen.aio_sqlite()}
    for name, store in stores.items():
        race = Race(f"update hot, aio {name}, {TASKS} tasks x {EACH}", _TARGET)
        race.run(report, *_racers(store, chosen.sizes[0], loop), chosen.some(15))
        loop.run_until_complete(store.aclose())
    loop.close()


def _racers(
    store: aio.Storage[Any], size: Size, loop: asyncio.AbstractEventLoop
) -> tuple[Racer, Racer]:
    async def safe() -> None:
        await store.update(HOT, changed)

    async def unsafe() -> None:
        await store.set(HOT, changed(await store.get(HOT)))

    def racer(text: str, step: Step) -> Racer:
        return Racer(
            text,
            lambda: loop.run_until_complete(_in_tasks(step)),
            lambda: loop.run_until_complete(store.set(HOT, size.record(0))),
            lambda: loop.run_until_complete(store.get(HOT)),
        )

    return (
        racer("await store.update(key, change)", safe),
        racer("await store.set(key, change(await store.get(key)))", unsafe),
    )


async def _in_tasks(step: Step) -> None:
    async def job() -> None:
        for _ in range(EACH):
            await step()

    await asyncio.gather(*(job() for _ in range(TASKS)))
