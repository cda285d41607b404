"""Many who come to a limit at once, in threads, tasks and processes, and with clocks that differ:
not one more passes than may, and not one less."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage.records import Meter
from storage.testing import Clock
from storage.testing.threads import crowd
from tests.contract.layers import IS_LONG
from tests.leases.ground import run
from tests.limits import crowd as worker
from tests.limits.crowd import ASK, LIMITS, MOST, meters
from tests.servers import Server

STORES = ("memory", "sqlite", "valkey", *(("redis6", "redis8") if IS_LONG else ()))
"""The stores that have rate limits; of the others, processes share what is kept."""

SHARED = tuple(kind for kind in STORES if kind != "memory")
SERVERS = tuple(kind for kind in SHARED if kind != "sqlite")
"""By day, those who share a file are eight processes in test_sqlite_limits.py."""

PROCESSES = 8
THREADS = 8
TASKS = 50
TRIES = 5
KEYS = 100 if IS_LONG else 2
ROUNDS = 20 if IS_LONG else 2
PATIENCE_SECONDS = 300 if IS_LONG else 60

WORKER = Path(worker.__file__)

SECOND = 1_000_000


def params(kinds: tuple[str, ...]) -> list[Any]:
    marked = [kind for kind in kinds if kind not in ("memory", "sqlite")]
    return [
        pytest.param(kind, marks=[pytest.mark.server] if kind in marked else []) for kind in kinds
    ]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place that is empty, for the kind of store that is the parameter."""
    kind = request.param
    if kind == "memory":
        yield "memory://"
    elif kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'bot.db'}"
    else:
        server: Server = request.getfixturevalue(kind)
        yield f"{server.url}?connections={TASKS + 10}"
        server.call("FLUSHALL")


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns far more often than they do by themselves."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


def room_of(store: Any) -> Any:
    half: Any = storage.aio if isinstance(store, storage.aio.Storage) else storage
    return store.room(half.protocols.RateLimitStore)


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("url", params(STORES), indirect=True)
def test_threads_pass_as_often_as_the_limit_says(url: str) -> None:
    with storage.open(url) as store:
        room = room_of(store)

        def work(meter: Meter) -> int:
            return sum(room.hit([meter], ASK).passed for _ in range(TRIES))

        for name, meter in meters(ROUNDS).items():
            assert sum(crowd([partial(work, meter)] * THREADS)) == MOST, name


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("url", params(STORES), indirect=True)
def test_threads_pass_one_limiter_as_often_as_it_says(url: str) -> None:
    """In memory that has a quicker way; some hits cost more than one, and go the other."""
    with storage.open(url) as store:
        for name, limit in LIMITS.items():
            if name == "slots":
                continue
            limiter = storage.RateLimiter(store, limit, remember=0)

            def work(key: str, limiter: storage.RateLimiter = limiter) -> int:
                told = [limiter.hit(key, cost) for cost in (1, 1, 2, 1, 1, 2)]
                return sum(one.cost for one in told if one.allowed)

            for number in range(ROUNDS * 5):
                key = f"{name} {number}"
                spent = sum(crowd([partial(work, key)] * THREADS))
                assert spent in (MOST - 1, MOST), name
                assert limiter.peek(key).remaining == MOST - spent


@pytest.mark.parametrize("url", params(STORES), indirect=True)
def test_tasks_pass_as_often_as_the_limit_says(url: str) -> None:
    async def main() -> None:
        async with storage.aio.open(url) as store:
            room = room_of(store)
            for name, meter in meters(ROUNDS).items():
                told = await asyncio.gather(*[room.hit([meter], ASK) for _ in range(TASKS)])
                assert sum(one.passed for one in told) == MOST, name

    run(main())


@pytest.mark.parametrize("url", params(SHARED if IS_LONG else SERVERS), indirect=True)
def test_processes_pass_as_often_as_the_limit_says(url: str) -> None:
    where = str(Path(storage.__file__).resolve().parents[1])
    workers = [
        subprocess.Popen(
            [sys.executable, WORKER, url, ("blocking", "asyncio")[number % 2], f"{KEYS}", "5"],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    passed: Counter[str] = Counter()
    try:
        for one in workers:
            assert one.stdout
            assert one.stdout.readline() == "ready\n"
        for one in workers:
            assert one.stdin
            one.stdin.write("go\n")
            one.stdin.flush()
        for one in workers:
            said, complaint = one.communicate(timeout=PATIENCE_SECONDS)
            assert one.returncode == 0, complaint
            passed.update(json.loads(said))
    finally:
        for one in workers:
            one.kill()
            one.communicate()
    assert passed == dict.fromkeys(meters(KEYS), MOST)


@pytest.mark.parametrize("url", params(SERVERS), indirect=True)
def test_a_server_that_forgets_its_scripts_counts_on(url: str, request: Any) -> None:
    server: Server = request.getfixturevalue(request.node.callspec.params["url"])
    with storage.open(url) as store:
        room = room_of(store)

        def work(meter: Meter) -> int:
            return sum(room.hit([meter], ASK).passed for _ in range(TRIES))

        def forget() -> int:
            for _ in range(TRIES):
                server.call("SCRIPT", "FLUSH")
            return 0

        for name, meter in meters(ROUNDS).items():
            assert sum(crowd([forget, *[partial(work, meter)] * THREADS])) == MOST, name


class Machines:
    """Machines whose clocks differ, which have one store in turn or one each on the same data."""

    def __init__(self, kind: str, folder: Path, server: Server | None, *seconds: float) -> None:
        self.seconds = list(seconds)
        self.clock = Clock()
        self.start = self.clock()
        clocks = [Clock(self.start + one) for one in seconds]
        if kind == "sqlite":
            file = folder / "bot.db"
            self.stores: list[Any] = [storage.SqliteStorage(file, clock=one) for one in clocks]
            self.clocks = clocks
            return
        if server is None:
            made: Any = storage.MemoryStorage(clock=self.clock)
        else:
            self.clock.lead(server.hold)
            made = storage.RedisStorage(server.url)
        self.stores = [made] * len(seconds)
        self.clocks = [self.clock] * len(seconds)

    def hit(self, number: int, meter: Meter) -> Any:
        """What one of the machines is told, by its own time."""
        clock = self.clocks[number]
        clock.tick(self.start + self.seconds[number] - clock())
        return room_of(self.stores[number]).hit([meter], ASK)

    def close(self) -> None:
        for store in self.stores:
            store.close()


@pytest.fixture
def machines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made: list[Machines] = []
    kind = request.param
    server: Server | None = None
    if kind not in ("memory", "sqlite"):
        server = request.getfixturevalue(kind)
        assert server is not None
        if not server.clock_moves:
            pytest.skip(f"{kind}: the clock of the server can not be moved here")

    def start(*seconds: float) -> Machines:
        made.append(Machines(kind, tmp_path, server, *seconds))
        return made[-1]

    yield start
    for one in made:
        one.close()
    if server is not None:
        server.call("FLUSHALL")


@pytest.mark.parametrize("machines", params(STORES), indirect=True)
def test_clocks_that_differ_by_more_than_a_window_admit_nothing_more(machines: Any) -> None:
    """The first one is ahead, and so it is the time of all."""
    crew = machines(25, 0, -14)
    for name, limit in LIMITS.items():
        rule = storage.Limit(4, 10, algorithm=limit.algorithm).rule
        turns = [0] + [0, 1, 2] * 5

        told = [crew.hit(number, Meter(rule, name)) for number in turns]
        assert sum(one.passed for one in told) == 4, name
        assert [one.passed for one in told[:4]] == [True] * 4


@pytest.mark.parametrize("machines", params(STORES), indirect=True)
def test_no_window_of_the_latest_clock_holds_more_than_a_limit(machines: Any) -> None:
    for seed in range(20 if IS_LONG else 4):
        dice = random.Random(seed)
        crew = machines(*[dice.choice([0, 0.5, 7, 11, 30]) for _ in range(3)])
        meter = Meter(storage.Limit(4, 10).rule, f"{seed}")
        latest, granted = 0.0, []
        for _ in range(60):
            number = dice.randrange(3)
            crew.seconds[number] += dice.choice([0, 0, 0.001, 1, 2.5, 9.999])
            latest = max(latest, crew.seconds[number])
            if crew.hit(number, meter).passed:
                granted.append(latest)
        for end in granted:
            assert sum(end - 9.99 < one <= end for one in granted) <= 4
        assert len(granted) > 4  # more than in one window
