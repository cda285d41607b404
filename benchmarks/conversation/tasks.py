"""Conversations on Redis by one task of a loop, and by fifty."""

from __future__ import annotations

from ..crowds import TASKS, Tasks, event_loop
from ..report import Case, Report, Target
from .bases import RawAioList, RawList
from .history import AioOurs, Ours, appends, check, reads
from .settings import Settings
from .talk import SIZES, talk

OPERATIONS, READS = 200, 100

_OWN = Target(1.3)


def tasks(report: Report, chosen: Settings) -> None:
    """An append and the last 20 against redis.asyncio's own RPUSH and LRANGE, on the wall."""
    _fill(chosen)
    with event_loop() as loop:
        one = Tasks(loop, 1)
        store, clients = chosen.aio_store(), [chosen.aio_client() for _ in range(2)]
        for size in SIZES[1:]:
            mine = AioOurs(store, size)
            raw, more = (RawAioList(client, f"base:{size}", size) for client in clients)
            check("the last 20", one.wait_for(mine.last()), one.wait_for(raw.last()))
            for crowd in (one, Tasks(loop, TASKS)):
                _pair(report, chosen, crowd, size, mine, raw, more)
        for thing in (store, *clients):
            one.wait_for(thing.aclose())


def _fill(chosen: Settings) -> None:
    chosen.empty()
    store, client = chosen.store(), chosen.client()
    for size in SIZES[1:]:
        for one in (Ours(store, size), RawList(client, f"base:{size}", size)):
            one.fill(talk(size))
    for thing in (store, client):
        thing.close()


def _pair(
    report: Report,
    chosen: Settings,
    crowd: Tasks,
    size: int,
    mine: AioOurs,
    raw: RawAioList,
    more: RawAioList,
) -> None:
    target = _OWN if crowd.many == 1 else None
    last = Case(
        f"aio Redis last 20 of {size:,}, {crowd.name}",
        reads(crowd, mine.last_text, mine.last, READS),
        reads(crowd, raw.last_text, raw.last, READS),
        target,
        reads(crowd, more.last_text, more.last, READS),
        clock="wall",
    )
    append = Case(
        f"aio Redis append, {size:,} stored, {crowd.name}",
        appends(crowd, mine, OPERATIONS),
        appends(crowd, raw, OPERATIONS),
        target,
        appends(crowd, more, OPERATIONS),
        clock="wall",
    )
    for case in (last, append):
        report.run(case, chosen.some(15))
