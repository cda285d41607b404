"""`update` of a store against the loop that loses: get, change, set."""

from __future__ import annotations

from typing import Any

from storage import Storage, aio

from .crowds import Step, Tasks, Threads
from .load import Load, Size
from .race import HOT, UNSAFE_TEXT, UPDATE_TEXT, UPDATES, Racer, changed, changes
from .report import Case, Report

TARGET_RATIO = 1.05
"""What the safe way may cost, compared with the loop that loses."""


def of_threads(store: Storage[Any], size: Size, crowd: Threads) -> tuple[Racer, Racer, Racer]:
    """The safe way, the unsafe one, and that once more, by threads."""

    def safe() -> None:
        store.update(HOT, changed)

    def unsafe() -> None:
        store.set(HOT, changed(store.get(HOT)))

    def reset() -> None:
        store.set(HOT, size.record(0))

    def left() -> int:
        return changes(store.get(HOT))

    def racer(text: str, step: Step) -> Racer:
        return Racer(text, crowd.repeated(step, UPDATES), reset, left)

    return racer(UPDATE_TEXT, safe), racer(UNSAFE_TEXT, unsafe), racer(UNSAFE_TEXT, unsafe)


def of_tasks(store: aio.Storage[Any], size: Size, crowd: Tasks) -> tuple[Racer, Racer, Racer]:
    """The same by tasks."""

    async def safe() -> None:
        await store.update(HOT, changed)

    async def unsafe() -> None:
        await store.set(HOT, changed(await store.get(HOT)))

    def reset() -> None:
        crowd.wait_for(store.set(HOT, size.record(0)))

    def left() -> int:
        return changes(crowd.wait_for(store.get(HOT)))

    def racer(text: str, step: Step) -> Racer:
        return Racer(text, crowd.repeated(step, UPDATES), reset, left)

    lossy = "await store.set(key, change(await store.get(key)))"
    return racer(f"await {UPDATE_TEXT}", safe), racer(lossy, unsafe), racer(lossy, unsafe)


def alone(report: Report, name: str, store: Storage[Any], load: Load, rounds: int) -> None:
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
