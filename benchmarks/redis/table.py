"""Who is how fast: a line for each, a column for each kind of call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..harness import Sample, ratios, typical
from ..report import Report

_NAME, _CELL = 34, 21


class Table:
    """Of ratios on the wall to the client called *base*."""

    def __init__(self, title: str, base: str) -> None:
        self._title = title
        self._base = base
        self._columns: list[str] = []
        self._lines: dict[str, dict[str, str]] = {}
        self._times: dict[str, str] = {}

    def column(self, name: str, samples: Mapping[str, Sequence[Sample]]) -> None:
        """The *samples* of all who can do it."""
        self._columns.append(name)
        base = samples[self._base]
        for one, own in samples.items():
            median, low, high = ratios(own, base, "wall")
            spread = f"{median:.3f} ({low:.2f}..{high:.2f})"
            self._line(one)[name] = "1" if one == self._base else spread
        self._times[name] = f"{typical(base).wall * 1e6:.1f} us"

    def instead(self, one: str, column: str, text: str) -> None:
        """Why there is no ratio."""
        self._line(one)[column] = text

    def print(self, report: Report) -> None:
        """All of it."""
        report.say(f"\n{self._title}; on the wall, {self._base} = 1")
        report.say(_spaced("", self._columns))
        for one, cells in self._lines.items():
            report.say(_spaced(one, [cells.get(column, "") for column in self._columns]))
        report.say(
            _spaced(f"{self._base}, a call", [self._times[column] for column in self._columns])
        )

    def _line(self, one: str) -> dict[str, str]:
        return self._lines.setdefault(one, {})


def _spaced(name: str, cells: Sequence[str]) -> str:
    return f"{name:{_NAME}}{''.join(f'{cell:{_CELL}}' for cell in cells)}".rstrip()
