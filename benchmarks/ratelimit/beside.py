"""Hits on Redis by us and by other libraries, each against the same trivial script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from storage import Limit, RateLimiter, Storage

from ..harness import Variant, measure, ratios, typical
from ..load import Load
from ..report import Report, Row, shown
from . import peers
from .bases import Trivial
from .peers.rate import Rate
from .settings import ALGORITHMS, Settings, limiter
from .sides import FULL, Side, check, full, hits, of

OPERATIONS = 300

RATES = {"all": Rate(30_000, 1), "chat": Rate(1_000, 1), "group": Rate(20_000, 60)}
"""What Telegram allows a bot, a thousand times over, so that all of it passes."""

EXACT = ("limits, moving window", "throttled-py, sliding window", "pyrate-limiter, log")
"""What each of them has that is most like a log."""


def beside(report: Report, chosen: Settings) -> None:
    """The same job by other libraries, on the wall; nobody is judged by it."""
    load, store, base = chosen.load(OPERATIONS), chosen.store(), Trivial(chosen.client())
    ours = [Side(f"storage, {name}", FULL, full(limiter(store, name))) for name in ALGORITHMS]
    theirs = peers.on_redis(report, chosen.url)
    _compare(report, chosen, load, base, [*ours, *theirs])
    three = [Side("storage, log", "limiter.hit(chat=..., group=...)", telegram(store))]
    three += _in_three_calls([side.name for side in theirs if side.name in EXACT], chosen.url)
    sides = [side._replace(name=f"three limits, {side.name}") for side in three]
    _compare(report, chosen, load, base, sides)
    for one in (store, base):
        one.close()


def telegram(store: Storage[Any]) -> Any:
    """A hit by three limits with keys of their own, and its whole answer."""
    limits = [
        Limit(rate.hits, per=rate.per, key="all" if name == "all" else f"{name}:{{{name}}}")
        for name, rate in RATES.items()
    ]
    hit = RateLimiter(store, *limits).hit

    def step(key: str) -> bool:
        verdict = hit(chat=key, group=key)
        _ = verdict.remaining, verdict.retry_after
        return verdict.allowed

    return step


def _in_three_calls(names: Iterable[str], url: str) -> list[Side]:
    """The others ask for one limit after the other, and spend the first when the last refuses."""
    rates = RATES.values()
    return [_in_turn([peers.named_on_redis(name, url, rate) for rate in rates]) for name in names]


def _in_turn(sides: Sequence[Side]) -> Side:
    whole, chat, group = (side.hit for side in sides)

    def hit(key: str) -> bool:
        return bool(whole("all") and chat(f"chat:{key}") and group(f"group:{key}"))

    return Side(sides[0].name, f"three times {sides[0].text}", hit)


def _compare(
    report: Report, chosen: Settings, load: Load, base: Trivial, sides: Sequence[Side]
) -> None:
    variants: dict[str, Variant] = {side.name: of(load, side) for side in sides}
    variants |= {name: hits(load, base.text, base.hit) for name in ("base", "again")}
    samples = measure(variants, chosen.some(15))
    for side in sides:
        check(load, side.name, side.hit)
        own, trip = samples[side.name], samples["base"]
        report.add(
            Row(
                side.name,
                side.text,
                base.text,
                ratios(own, trip, "wall"),
                costs=(typical(own), typical(trip)),
                notes=[f"on the wall; of the processor's time {shown(ratios(own, trip))}"],
                whose="call",
            )
        )
    report.against_itself(f"peers, {len(sides)} sides", samples["again"], samples["base"], "wall")
