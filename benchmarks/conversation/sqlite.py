"""Conversations in SQLite, at both durabilities."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, NamedTuple

from ..crowds import Alone
from ..harness import Clock
from ..report import Case, Report, Target
from .bases import RawSqlite, RawSqliteTrimmed
from .history import Ours, appends, check, reads
from .rows import Rounds
from .settings import Settings
from .talk import SIZES, talk

OPERATIONS, READS = 500, 200
SYNCED = 50
"""So few where each of them waits for the disk."""

_RAW = Target(2.0)


def sqlite(report: Report, chosen: Settings) -> None:
    """An append and the last 20 in SQLite against one raw connection of the same durability."""
    for size in SIZES:
        with _sides(chosen, "normal", size) as sides:
            _last(report, chosen, sides, size)
            rounds = _appends(report, sides, OPERATIONS, chosen.some(15), "cpu")
            _tell(rounds, f"SQLite append, {size:,}, WAL NORMAL")
    for size in SIZES[1:]:
        with _sides(chosen, "full", size) as sides:
            rounds = _appends(report, sides, SYNCED, chosen.some(9), "wall")
            _tell(rounds, f"SQLite append, {size:,}, WAL FULL")


class Sides(NamedTuple):
    """Conversations that hold the same, each in a file of its own."""

    ours: Ours
    base: RawSqlite
    again: RawSqlite
    hand: RawSqlite


@contextmanager
def _sides(chosen: Settings, durability: Literal["normal", "full"], size: int) -> Iterator[Sides]:
    with ExitStack() as stack:
        store = stack.enter_context(chosen.sqlite(durability))
        kinds = (RawSqlite, RawSqlite, RawSqliteTrimmed)
        raws = [kind(chosen.file(), durability, size) for kind in kinds]
        for raw in raws:
            stack.callback(raw.close)
        sides = Sides(Ours(store, size), *raws)
        for side in sides:
            side.fill(talk(size))
        yield sides
        check("the last 20", sides.ours.last(), sides.base.last())


def _last(report: Report, chosen: Settings, sides: Sides, size: int) -> None:
    case = Case(
        f"SQLite last 20 of {size:,}",
        reads(Alone(), sides.ours.last_text, sides.ours.last, READS),
        reads(Alone(), sides.base.last_text, sides.base.last, READS),
        _RAW,
        reads(Alone(), sides.again.last_text, sides.again.last, READS),
    )
    report.run(case, chosen.some(15))


def _appends(report: Report, sides: Sides, operations: int, rounds: int, clock: Clock) -> Rounds:
    variants = {name: appends(Alone(), side, operations) for name, side in sides._asdict().items()}
    return Rounds(report, variants, rounds, clock)


def _tell(rounds: Rounds, law: str) -> None:
    rounds.row(law, "ours", "base", _RAW)
    rounds.row(f"{law}, by hand", "hand", "base", whose="call")
    rounds.against_itself(law, "again", "base")
