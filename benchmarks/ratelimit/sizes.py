"""What a server of Redis keeps, as it says itself, and whether a long log is slower."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from storage import RateLimiter

from ..harness import Spread
from ..load import named
from ..report import Case, Report, Row, Target
from . import peers
from .peers.rate import Rate
from .settings import ALGORITHMS, Settings, limiter
from .sides import FULL, TEXT, Hit, check, full, hits

KEY = named(0)
HOUR = 3600
SOME, SHORT, LONG = 200, 1_000, 70_000
AT_ONCE = 500

FEW_KEYS, FEW_HITS, FEW, MANY_HITS, OPERATIONS = 200, 50, 100, 60_000, 300

_A_HIT = Target(11, " B")


def sizes(report: Report, chosen: Settings) -> None:
    """What MEMORY USAGE says of a log for each hit and of others for each key; long logs."""
    store = chosen.store()
    with chosen.client() as client:
        for count, limit in ((SOME, SHORT), (SHORT, SHORT), (LONG, LONG)):
            log = limiter(store, "log", limit, HOUR)
            used = _bytes(client, partial(_fill, log, count))
            _tell(report, f"log, a hit, {count:,} of {limit:,}", TEXT, used / count, _A_HIT)
        for name in ALGORITHMS:
            one = limiter(store, name, SHORT, HOUR)
            used = _bytes(client, partial(_fill, one, SOME))
            _tell(report, f"{name}, a key, {SOME} of {SHORT:,}", TEXT, used)
        for side in peers.on_redis(report, chosen.url, Rate(SHORT, HOUR)):
            used = _bytes(client, partial(_repeat, side.hit, SOME))
            _tell(report, f"{side.name}, the same", side.text, used)
    _long(report, chosen)
    store.close()


def _tell(report: Report, law: str, text: str, used: float, target: Target | None = None) -> None:
    whose = "ours" if text == TEXT else "call"
    value = Spread(used, used, used)
    report.add(Row(law, text, "MEMORY USAGE", value, target, unit=" B", whose=whose))


def _bytes(client: Any, fill: Callable[[], object]) -> int:
    """What an empty server keeps after that, in all of its keys."""
    client.flushall()
    fill()
    return sum(client.memory_usage(name, samples=0) for name in client.scan_iter(count=1_000))


def _fill(limiter: RateLimiter, count: int, key: str = KEY) -> None:
    for start in range(0, count, AT_ONCE):
        verdicts = limiter.hit_many([key] * min(AT_ONCE, count - start))
        if not all(verdicts):
            raise RuntimeError(f"{count} hits did not pass")


def _repeat(hit: Hit, count: int) -> None:
    for _ in range(count):
        hit(KEY)


def _long(report: Report, chosen: Settings) -> None:
    """A hit of a log that is long against one of logs that are short."""
    store = chosen.store()
    long, short = limiter(store, "log", LONG, HOUR), limiter(store, "log", FEW, HOUR)
    _fill(long, MANY_HITS)
    for place in range(FEW_KEYS):
        _fill(short, FEW_HITS, named(place))
    one, few = chosen.load(OPERATIONS, 1), chosen.load(OPERATIONS, FEW_KEYS)
    rounds = chosen.some(9)
    case = Case(
        f"Redis hit, a log of {MANY_HITS:,} hits",
        hits(one, f"{FULL}, {LONG:,} an hour", full(long)),
        hits(few, f"{FULL}, {FEW} an hour", full(short)),
        clock="wall",
    )
    report.run(case, rounds)
    for load, log in ((one, long), (few, short)):
        check(load, "a log", log.hit)
    store.close()
