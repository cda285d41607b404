"""However many hit a limit of an original at once, exactly so many pass."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.compat.vibegram
import storage.compat.puregram
import storage.compat.vibegram
from storage.testing import Clock
from storage.testing.threads import crowd
from tests.compat.limits_worker import EVENT, LIBRARIES, made
from tests.contract.clients import Mixed, OneStep, TwoSteps
from tests.day import IS_LONG
from tests.leases.ground import run
from tests.servers import Server
from tests.servers.counting import counted

WORKER = Path(__file__).with_name("limits_worker.py")
PATIENCE_SECONDS = 60
CROWD = 20


class Shelf:
    """The least that VibeGram takes for a store."""

    def __init__(self) -> None:
        self.records: dict[str, Any] = {}

    async def get(self, key: str) -> Any:
        await asyncio.sleep(0)
        return self.records.get(key)

    async def set(self, key: str, record: Any, ttl: float) -> None:
        await asyncio.sleep(0)
        self.records[key] = record

    async def delete(self, key: str) -> None:
        self.records.pop(key, None)


class Busy(dict[str, Any]):
    """Records that somebody else counts in as well, each time just after they were read."""

    others = 0

    def get(self, key: str, default: Any = None) -> Any:
        found = super().get(key, default)
        if self.others:
            self.others -= 1
            hits = 1 if key not in self else self[key]["hits"] + 1
            self[key] = {"hits": hits, "resetAt": 10**14}
        return found


@pytest.fixture(params=["memory", "dict", "sqlite", "valkey", "redis6"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Where the records are; a dict is none of a URL."""
    if request.param in ("valkey", "redis6"):
        server: Server = request.getfixturevalue(request.param)
        yield server.url
        server.call("FLUSHALL")
    else:
        places = {"memory": "memory://", "dict": {}, "sqlite": f"sqlite:///{tmp_path}/bot.db"}
        yield places[request.param]


@pytest.mark.parametrize("limit", [1, 7])
@pytest.mark.parametrize("name", LIBRARIES)
def test_of_a_crowd_of_threads(url: Any, name: str, limit: int) -> None:
    with storage.adapt(url) if isinstance(url, dict) else storage.open(url) as store:
        limits, told = made(storage, name, store, limit)
        waits = crowd([lambda: limits.check(EVENT, **told)] * CROWD)

    assert waits.count(None) == limit
    assert all(590 <= wait <= 600 for wait in waits if wait is not None)


@pytest.mark.parametrize("limit", [1, 7])
@pytest.mark.parametrize("name", LIBRARIES)
def test_of_a_crowd_of_tasks(url: Any, name: str, limit: int) -> None:
    async def all_of_them() -> list[Any]:
        aio = storage.aio
        async with aio.adapt(url) if isinstance(url, dict) else aio.open(url) as store:
            limits, told = made(storage.aio, name, store, limit)
            checks = (limits.check(EVENT, **told) for _ in range(CROWD))
            return list(await asyncio.gather(*checks))

    assert run(all_of_them()).count(None) == limit


@pytest.mark.parametrize("there", [0, 1])
@pytest.mark.parametrize("others", [1, 3])
def test_what_another_one_counts_between_two_steps_is_not_lost(there: int, others: int) -> None:
    """Neither in a record that was there, nor in one that was not."""
    records = Busy({"k": {"hits": 1, "resetAt": 10**14}} if there else {})
    limits = storage.compat.puregram.rate_limit(storage=records)
    records.others = others

    assert limits.hit("k", 5, 60) is None
    assert records["k"]["hits"] == there + others + 1


@pytest.mark.parametrize("kind", [OneStep, TwoSteps])
def test_of_a_crowd_by_any_client(clock: Clock, kind: Callable[[Any], Any]) -> None:
    store = storage.compat.vibegram.RedisRateLimitStore(kind(clock))
    limits, told = made(storage, "vibegram", store, 7)

    assert crowd([lambda: limits.check(EVENT, **told)] * CROWD).count(None) == 7


def test_of_a_crowd_of_tasks_by_any_client_and_store(clock: Clock) -> None:
    async def all_of_them(store: Any) -> list[Any]:
        limits, told = made(storage.aio, "vibegram", store, 7)
        return list(await asyncio.gather(*(limits.check(EVENT, **told) for _ in range(CROWD))))

    kind = storage.aio.compat.vibegram.RedisRateLimitStore
    assert run(all_of_them(kind(Mixed(clock)))).count(None) == 7
    with pytest.warns(UserWarning, match="increment"):
        assert run(all_of_them(Shelf())).count(None) == 7


@pytest.mark.parametrize(
    ("name", "key", "raw"),
    [
        ("vibegram", "100_7", '{"count":1,"resetTime":%d, "by":"ann"}'),
        ("puregram", "default:7", '{"resetAt":%d,"hits":1}'),
        ("gramio", "rl:default:7", "[%d]"),
    ],
)
def test_on_a_server_a_hit_is_one_trip_or_two(
    valkey: Server, name: str, key: str, raw: str
) -> None:
    """One of a record as JavaScript writes it, two of one that it wrote otherwise, and of a list;
    and half of that where nothing is written."""
    with storage.RedisStorage(valkey.url, prefix="") as store:
        limits, told = made(storage, name, store, 2)
        for _ in range(2):  # a server that does not know a script yet gets it the first time
            valkey.call("FLUSHALL")
            with counted(valkey.connect) as plain:
                assert limits.check(EVENT, **told) is None
            valkey.call("SET", key, raw % (valkey.time_ms() + 60_000))
            with counted(valkey.connect) as others:
                assert limits.check(EVENT, **told) is None
            with counted(valkey.connect) as refused:
                assert limits.check(EVENT, **told) is not None
    valkey.call("FLUSHALL")

    assert plain.names == ["EVALSHA"] + (["SET"] if name == "gramio" else [])
    assert others.names == ["EVALSHA"] * 2
    assert refused.names == ["EVALSHA"] * (2 if name == "vibegram" else 1)


@pytest.mark.parametrize("place", ["sqlite", "valkey"] if IS_LONG else ["valkey"])
def test_of_eight_processes(request: pytest.FixtureRequest, tmp_path: Path, place: str) -> None:
    """Of both colours in turn, on keys that nobody has hit before."""
    server: Server | None = request.getfixturevalue("valkey") if place == "valkey" else None
    url = f"sqlite:///{tmp_path}/bot.db" if server is None else server.url

    assert [sum(passed) for passed in zip(*_said(8, url, 50, 30))] == [50, 50, 50]

    if server is not None:
        server.call("FLUSHALL")


def _said(count: int, url: str, limit: int, hits: int) -> list[list[int]]:
    """How many hits of each of *count* processes passed, by each library."""
    where = str(Path(storage.__file__).resolve().parents[1])
    workers = [
        subprocess.Popen(
            [
                *(sys.executable, WORKER, ("blocking", "asyncio")[number % 2]),
                *(url, str(limit), str(hits)),
            ],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    try:
        for worker in workers:
            assert worker.stdout
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        ended = [worker.communicate(timeout=PATIENCE_SECONDS) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    for worker, (_, complaint) in zip(workers, ended):
        assert worker.returncode == 0, complaint
    return [list(map(int, said.split())) for said, _ in ended]
