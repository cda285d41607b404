"""`update` of a hot key by threads and tasks, and by one caller alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..crowds import Tasks, event_loop, threads
from ..load import Load
from ..race import UPDATES, Race
from ..report import Report, Target
from ..updates import TARGET_RATIO, alone, of_tasks, of_threads
from .settings import Settings

OFTEN = 1e-5
"""Seconds after which another thread may go on; Python's own 5 ms hide most of the races."""

ENTRIES, ALONE = 10_000, 1_000

_TARGET = Target(TARGET_RATIO)


def update(report: Report, chosen: Settings) -> None:
    """`update` of a hot key by threads and tasks, which must keep every change."""
    size, rounds = chosen.sizes[0], chosen.some(21)
    stores = {"memory": chosen.memory(), "SQLite": chosen.sqlite()}
    with threads() as crowd:
        each = f"{crowd.name} x {UPDATES // crowd.many}"
        for name, store in stores.items():
            race = Race(f"update hot, {name}, {each}", _TARGET)
            race.run(report, *of_threads(store, size, crowd), rounds)
        with _switching_often():
            race = Race(f"the same, memory, switching every {OFTEN * 1e6:.0f} us")
            race.run(report, *of_threads(stores["memory"], size, crowd), rounds)
    _tasks(report, chosen)
    for name, store in stores.items():
        alone(report, name, store, Load(size, ENTRIES, size.operations(ALONE)), rounds)
        store.close()


def _tasks(report: Report, chosen: Settings) -> None:
    """Both aio stores that need nothing installed."""
    stores = {"memory": chosen.aio_memory(), "SQLite": chosen.aio_sqlite()}
    with event_loop() as loop:
        crowd = Tasks(loop)
        each = f"{crowd.name} x {UPDATES // crowd.many}"
        for name, store in stores.items():
            race = Race(f"update hot, aio {name}, {each}", _TARGET)
            race.run(report, *of_tasks(store, chosen.sizes[0], crowd), chosen.some(15))
            crowd.wait_for(store.aclose())


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(OFTEN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
