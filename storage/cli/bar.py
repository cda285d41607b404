"""How far a command has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from ..core.reports import Report
from ..store import Storage

_WIDTH = 30
_SECONDS = 0.1
_COUNTING = 1.0


class Bar:
    """A line on a terminal that is drawn over and over, and nothing where *out* is none.

    It is full at *total* entries; where that is not known they are counted, or whatever the *noun*
    is.
    """

    def __init__(
        self, total: int | None = None, out: TextIO | None = None, *, noun: str = "entries"
    ) -> None:
        self.noun: str = noun
        self._out = sys.stderr if out is None else out
        self._total = total
        self._due = 0.0
        self._drawn = 0
        self.report: Report = Report()

    def show(self, report: Report) -> None:
        """Draw how far *report* has come, not too often."""
        self.report = report
        now = time.monotonic()
        if not self._out.isatty() or now < self._due:
            return
        self._due = now + _SECONDS
        self._draw(self._line(report.looked_at + report.elsewhere + report.compared))

    def clear(self) -> None:
        """Leave an empty line to write on."""
        if self._drawn:
            self._draw("")
            self._out.write("\r")
            self._out.flush()
            self._drawn = 0

    def _line(self, done: int) -> str:
        if not self._total:
            return f"{done} {self.noun}"
        part = min(done / self._total, 1.0)
        full = int(part * _WIDTH)
        return f"[{'#' * full}{'.' * (_WIDTH - full)}] {part:4.0%}  {done} of {self._total} entries"

    def _draw(self, line: str) -> None:
        self._out.write(f"\r{line:{self._drawn}}")
        self._out.flush()
        self._drawn = len(line)


def counted(store: Storage[Any], clock: Callable[[], float] = time.monotonic) -> int | None:
    """How many entries *store* has, for a bar; `None` where nobody looks or it takes too long."""
    if not sys.stderr.isatty():
        return None
    until = clock() + _COUNTING
    names, cursor = store._layers.names, None
    count = 0
    while clock() < until:
        page = store._backend.page(names.prefix, cursor, False)
        count += sum(names.parted(name) is not None for name in page.names)
        cursor = page.cursor
        if cursor is None:
            return count
    return None
