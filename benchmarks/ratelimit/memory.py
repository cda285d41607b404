"""Hits in memory."""

from __future__ import annotations

from typing import NamedTuple

import storage
from storage import RateLimiter

from ..harness import measure, ratios, typical
from ..report import Case, Report, Row, Target
from . import peers
from .bases import Counting
from .settings import MANY, Settings, limiter
from .sides import FULL, TEXT, check, full, hits, of

OPERATIONS = 2_000

_HIT = Target(2.5)


class Kind(NamedTuple):
    """An *algorithm*, how it is called in the table, and in how many seconds its hits end."""

    name: str
    algorithm: str
    per: float = 60
    target: Target | None = None

    def limiter(self) -> RateLimiter:
        """Such a limiter."""
        return limiter(storage.MemoryStorage(), self.algorithm, MANY, self.per)


KINDS = (
    # What is in the log stays about the same: as many hits end as come.
    Kind("log, hits end as they come", "log", 0.02, _HIT),
    Kind("window", "window", target=_HIT),
    Kind("gcra", "gcra", target=_HIT),
    Kind("log that grows", "log"),
    Kind("aligned", "aligned"),
    Kind("counter", "counter"),
)


def memory(report: Report, chosen: Settings) -> None:
    """A hit in memory against a dict behind a lock that counts and compares."""
    load = chosen.load(OPERATIONS)
    for kind in KINDS:
        hit = kind.limiter().hit
        base, again = Counting(MANY), Counting(MANY)
        case = Case(
            f"memory hit, {kind.name}",
            hits(load, TEXT, hit),
            hits(load, base.text, base.hit),
            kind.target,
            hits(load, again.text, again.hit),
        )
        report.run(case, chosen.rounds)
        check(load, kind.name, hit)
    for kind in KINDS[:3]:
        _besides(report, chosen, kind)
    _peers(report, chosen)


def _besides(report: Report, chosen: Settings, kind: Kind) -> None:
    """What it costs to read all of an answer, and what to hit keys that are new."""
    load, base, fresh = chosen.load(OPERATIONS), Counting(MANY), Counting(MANY)
    read = Case(
        f"memory hit, {kind.name}, read",
        hits(load, FULL, full(kind.limiter())),
        hits(load, base.text, base.hit),
    )
    new = Case(
        f"memory hit, {kind.algorithm}, new keys",
        hits(load, "limiter.hit(new_key)", kind.limiter().hit, new=True),
        hits(load, fresh.text, fresh.hit, new=True),
    )
    for case in (read, new):
        report.run(case, chosen.some(15))


def _peers(report: Report, chosen: Settings) -> None:
    """The stores of others against the same base."""
    load, base = chosen.load(OPERATIONS), Counting(MANY)
    sides = peers.in_memory(report)
    variants = {side.name: of(load, side) for side in sides}
    variants["base"] = hits(load, base.text, base.hit)
    samples = measure(variants, chosen.some(15))
    for side in sides:
        check(load, side.name, side.hit)
        own, floor = samples[side.name], samples["base"]
        report.add(
            Row(
                f"memory, {side.name}",
                side.text,
                base.text,
                ratios(own, floor),
                costs=(typical(own), typical(floor)),
                whose="call",
            )
        )
