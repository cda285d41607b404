"""SQLite in asyncio against aiosqlite: one task, and fifty that share hops and commits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from storage import SqliteStorage, aio
from storage.offers import Joining

from ..crowds import TASKS, Tasks, event_loop
from ..harness import measure, ratios, typical
from ..load import Load, Size
from ..report import Case, Report, Row, Target, shown
from .bases import RawAioSqlite
from .settings import Settings

ENTRIES, OPERATIONS = 10_000, 2_000

_GET, _SET = Target(0.9), Target(0.65)


def sqlite_asyncio(report: Report, chosen: Settings) -> None:
    """An asyncio SQLite store against aiosqlite with WAL, NORMAL and constant statements."""
    with event_loop() as loop:
        for size in chosen.sizes:
            try:
                _beside_aiosqlite(report, chosen, size, Tasks(loop))
            except ImportError as error:
                report.say(f"    left out: {error}")
                break
        _grouped(report, chosen, chosen.sizes[0], Tasks(loop))


def _beside_aiosqlite(report: Report, chosen: Settings, size: Size, crowd: Tasks) -> None:
    load = Load(size, ENTRIES, size.operations(OPERATIONS))
    store = chosen.aio_sqlite()
    base, again, usual = (
        crowd.wait_for(RawAioSqlite.opened(chosen.file(), chosen.codec, commits=commits))
        for commits in (False, False, True)
    )
    for one in (store, base, again, usual):
        _fill(load, crowd, one.set_many)
    for many in (TASKS, 1):
        some = Tasks(crowd.loop, many)
        about = f"{some.name}, {size.name}"
        sets = Case(
            f"aio SQLite set, {about}",
            some.sets(load, "await store.set(key, value)", store.set),
            some.sets(load, base.set_text, base.set),
            _SET if many > 1 else None,
            some.sets(load, again.set_text, again.set),
            [some.sets(load, usual.commit_text, usual.set)],
        )
        gets = Case(
            f"aio SQLite get, {about}",
            some.gets(load, "await store.get(key)", store.get),
            some.gets(load, base.get_text, base.get),
            _GET if many > 1 else None,
            some.gets(load, again.get_text, again.get),
            [some.gets(load, usual.cursor_text, usual.get_by_cursor)],
        )
        for case in (sets, gets):
            _on_both_clocks(report, case, chosen.some(15))
    for one in (store, base, again, usual):
        crowd.wait_for(one.aclose())


def _on_both_clocks(report: Report, case: Case, rounds: int) -> None:
    samples = report.run(case, rounds)
    ours, base = samples["ours"], samples["base"]
    report.add(
        Row(
            f"{case.law}, wall",
            case.ours.text,
            case.base.text,
            ratios(ours, base, "wall"),
            case.target,
            (typical(ours), typical(base)),
        )
    )


def _grouped(report: Report, chosen: Settings, size: Size, crowd: Tasks) -> None:
    """What it is worth that writers share a commit, beside a hop for all of them."""
    load = Load(size, ENTRIES, size.operations(OPERATIONS))
    for durability in ("normal", "full"):
        stores = [chosen.aio_sqlite(durability), _apart(chosen, durability)]
        for one in stores:
            _fill(load, crowd, one.set_many)
        texts = ("await store.set(key, value)", "the same, each with a commit of its own")
        named = {
            name: crowd.sets(load, text, store.set)
            for name, text, store in zip(("ours", "base"), texts, stores)
        }
        samples = measure(named, chosen.some(15))
        ours, base = samples["ours"], samples["base"]
        report.add(
            Row(
                f"aio SQLite set, {durability.upper()}, grouped, {crowd.name}",
                *texts,
                ratios(ours, base, "wall"),
                costs=(typical(ours), typical(base)),
                notes=[f"on the wall; of the processor's time {shown(ratios(ours, base))}"],
            )
        )
        for one in stores:
            crowd.wait_for(one.aclose())


class _Apart:
    """*backend*, which lets nobody share a commit."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def room(self, kind: object, names: Any) -> Any:
        return None if kind is Joining else self._backend.room(kind, names)


def _apart(chosen: Settings, durability: Any) -> aio.Storage[Any]:
    blocking = SqliteStorage(chosen.file(), durability=durability, codec=chosen.codec)
    return aio.Storage(aio.lift(_Apart(blocking._backend._room)), codec=chosen.codec)


def _fill(
    load: Load, crowd: Tasks, set_many: Callable[[Mapping[str, Any]], Awaitable[object]]
) -> None:
    load.fill_many(lambda values: crowd.wait_for(set_many(values)))
