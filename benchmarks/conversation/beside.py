"""The same job by other libraries, each against the same raw calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import storage
from storage import aio

from ..crowds import Alone, Crowd, Tasks, event_loop
from ..report import Report
from . import peers
from .bases import RawAioList, RawList, RawSqlite
from .history import AioOurs, History, Ours, appends, check, reads
from .rows import Rounds
from .settings import Settings
from .talk import SIZES, message, talk

OPERATIONS = 100
TASKS = "tasks"
ROUND_SECONDS, LONGEST_SECONDS = 0.1, 0.5
"""How long a round of one side lasts, and how long a call may take that is made again."""

Sides = dict[str, History]


def beside(report: Report, chosen: Settings) -> None:
    """Others that keep a conversation, on the wall; nobody is judged by it."""
    chosen.empty()
    with event_loop() as loop:
        one = Tasks(loop, 1)
        for size in SIZES:
            _blocking(report, chosen, size)
            _for_tasks(report, chosen, one, size)
            _in_sqlite(report, chosen, one, size)


def _blocking(report: Report, chosen: Settings, size: int) -> None:
    store, client, crowd = chosen.store(), chosen.client(), Alone()
    ours, base = Ours(store, size), RawList(client, f"base:{size}", size)
    theirs = peers.on_redis(report, chosen, size)
    for side in (ours, base, *(peer.history for peer in theirs)):
        side.fill(talk(size))
    sides: Sides = {"storage, Redis": ours} | {peer.name: peer.history for peer in theirs}
    _compare(report, chosen, crowd, sides, base, size, crowd)
    for thing in (store, client, *theirs):
        thing.close()


def _for_tasks(report: Report, chosen: Settings, crowd: Tasks, size: int) -> None:
    _fill(chosen, size)
    store, client = chosen.aio_store(), chosen.aio_client()
    theirs = peers.aio_on_redis(report, chosen, size)
    for peer in theirs:
        crowd.wait_for(peer.history.fill(talk(size)))
    sides: Sides = {"storage, aio Redis": AioOurs(store, size, TASKS)}
    sides |= {peer.name: peer.history for peer in theirs}
    base = RawAioList(client, f"{TASKS}:base:{size}", size)
    _compare(report, chosen, crowd, sides, base, size, crowd)
    for peer in theirs:
        crowd.wait_for(peer.close())
    for thing in (store, client):
        crowd.wait_for(thing.aclose())


def _fill(chosen: Settings, size: int) -> None:
    """What tasks will find."""
    with chosen.store() as store, chosen.client() as client:
        for one in (Ours(store, size, TASKS), RawList(client, f"{TASKS}:base:{size}", size)):
            one.fill(talk(size))


def _in_sqlite(report: Report, chosen: Settings, crowd: Tasks, size: int) -> None:
    """Sessions of openai-agents say nothing of durability, which is FULL then."""
    base = RawSqlite(chosen.file(), "full", size)
    base.fill(talk(size))
    path = chosen.file()
    with storage.SqliteStorage(path, durability="full") as store:
        Ours(store, size).fill(talk(size))
    aio_store = aio.SqliteStorage(path, durability="full")
    theirs = peers.aio_in_sqlite(report, chosen, size)
    for peer in theirs:
        crowd.wait_for(peer.history.fill(talk(size)))
    sides: Sides = {"storage, aio SQLite": AioOurs(aio_store, size)}
    sides |= {peer.name: peer.history for peer in theirs}
    _compare(report, chosen, crowd, sides, base, size, Alone())
    for peer in theirs:
        crowd.wait_for(peer.close())
    crowd.wait_for(aio_store.aclose())
    base.close()


def _compare(
    report: Report,
    chosen: Settings,
    crowd: Crowd,
    sides: Sides,
    base: History,
    size: int,
    base_crowd: Crowd,
) -> None:
    """The last 20 and an append by all *sides*, each against *base*."""
    of_base = base_crowd or crowd
    expected = of_base.wait_for(base.last())
    expected = base_crowd.wait_for(base.last())
    slow, last, append = {}, {}, {}
    for name, side in {**sides, "base": base}.items():
        of_side = base_crowd if side is base else crowd
        found, took = _timed(of_side, side.last)
        check(name, found, expected)
        if took > LONGEST_SECONDS:
            slow[name] = took
        else:
            last[name] = reads(of_side, side.last_text, side.last, _operations(took))
        _, took = _timed(of_side, partial(side.append, message(0)))
        append[name] = appends(of_side, side, _operations(took))
    rounds = Rounds(report, last, chosen.some(7))
    for name in sides:
        law = f"last 20 of {size:,}: {name}"
        if name in slow:
            rounds.single(law, sides[name].last_text, slow[name], "base")
        else:
            rounds.row(law, name, "base", whose="call")
    rounds = Rounds(report, append, chosen.some(7))
    for name in sides:
        rounds.row(f"append, {size:,}: {name}", name, "base", whose="call")


def _timed(crowd: Crowd, call: Callable[[], Any]) -> tuple[Any, float]:
    """What *call* gives, and how many seconds it takes."""
    began = perf_counter()
    found = crowd.wait_for(call())
    return found, perf_counter() - began


def _operations(seconds: float) -> int:
    """How many calls that take so long make a round."""
    return max(1, min(OPERATIONS, int(ROUND_SECONDS / seconds)))
