"""Several processes that want more than may pass, all at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

import storage
from storage import Storage

from ..harness import Spread
from ..redis.settings import SECONDS
from ..report import Report, Row
from . import peers
from .peers.rate import Rate
from .settings import ALGORITHMS, Settings, limiter

PROCESSES, EACH, KEYS = 8, 60, 20
RATE = Rate(100, 86_400)
"""So few in a day: none is freed meanwhile."""

_WAIT_SECONDS = 120


class Contender(NamedTuple):
    """A limiter that another process can make: ours on *place* by its *name*, or a peer."""

    whose: str
    name: str
    place: str

    def hit(self) -> Callable[[str], Any]:
        """What says whether a key passes."""
        if self.whose == "peers":
            sides = peers.on_redis(None, self.place, RATE)
            return next(side.hit for side in sides if side.name == self.name)
        store: Storage[Any]
        if self.whose == "Redis":
            store = storage.RedisStorage(self.place, timeout=SECONDS)
        else:
            store = storage.SqliteStorage(self.place)
        return limiter(store, self.name, RATE.hits, RATE.per).hit


def exact(report: Report, chosen: Settings) -> None:
    """How many pass of 480 that 8 processes try where 100 may, on 20 fresh keys."""
    ours = [Contender("Redis", name, chosen.url) for name in ALGORITHMS]
    ours += [Contender("SQLite", name, chosen.file()) for name in ALGORITHMS]
    theirs = peers.on_redis(report, chosen.url, RATE)
    numbers = {side.name for side in theirs if side.name.endswith("numbers")}
    for one in ours:
        _tell(report, one, f"{one.whose}, {one.name}")
    for side in theirs:
        if side.name not in numbers:
            _tell(report, Contender("peers", side.name, chosen.url), side.name)


def _tell(report: Report, one: Contender, name: str) -> None:
    passed = _passed(one)
    wrong = [count for count in passed if count != RATE.hits]
    more = [count - RATE.hits for count in passed if count > RATE.hits]
    note = f"passed of {RATE.hits}: {min(passed)}..{max(passed)}; {len(wrong)} of {KEYS} keys wrong"
    tried = f"{PROCESSES} processes x {EACH} hits"
    is_ours = one.whose != "peers"
    report.add(
        Row(
            f"too many, {name}",
            "hit(key)",
            tried,
            Spread(sum(more), min(more, default=0), max(more, default=0)),
            notes=[note],
            faults=[note] if is_ours and wrong else [],
            unit=" hits",
            whose="ours" if is_ours else "call",
        )
    )


def _passed(one: Contender) -> list[int]:
    """How many passed of each key, by all processes."""
    context = multiprocessing.get_context("spawn")
    barrier, found = context.Barrier(PROCESSES), context.Queue()
    started = [
        context.Process(target=_work, args=(one, barrier, found), daemon=True)
        for _ in range(PROCESSES)
    ]
    for process in started:
        process.start()
    counts = [found.get(timeout=_WAIT_SECONDS) for _ in started]
    for process in started:
        process.join()
    return [sum(of_key) for of_key in zip(*counts)]


def _work(one: Contender, barrier: Barrier, found: Queue[list[int]]) -> None:
    hit = one.hit()
    hit("warm")  # to connect is no race
    counts = []
    for number in range(KEYS):
        barrier.wait()
        counts.append(sum(bool(hit(f"key:{number}")) for _ in range(EACH)))
    found.put(counts)
