"""Hits in SQLite."""

from __future__ import annotations

from ..report import Case, Report, Target
from .bases import Upsert
from .settings import ALGORITHMS, Settings, limiter
from .sides import TEXT, check, hits

OPERATIONS = 1_000

_HIT = Target(1.5)


def sqlite(report: Report, chosen: Settings) -> None:
    """A hit in SQLite against an upsert of one such row by raw sqlite3, in autocommit mode."""
    load = chosen.load(OPERATIONS)
    for name in ALGORITHMS:
        store = chosen.sqlite()
        hit = limiter(store, name).hit
        base, again = Upsert(chosen.file()), Upsert(chosen.file())
        case = Case(
            f"SQLite hit, {name}",
            hits(load, TEXT, hit),
            hits(load, base.text, base.hit),
            _HIT,
            hits(load, again.text, again.hit),
        )
        report.run(case, chosen.some(15))
        check(load, name, hit)
        for one in (store, base, again):
            one.close()
