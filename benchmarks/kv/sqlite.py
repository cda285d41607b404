"""SQLite against the `sqlite3` module: single calls, the default journal, batches."""

from __future__ import annotations

from typing import Any

from storage import Storage

from ..harness import measure, ratios, typical
from ..load import BATCH, Load, Size
from ..report import Case, Report, Row, Target, shown
from .bases import DEFAULT_TTL, RawSqlite
from .settings import Settings

ENTRIES = 10_000
OPERATIONS = 2_000
"""Enough that every round has its share of checkpoints."""

BATCHES = 20
UNTUNED = 30

_GET, _SET, _BATCH = Target(1.35), Target(1.25), Target(1.3)
_DEFAULT_JOURNAL = Target(50, at_least=True)


def sqlite(report: Report, chosen: Settings) -> None:
    """A SQLite store against one raw connection with WAL, NORMAL and constant statements."""
    for size in chosen.sizes:
        for ttl in (None, DEFAULT_TTL):
            _single(report, chosen, size, ttl)
    size = chosen.sizes[0]
    _untuned(report, chosen, size)
    _batches(report, chosen, size)


def _single(report: Report, chosen: Settings, size: Size, ttl: float | None) -> None:
    load = Load(size, ENTRIES, size.operations(OPERATIONS))
    store = chosen.sqlite(ttl)
    base, again, plain = (
        RawSqlite(chosen.file(), chosen.codec, ttl, index=index) for index in (True, True, False)
    )
    store.set_many(dict(load.strangers(0)))
    for one in (store, base, again, plain):
        load.fill_many(one.set_many)
    about = f"{'with' if ttl else 'no'} ttl, {size.name}"
    rounds = chosen.some(15)
    report.run(_get(f"SQLite get, {about}", load, store, base, again), rounds)
    beside = [plain] if ttl else []
    report.run(_set(f"SQLite set, {about}", load, store, base, again, beside), rounds)
    for one in (store, base, again, plain):
        one.close()


def _get(law: str, load: Load, store: Storage[Any], base: RawSqlite, again: RawSqlite) -> Case:
    return Case(
        law,
        load.gets("store.get(key)", store.get),
        load.gets(base.get_text, base.get),
        _GET,
        load.gets(again.get_text, again.get),
    )


def _set(
    law: str,
    load: Load,
    store: Storage[Any],
    base: RawSqlite,
    again: RawSqlite,
    plain: list[RawSqlite],
) -> Case:
    return Case(
        law,
        load.sets("store.set(key, value)", store.set),
        load.sets(base.set_text, base.set),
        _SET,
        load.sets(again.set_text, again.set),
        [load.sets(f"no index on expires_at: {one.set_text}", one.set) for one in plain],
    )


def _untuned(report: Report, chosen: Settings, size: Size) -> None:
    """The wall is what counts here: the default journal waits for the disk."""
    load, few = Load(size, ENTRIES, OPERATIONS), Load(size, ENTRIES, UNTUNED)
    store = chosen.sqlite()
    tuned, base = (RawSqlite(chosen.file(), chosen.codec, tuned=tuned) for tuned in (True, False))
    for one in (store, tuned, base):
        load.fill_many(one.set_many)
    variants = {
        "ours": load.sets("store.set(key, value)", store.set),
        "tuned": load.sets(base.set_text, tuned.set),
        "base": few.sets(f"the default journal (DELETE, FULL): {base.set_text}", base.set),
    }
    samples = measure(variants, chosen.some(15))
    hand = shown(ratios(samples["base"], samples["tuned"], "wall"))
    report.add(
        Row(
            "SQLite set, faster than the default journal",
            variants["ours"].text,
            variants["base"].text,
            ratios(samples["base"], samples["ours"], "wall"),
            _DEFAULT_JOURNAL,
            (typical(samples["ours"]), typical(samples["base"])),
            [f"base / ours, on the wall; raw sqlite3 with WAL and NORMAL reaches {hand} here"],
        )
    )
    for one in (store, tuned, base):
        one.close()


def _batches(report: Report, chosen: Settings, size: Size) -> None:
    load = Load(size, ENTRIES, BATCH * BATCHES)
    store = chosen.sqlite()
    base, again = (RawSqlite(chosen.file(), chosen.codec) for _ in range(2))
    for one in (store, base, again):
        load.fill_many(one.set_many)
    rounds = chosen.some(15)
    report.run(
        Case(
            f"SQLite batch set of {BATCH}, per entry, {size.name}",
            load.sets_many("store.set_many(100 values)", store.set_many),
            load.sets_many(base.many_text, base.set_many),
            _BATCH,
            load.sets_many(again.many_text, again.set_many),
        ),
        rounds,
    )
    report.run(
        Case(
            f"SQLite batch get of {BATCH}, per entry, {size.name}",
            load.gets_many("store.get_many(100 keys)", store.get_many),
            load.gets_many(base.many_get_text, base.get_many),
        ),
        rounds,
    )
    for one in (store, base, again):
        one.close()
