"""Hits on Redis, one trip each: one limit, three limits, and refusals."""

from __future__ import annotations

from storage import Limit, RateLimiter

from ..harness import measure, ratios, typical
from ..load import named
from ..report import Case, Report, Row, Target, shown
from . import shares
from .bases import Trivial
from .beside import telegram
from .crowded import crowded
from .settings import ALGORITHMS, ENTRIES, Settings, limiter
from .sides import FULL, TEXT, Hit, check, full, hits

OPERATIONS, DENIALS, FLOODERS = 500, 20_000, 100

_ONE, _THREE, _KNOWN = Target(0.75), Target(1.0), Target(100, at_least=True)


_GCRA = [
    Limit(hits, per=per, algorithm="gcra")
    for hits, per in ((5_000, 1), (10_000, 60), (50_000, 3_600))
]


def trips(report: Report, chosen: Settings) -> None:
    """A hit on Redis and its whole answer against a trivial script by redis-py, on the wall."""
    base, again = Trivial(chosen.client()), Trivial(chosen.client())
    load, store = chosen.load(OPERATIONS), chosen.store()
    for name in ALGORITHMS:
        hit = full(limiter(store, name))
        case = _case(chosen, f"Redis hit, {name}", FULL, hit, _ONE, base, again)
        shares.run(report, chosen, case, chosen.rounds)
        check(load, name, hit)
    for name, hit, text in (
        ("three keys", telegram(store), "limiter.hit(chat=..., group=...)"),
        ("one key", full(RateLimiter(store, "5000/s, 10000/min, 50000/h")), FULL),
        ("one key, gcra", full(RateLimiter(store, *_GCRA)), FULL),
    ):
        law = f"Redis hit by three limits, {name}"
        case = _case(chosen, law, text, hit, _THREE, base, again)
        shares.run(report, chosen, case, chosen.rounds)
        check(load, name, hit)
    _refused(report, chosen, base)
    crowded(report, chosen)
    for one in (store, base, again):
        one.close()


def _case(
    chosen: Settings, law: str, text: str, hit: Hit, target: Target, base: Trivial, again: Trivial
) -> Case:
    load = chosen.load(OPERATIONS)
    return Case(
        law,
        hits(load, text, hit),
        hits(load, base.text, base.hit),
        target,
        hits(load, again.text, again.hit),
        clock="wall",
    )


def _refused(report: Report, chosen: Settings, base: Trivial) -> None:
    """What is refused: by the server, and from what is known here."""
    store, limit = chosen.store(), Limit(1, per=3600)
    asking, knowing = RateLimiter(store, limit, remember=0), RateLimiter(store, limit)
    asking.hit_many([named(place) for place in range(ENTRIES)])
    load, few = chosen.load(OPERATIONS), chosen.load(DENIALS, FLOODERS)
    variants = {
        "asked": hits(load, f"{TEXT}  # remember=0", asking.hit),
        "known": hits(few, TEXT, knowing.hit, before=knowing.hit),
        "read": hits(few, FULL, full(knowing), before=knowing.hit),
        "base": hits(load, base.text, base.hit),
    }
    samples = measure(variants, chosen.rounds)
    asked, known, trip = (samples[name] for name in ("asked", "known", "base"))
    read, least = typical(samples["read"]).wall, shown(ratios(trip, known, "wall"))
    texts = [variants[name].text for name in ("asked", "known")]
    rows = [
        Row(
            "Redis hit that is refused, asked",
            texts[0],
            base.text,
            ratios(asked, trip, "wall"),
            costs=(typical(asked), typical(trip)),
            notes=[f"on the wall; of the processor's time {shown(ratios(asked, trip))}"],
        ),
        Row(
            "Redis hit that is refused, known: faster",
            texts[1],
            texts[0],
            ratios(asked, known, "wall"),
            _KNOWN,
            (typical(known), typical(asked)),
            [
                f"base / ours, on the wall; of the trivial script {least}",
                f"{read * 1e6:.2f} us where the whole answer is read",
            ],
        ),
    ]
    for row in rows:
        report.add(row)
    store.close()
