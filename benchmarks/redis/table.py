"""Who is how fast: a line for each, a column for each kind of call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..harness import Clock, Sample, ratios, typical
from ..report import Report

_NAME, _CELL = 34, 21


class Table:
    """Of ratios on the wall to the client called *base*, and below it of what both processes
    work, where that is known."""

    def __init__(self, title: str, base: str) -> None:
        self._title = title
        self._base = base
        self._columns: dict[str, Mapping[str, Sequence[Sample]]] = {}
        self._instead: dict[tuple[str, str], str] = {}
        self._names: dict[str, None] = {}

    def column(self, name: str, samples: Mapping[str, Sequence[Sample]]) -> None:
        """The *samples* of all who can do it."""
        self._columns[name] = samples
        self._names |= dict.fromkeys(samples)

    def instead(self, one: str, column: str, text: str) -> None:
        """Why there is no ratio."""
        self._instead[one, column] = text

    def print(self, report: Report) -> None:
        """All of it."""
        self._print(report, "wall", "on the wall")
        if all(typical(samples[self._base]).both for samples in self._columns.values()):
            self._print(report, "both", "of the processors' time, with the server's")

    def _print(self, report: Report, clock: Clock, words: str) -> None:
        report.say(f"\n{self._title}; {words}, {self._base} = 1")
        report.say(_spaced("", list(self._columns)))
        for one in self._names:
            report.say(_spaced(one, [self._cell(one, column, clock) for column in self._columns]))
        costs = [typical(samples[self._base]) for samples in self._columns.values()]
        times = [f"{getattr(cost, clock) * 1e6:.1f} us" for cost in costs]
        report.say(_spaced(f"{self._base}, a call", times))

    def _cell(self, one: str, column: str, clock: Clock) -> str:
        samples = self._columns[column]
        if one == self._base:
            return "1"
        if one not in samples:
            return self._instead.get((one, column), "")
        median, low, high = ratios(samples[one], samples[self._base], clock)
        return f"{median:.3f} ({low:.2f}..{high:.2f})"


def _spaced(name: str, cells: Sequence[str]) -> str:
    return f"{name:{_NAME}}{''.join(f'{cell:{_CELL}}' for cell in cells)}".rstrip()
