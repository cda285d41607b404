"""One key a call, asyncio: one task, and fifty of a loop."""

from __future__ import annotations

from typing import Any

from storage import aio

from ..crowds import TASKS, Tasks, event_loop
from ..load import Load
from ..report import Case, Report
from .bases import RawAioRedis
from .settings import Settings

ENTRIES, OPERATIONS = 1_000, 1_000


def tasks(report: Report, chosen: Settings) -> None:
    """An aio Redis store against redis-py's asyncio client and the same codec."""
    with event_loop() as loop:
        for size in chosen.sizes:
            load = Load(size, ENTRIES, size.operations(OPERATIONS))
            store = chosen.aio_store()
            base, again = (RawAioRedis(chosen.aio_client(), chosen.codec) for _ in range(2))
            for many in (1, TASKS):
                crowd = Tasks(loop, many)
                for case in _cases(load, store, base, again, crowd):
                    report.run(case, chosen.some(15))
            for one in (store, base, again):
                loop.run_until_complete(one.aclose())


def _cases(
    load: Load, store: aio.Storage[Any], base: RawAioRedis, again: RawAioRedis, crowd: Tasks
) -> list[Case]:
    get = Case(
        f"aio Redis get, {crowd.name}, {load.size.name}",
        crowd.gets(load, "await store.get(key)", store.get),
        crowd.gets(load, base.get_text, base.get),
        again=crowd.gets(load, again.get_text, again.get),
    )
    set = Case(
        f"aio Redis set, {crowd.name}, {load.size.name}",
        crowd.sets(load, "await store.set(key, value)", store.set),
        crowd.sets(load, base.set_text, base.set),
        again=crowd.sets(load, again.set_text, again.set),
    )
    return [set, get]
