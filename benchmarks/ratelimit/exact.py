"""Several processes that want more than may pass, all at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from typing import Any, ClassVar, NamedTuple

import storage
from storage import Storage

from ..harness import Spread
from ..redis.settings import SECONDS
from ..report import Report, Row, Target
from . import peers
from .peers.rate import Rate
from .settings import ALGORITHMS, Settings, limiter

PROCESSES, EACH, KEYS = 8, 60, 20
RATE = Rate(100, 86_400)
"""So few in a day: none is freed meanwhile."""

_NONE = Target(0, " hits")
_WAIT_SECONDS = 120


class Contender(NamedTuple):
    """A limiter in a form that can be told to another process: ours on *place*, or a peer."""

    whose: str
    name: str
    place: str

    def hit(self) -> Callable[[str], Any]:
        """What says whether a key passes."""
        if self.whose == "peer":
            return peers.named_on_redis(self.name, self.place, RATE).hit
        store: Storage[Any]
        if self.whose == "Redis":
            store = storage.RedisStorage(self.place, timeout=SECONDS)
        else:
            store = storage.SqliteStorage(self.place)
        return limiter(store, self.name, RATE.hits, RATE.per).hit


def exact(report: Report, chosen: Settings) -> None:
    """How many pass of 480 that 8 processes try where 100 may, on 20 fresh keys."""
    places = {"Redis": chosen.url, "SQLite": chosen.file()}
    ours = [Contender(whose, name, place) for whose, place in places.items() for name in ALGORITHMS]
    sides = peers.on_redis(report, chosen.url, RATE)
    theirs = [Contender("peer", side.name, chosen.url) for side in sides]
    for contenders in (ours, theirs):
        for one, passed in zip(contenders, _passed(contenders)):
            report.add(_row(one, passed))


def _row(one: Contender, passed: Sequence[int]) -> Row:
    is_ours = one.whose != "peer"
    more = [max(0, count - RATE.hits) for count in passed]
    wrong = sum(count != RATE.hits for count in passed)
    note = f"{min(passed)}..{max(passed)} of {RATE.hits} passed, {wrong} of {KEYS} keys are wrong"
    return Row(
        f"{one.whose}, {one.name}, too many" if is_ours else f"{one.name}, too many",
        "hit(key)",
        f"{PROCESSES} processes, {EACH} hits of each key by each",
        Spread(sum(more), min(more), max(more)),
        _NONE if is_ours else None,
        notes=[note],
        faults=[note] if is_ours and wrong else [],
        unit=" hits",
        whose="ours" if is_ours else "call",
    )


def _passed(contenders: Sequence[Contender]) -> list[list[int]]:
    """How many passed of each key, by all processes, for each of *contenders*."""
    context = multiprocessing.get_context("spawn")
    begin = (context.Barrier(PROCESSES, timeout=_WAIT_SECONDS),)
    with ProcessPoolExecutor(
        PROCESSES, context, initializer=_Process.start, initargs=begin
    ) as pool:
        counts = list(pool.map(_counts, [contenders] * PROCESSES))
    return [[sum(of_key) for of_key in zip(*of_one)] for of_one in zip(*counts)]


class _Process:
    """What a process has for all that it is asked."""

    barrier: ClassVar[Barrier]

    @classmethod
    def start(cls, barrier: Barrier) -> None:
        """Begin each key when all others do."""
        cls.barrier = barrier


def _counts(contenders: Sequence[Contender]) -> list[list[int]]:
    """How many passed here of each key, for each of *contenders*."""
    counts = []
    for one in contenders:
        hit = one.hit()
        hit("warm")  # to connect is no race
        counts.append([_together(hit, f"key:{number}") for number in range(KEYS)])
    return counts


def _together(hit: Callable[[str], Any], key: str) -> int:
    _Process.barrier.wait()
    return sum(bool(hit(key)) for _ in range(EACH))
