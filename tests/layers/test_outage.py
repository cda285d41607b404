"""An outage under load: a server is killed and started again while many are counting."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import OutcomeUnknownError, UnavailableError
from storage.testing import Bridge
from tests.fault.ground import Crew
from tests.servers import Server
from tests.servers.server import running
from tests.waiting import until

pytestmark = pytest.mark.timed

THREADS = 4
ENOUGH = 30
"""How many changes a store has to do before the outage begins or ends."""

COUNTS: dict[str, Callable[[Any], object]] = {
    "incr": lambda store: store.incr("n"),
    "update": lambda store: store.update("n", lambda value: value + 1, default=0),
}


@pytest.fixture
def lasting(valkey: Server, tmp_path: Path) -> Iterator[Server]:
    """A server of its own that has all it acknowledged when it is started again."""
    journal = ("--appendonly", "yes", "--appendfsync", "always")
    with running(valkey.binary, tmp_path, *journal, clock=False) as server:
        yield server


class Counting:
    """Threads that count in *store* until they are told to stop, and what they were told."""

    def __init__(self, store: Any, count: Callable[[Any], object]) -> None:
        self.outcomes: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._store = store
        self._count = count
        self._crew = Crew(*[self._work] * THREADS)

    def end(self) -> None:
        self._stop.set()
        self._crew.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._count(self._store)
                outcome = "done"
            except OutcomeUnknownError:
                outcome = "unknown"
            with self._lock:
                self.outcomes[outcome] += 1


@pytest.mark.parametrize("count", COUNTS)
def test_every_change_is_in_one_of_the_two(
    half: Any, bridge: Bridge, lasting: Server, tmp_path: Path, count: str
) -> None:
    """What was said to be done is there once, and what is unknown is there once or not at all."""
    told: list[UnavailableError] = []
    made = half.RedisStorage(lasting.url, timeout=0.5), half.SqliteStorage(tmp_path / "b.db")
    first, second = map(bridge.driven, made)
    both = bridge.driven(half.fallback(*made, on_error=told.append, pause=0.02))
    counting = Counting(both, COUNTS[count])
    try:
        until(lambda: first.get("n", 0) >= ENOUGH, "a count in the first store")
        lasting.kill()
        until(lambda: second.get("n", 0) >= ENOUGH, "a count in the second store")
        lasting.restart()
        before = first.get("n")
        until(lambda: first.get("n") >= before + ENOUGH, "a count in the first store again")
    finally:
        counting.end()
    here, there = first.get("n"), second.get("n")
    first.close()
    second.close()

    done, unknown = counting.outcomes["done"], counting.outcomes["unknown"]
    assert done <= here + there <= done + unknown
    assert unknown <= THREADS * 2
    assert len(told) >= there
