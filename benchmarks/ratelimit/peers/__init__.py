"""Other libraries for rate limits, as they come; `tox -e benchmarks` installs them.

What is not installed is left out, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ...report import Report
from ..settings import MANY
from ..sides import Side
from . import of_limits, of_pyrate, of_throttled
from .rate import Rate

ON_REDIS: Sequence[Callable[[str, Rate], list[Side]]] = (
    of_limits.on_redis,
    of_throttled.on_redis,
    of_pyrate.on_redis,
)
IN_MEMORY: Sequence[Callable[[Rate], list[Side]]] = (
    of_limits.in_memory,
    of_throttled.in_memory,
    of_pyrate.in_memory,
)

PASSES = Rate(MANY, 60)


def on_redis(report: Report | None, url: str, rate: Rate = PASSES) -> list[Side]:
    """All on the server at *url*; *report* is told what is missing."""
    return _there(report, [partial(make, url, rate) for make in ON_REDIS])


def in_memory(report: Report, rate: Rate = PASSES) -> list[Side]:
    """All that keep their hits in memory."""
    return _there(report, [partial(make, rate) for make in IN_MEMORY])


def _there(report: Report | None, makers: Sequence[Callable[[], list[Side]]]) -> list[Side]:
    sides = []
    for make in makers:
        try:
            sides += make()
        except ImportError as error:
            if report is not None:
                report.say(f"    left out: {error}")
    return sides
