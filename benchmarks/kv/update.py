"""`update` against the loop that loses: get, change, set. Threads, and one caller alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

from storage import Storage

from ..report import Case, Report, Target
from .load import Load, Size
from .race import HOT, UNSAFE_TEXT, UPDATE_TEXT, UPDATES, Race, Racer, changed
from .settings import Settings
from .tasks import tasks

THREADS = 8
EACH = UPDATES // THREADS
OFTEN = 1e-5
"""Seconds after which another thread may go on; Python's own 5 ms hide most of the races."""

ENTRIES, ALONE = 10_000, 1_000

_TARGET = Target(1.05)


def update(report: Report, chosen: Settings) -> None:
    """`update` of a hot key by threads and tasks, which must keep every change."""
    size, rounds = chosen.sizes[0], chosen.some(21)
    stores = {"memory": chosen.memory(), "SQLite": chosen.sqlite()}
    with ThreadPoolExecutor(THREADS) as pool:
        for name, store in stores.items():
            race = Race(f"update hot, {name}, {THREADS} threads x {EACH}", _TARGET)
            race.run(report, *_racers(store, size, pool), rounds)
        with _switching_often():
            race = Race(f"the same, memory, switching every {OFTEN * 1e6:.0f} us", None)
            race.run(report, *_racers(stores["memory"], size, pool), rounds)
    tasks(report, chosen)
    for name, store in stores.items():
        _alone(report, name, store, Load(size, ENTRIES, size.operations(ALONE)), rounds)
        store.close()


def _racers(store: Storage[Any], size: Size, pool: ThreadPoolExecutor) -> tuple[Racer, Racer]:
    def safe() -> None:
        store.update(HOT, changed)

    def unsafe() -> None:
        store.set(HOT, changed(store.get(HOT)))

    def racer(text: str, step: Callable[[], None]) -> Racer:
        def reset() -> None:
            store.set(HOT, size.record(0))

        return Racer(text, lambda: _in_threads(pool, step), reset, lambda: store.get(HOT))

    return racer(UPDATE_TEXT, safe), racer(UNSAFE_TEXT, unsafe)


def _in_threads(pool: ThreadPoolExecutor, step: Callable[[], None]) -> None:
    barrier = Barrier(THREADS)

    def job() -> None:
        barrier.wait()
        for _ in range(EACH):
            step()

    for future in [pool.submit(job) for _ in range(THREADS)]:
        future.result()


def _alone(report: Report, name: str, store: Storage[Any], load: Load, rounds: int) -> None:
    """One caller: what `update` costs when nobody else wants the key."""
    load.fill(store.set)
    store.set(HOT, load.size.record(0))

    def safe(key: str) -> None:
        store.update(key, changed)

    def unsafe(key: str) -> None:
        store.set(key, changed(store.get(key)))

    cold = Case(
        f"update cold, {name}, one caller",
        load.gets(UPDATE_TEXT, safe),
        load.gets(UNSAFE_TEXT, unsafe),
    )
    hot = Case(
        f"update hot, {name}, one caller",
        load.gets(UPDATE_TEXT, lambda key: safe(HOT)),
        load.gets(UNSAFE_TEXT, lambda key: unsafe(HOT)),
    )
    for case in (cold, hot):
        report.run(case, rounds)


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(OFTEN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
