"""Hits in memory."""

from __future__ import annotations

import storage

from ..harness import measure, ratios, typical
from ..report import Case, Report, Row, Target
from . import peers
from .bases import Counting
from .settings import ALGORITHMS, MANY, Settings, limiter
from .sides import FULL, TEXT, check, full, hits, of

OPERATIONS = 2_000

_HIT = Target(2.5)
_JUDGED = ("log", "window", "gcra")


def memory(report: Report, chosen: Settings) -> None:
    """A hit in memory against a dict behind a lock that counts and compares."""
    load = chosen.load(OPERATIONS)
    for name in ALGORITHMS:
        hit = limiter(storage.MemoryStorage(), name).hit
        base, again = Counting(MANY), Counting(MANY)
        case = Case(
            f"memory hit, {name}",
            hits(load, TEXT, hit),
            hits(load, base.text, base.hit),
            _HIT if name in _JUDGED else None,
            hits(load, again.text, again.hit),
        )
        report.run(case, chosen.rounds)
        check(load, name, hit)
    for name in _JUDGED:
        one, other = (limiter(storage.MemoryStorage(), name) for _ in range(2))
        base, fresh = Counting(MANY), Counting(MANY)
        read = hits(load, FULL, full(one)), hits(load, base.text, base.hit)
        new = (
            hits(load, "limiter.hit(new_key)", other.hit, new=True),
            hits(load, fresh.text, fresh.hit, new=True),
        )
        report.run(Case(f"memory hit, {name}, its answer read", *read), chosen.some(15))
        report.run(Case(f"memory hit, {name}, fresh keys", *new), chosen.some(15))
    _peers(report, chosen)


def _peers(report: Report, chosen: Settings) -> None:
    """Others' stores in memory against the same base."""
    load, base = chosen.load(OPERATIONS), Counting(MANY)
    sides = peers.in_memory(report)
    variants = {side.name: of(load, side) for side in sides}
    variants["base"] = hits(load, base.text, base.hit)
    samples = measure(variants, chosen.some(15))
    for side in sides:
        check(load, side.name, side.hit)
        both = samples[side.name], samples["base"]
        costs = typical(both[0]), typical(both[1])
        report.add(
            Row(
                f"memory, {side.name}",
                side.text,
                base.text,
                ratios(*both),
                None,
                costs,
                whose="call",
            )
        )
