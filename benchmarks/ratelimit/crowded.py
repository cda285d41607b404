"""Hits on Redis by many at once: tasks of a loop, and threads."""

from __future__ import annotations

from typing import Any

from storage import Limit, aio

from ..crowds import TASKS, Tasks, event_loop, threads
from ..report import Case, Report, Target
from . import shares
from .bases import AioTrivial, Trivial
from .settings import MANY, Settings, limiter
from .sides import FULL, aio_full, full

OPERATIONS = 500

_AT_ONCE, _THREADS = Target(0.25), Target(0.5)


def crowded(report: Report, chosen: Settings) -> None:
    """Hits by one task and by fifty, and by threads."""
    load, rounds = chosen.load(OPERATIONS), chosen.some(15)
    with event_loop() as loop:
        one = Tasks(loop, 1)
        store: aio.Storage[Any] = chosen.aio_store()
        step = aio_full(aio.RateLimiter(store, Limit(MANY, per=60)))
        base, again = (AioTrivial(chosen.aio_client()) for _ in range(2))
        for side in (base, again):
            one.wait_for(side.load())
        for many in (1, TASKS):
            crowd = Tasks(loop, many)
            case = Case(
                f"aio Redis hit, {crowd.name}",
                crowd.gets(load, FULL.replace("limiter", "await limiter"), step),
                crowd.gets(load, base.text, base.hit),
                _AT_ONCE if many == TASKS else None,
                again=crowd.gets(load, again.text, again.hit),
                clock="wall",
            )
            shares.run(report, chosen, case, rounds)
        for thing in (store, base, again):
            one.wait_for(thing.aclose())
    _threads(report, chosen)


def _threads(report: Report, chosen: Settings) -> None:
    load, store, base = chosen.load(OPERATIONS), chosen.store(), Trivial(chosen.client())
    with threads() as crowd:
        case = Case(
            f"Redis hit, {crowd.name}",
            crowd.gets(load, FULL, full(limiter(store, "log"))),
            crowd.gets(load, base.text, base.hit),
            _THREADS,
            clock="wall",
        )
        shares.run(report, chosen, case, chosen.some(15))
    store.close()
    base.close()
