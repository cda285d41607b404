"""`update` of a store against the loop that loses: get, change, set."""

from __future__ import annotations

from typing import Any

from storage import Storage, aio

from .crowds import Tasks, Threads
from .load import Load, Size
from .race import HOT, UNSAFE_TEXT, UPDATE_TEXT, UPDATES, Racer, changed, changes
from .report import Case, Report

TARGET_RATIO = 1.05
"""What the safe way may cost, compared with the loop that loses."""


def of_threads(store: Storage[Any], size: Size, crowd: Threads) -> tuple[Racer, Racer]:
    """The safe and the unsafe way, by threads."""

    def safe() -> None:
        store.update(HOT, changed)

    def unsafe() -> None:
        store.set(HOT, changed(store.get(HOT)))

    def reset() -> None:
        store.set(HOT, size.record(0))

    def left() -> int:
        return changes(store.get(HOT))

    return (
        Racer(UPDATE_TEXT, crowd.repeated(safe, UPDATES), reset, left),
        Racer(UNSAFE_TEXT, crowd.repeated(unsafe, UPDATES), reset, left),
    )


def of_tasks(store: aio.Storage[Any], size: Size, crowd: Tasks) -> tuple[Racer, Racer]:
    """The safe and the unsafe way, by tasks."""

    async def safe() -> None:
        await store.update(HOT, changed)

    async def unsafe() -> None:
        await store.set(HOT, changed(await store.get(HOT)))

    def reset() -> None:
        crowd.wait_for(store.set(HOT, size.record(0)))

    def left() -> int:
        return changes(crowd.wait_for(store.get(HOT)))

    text = "await store.set(key, change(await store.get(key)))"
    return (
        Racer(f"await {UPDATE_TEXT}", crowd.repeated(safe, UPDATES), reset, left),
        Racer(text, crowd.repeated(unsafe, UPDATES), reset, left),
    )


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
