"""Session continuity in SQLite and in memory; nobody is judged by it."""

from __future__ import annotations

from ..conversation.bases import RawDeque, RawSqlite
from ..conversation.rows import Rounds
from ..conversation.talk import LAST, Message
from ..crowds import Alone
from ..report import Report
from .settings import Settings
from .sides import Adapted, Plain, Side, adds, check, pages

OPERATIONS, READS = 200, 100
SIZES = (LAST, 1_000)


def sqlite(report: Report, chosen: Settings) -> None:
    """A message and the last 20 in SQLite, WAL NORMAL, beside one raw connection of the same."""
    ours = Adapted(chosen.in_a_file())
    raws = [RawSqlite(chosen.file(), "normal", 0) for _ in range(2)]
    base, again = (Plain(raw, raw.settle) for raw in raws)
    _compare(report, chosen, "SQLite", {"adapter": ours, "base": base, "again": again})
    for one in (ours, *raws):
        one.close()


def memory(report: Report, chosen: Settings) -> None:
    """A message and the last 20 in memory, beside a deque of JSON."""
    ours = Adapted(chosen.in_memory())
    base, again = (_deque() for _ in range(2))
    _compare(report, chosen, "memory", {"adapter": ours, "base": base, "again": again})
    ours.close()


def _deque() -> Plain:
    """A bounded deque that is emptied by filling it."""
    most = SIZES[-1] + OPERATIONS
    history = RawDeque(most)
    return Plain(history, history.clear)


def _compare(report: Report, chosen: Settings, where: str, sides: dict[str, Side]) -> None:
    for size in SIZES:
        variants = {name: adds(Alone(), side, size, OPERATIONS) for name, side in sides.items()}
        _rows(report, chosen, variants, f"{where} add_message, {size:,} stored")
        for side in sides.values():
            side.begin(size)
        expected: list[Message] = sides["base"].page()
        check(sides["adapter"].page(), expected)
        variants = {name: pages(Alone(), side, READS) for name, side in sides.items()}
        _rows(report, chosen, variants, f"{where} get_messages, 20 of {size:,}")
        for side in sides.values():
            side.end()


def _rows(report: Report, chosen: Settings, variants: dict, law: str) -> None:
    rounds = Rounds(report, variants, chosen.some(15), "cpu")
    rounds.row(law, "adapter", "base")
    rounds.against_itself(law, "again", "base")
