"""Conversations in SQLite, at both durabilities."""

from __future__ import annotations

from typing import Literal

from ..crowds import Alone
from ..report import Report, Target
from .bases import RawSqlite, RawSqliteTrimmed
from .history import Ours, appends, check, reads
from .rows import Rounds
from .settings import Settings
from .talk import SIZES, talk

OPERATIONS, READS = 500, 200
SYNCED = 30
"""So few where each of them waits for the disk."""

_RAW = Target(2.0)


def sqlite(report: Report, chosen: Settings) -> None:
    """An append and the last 20 in SQLite against one raw connection of the same durability."""
    for durability in ("normal", "full"):
        for size in SIZES:
            _pair(report, chosen, durability, size)


def _pair(
    report: Report, chosen: Settings, durability: Literal["normal", "full"], size: int
) -> None:
    store, one = chosen.sqlite(durability), Alone()
    ours, kinds = Ours(store, size), (RawSqlite, RawSqlite, RawSqliteTrimmed)
    base, again, by_hand = (kind(chosen.file(), durability, size) for kind in kinds)
    for side in (ours, base, again, by_hand):
        side.fill(talk(size))
    check("the last 20", ours.last(), base.last())
    about = f"{size:,} stored, WAL, {durability.upper()}"
    last = {
        "ours": reads(one, ours.last_text, ours.last, READS),
        "base": reads(one, base.last_text, base.last, READS),
        "again": reads(one, again.last_text, again.last, READS),
    }
    sides = {"ours": ours, "base": base, "again": again, "hand": by_hand}
    is_synced = durability == "full"
    operations, most = (SYNCED, 9) if is_synced else (OPERATIONS, 15)
    append = {name: appends(one, side, operations) for name, side in sides.items()}
    if not is_synced:  # a read does not wait for the disk
        _rows(Rounds(report, last, chosen.some(15), "cpu"), f"SQLite last 20, {about}")
    rounds = Rounds(report, append, chosen.some(most))
    _rows(rounds, f"SQLite append, {about}")
    rounds.row("... by hand, with the trim and the end", "hand", "base", whose="call")
    check("append", ours.last(), base.last())
    for side in (store, base, again, by_hand):
        side.close()


def _rows(rounds: Rounds, law: str) -> None:
    rounds.row(law, "ours", "base", _RAW)
    rounds.against_itself(law, "again", "base")
