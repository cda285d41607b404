"""Other libraries for rate limits, as they come; `tox -e benchmarks` installs them.

What is not installed is left out, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ...report import Report
from ..settings import MANY
from ..sides import Side
from . import of_limits, of_pyrate, of_throttled
from .rate import Rate

ON_REDIS: Mapping[str, Callable[[str, Rate], list[Side]]] = {
    "limits": of_limits.on_redis,
    "throttled-py": of_throttled.on_redis,
    "pyrate-limiter": of_pyrate.on_redis,
}
IN_MEMORY: Mapping[str, Callable[[Rate], list[Side]]] = {
    "limits": of_limits.in_memory,
    "throttled-py": of_throttled.in_memory,
    "pyrate-limiter": of_pyrate.in_memory,
}

PASSES = Rate(MANY, 60)


def on_redis(report: Report, url: str, rate: Rate = PASSES) -> list[Side]:
    """All on the server at *url*; *report* is told what is missing."""
    return _there(report, {name: partial(make, url, rate) for name, make in ON_REDIS.items()})


def in_memory(report: Report, rate: Rate = PASSES) -> list[Side]:
    """All that keep their hits in memory."""
    return _there(report, {name: partial(make, rate) for name, make in IN_MEMORY.items()})


def named_on_redis(name: str, url: str, rate: Rate) -> Side:
    """The one of that *name* on the server at *url*."""
    library, _, _ = name.partition(",")
    return next(side for side in ON_REDIS[library](url, rate) if side.name == name)


def _there(report: Report, makers: Mapping[str, Callable[[], list[Side]]]) -> list[Side]:
    sides = []
    for name, make in makers.items():
        try:
            sides += make()
        except ImportError as error:
            report.say(f"    {name} is left out: {error}")
    return sides
