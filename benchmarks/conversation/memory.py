"""Conversations in memory."""

from __future__ import annotations

import storage

from ..crowds import Alone
from ..report import Case, Report
from .bases import RawDeque
from .history import Ours, appends, check, reads
from .settings import Settings
from .talk import SIZES, talk

OPERATIONS, READS = 1_000, 500


def memory(report: Report, chosen: Settings) -> None:
    """An append and the last 20 in memory, beside a bounded deque of JSON; nobody is judged."""
    one = Alone()
    for size in SIZES:
        ours, base, again = Ours(storage.MemoryStorage(), size), RawDeque(size), RawDeque(size)
        for side in (ours, base, again):
            side.fill(talk(size))
        check("the last 20", ours.last(), base.last())
        append = Case(
            f"memory append, {size:,} stored",
            appends(one, ours, OPERATIONS),
            appends(one, base, OPERATIONS),
            again=appends(one, again, OPERATIONS),
        )
        last = Case(
            f"memory last 20 of {size:,}",
            reads(one, ours.last_text, ours.last, READS),
            reads(one, base.last_text, base.last, READS),
        )
        for case in (append, last):
            report.run(case, chosen.some(15))
        check("append", ours.last(), base.last())
