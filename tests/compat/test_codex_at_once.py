"""However many say something in one conversation at once, all of it is remembered, and what each
of them says in its order."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.compat.vibegram
import storage.compat.vibegram
from storage.testing import Clock
from storage.testing.threads import crowd
from tests.compat.codex_worker import KEY, MOST, said
from tests.contract.clients import Mixed, OneStep, TwoSteps
from tests.day import IS_LONG
from tests.leases.ground import run
from tests.servers import Server
from tests.servers.counting import counted

WORKER = Path(__file__).with_name("codex_worker.py")
PATIENCE_SECONDS = 60
BLOCKING = storage.compat.vibegram
AIO = storage.aio.compat.vibegram
NAME = f"vibegram:codex:{KEY}"


class Busy(dict[str, Any]):
    """Messages to which somebody else adds one, each time just after they were read."""

    others = 0

    def get(self, key: str, default: Any = None) -> Any:
        found = super().get(key, default)
        if self.others:
            self.others -= 1
            self[key] = [*super().get(key, []), said("other", self.others)]
        return found


@pytest.fixture(params=["memory", "sqlite", "valkey", "redis6", "one step", "two steps"])
def place(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Any]:
    """Where the messages are: a URL, or a client."""
    if request.param in ("valkey", "redis6"):
        server: Server = request.getfixturevalue(request.param)
        yield server.url
        server.call("FLUSHALL")
    else:
        yield {
            "memory": "memory://",
            "sqlite": f"sqlite:///{tmp_path}/bot.db",
            "one step": OneStep(clock),
            "two steps": TwoSteps(clock),
        }[request.param]


def made(half: Any, place: Any) -> Any:
    """A store that is told *place*, with room for all."""
    if not isinstance(place, str) or place.startswith("redis"):
        return half.RedisCodexMemoryStore(place, max_history=MOST)
    store = half.CodexStore((storage if half is BLOCKING else storage.aio).open(place), MOST)
    store._store._owner = True
    return store


def told(messages: list[Any], names: list[str], count: int) -> None:
    """All that *count* said of each of *names*, in its order, and nothing else."""
    contents = [message["content"] for message in messages]
    for name in names:
        mine = [content for content in contents if content.split(" ")[0] == name]
        assert mine == [f"{name} {number}" for number in range(count)]
    assert len(contents) == len(names) * count


def test_nothing_is_lost_of_a_crowd_of_threads(place: Any) -> None:
    names = [str(number) for number in range(50)]
    with made(BLOCKING, place) as store:
        crowd(
            [lambda name=name: [store.append(KEY, said(name, n)) for n in (0, 1)] for name in names]
        )

        told(store.list(KEY), names, 2)


def test_nothing_is_lost_of_a_crowd_of_tasks(place: Any) -> None:
    names = [str(number) for number in range(50)]

    async def says(store: Any, name: str) -> None:
        for number in (0, 1):
            await store.append(KEY, said(name, number))

    async def all_of_them() -> list[Any]:
        where = Mixed(Clock()) if isinstance(place, OneStep) else place
        async with made(AIO, where) as store:
            await asyncio.gather(*(says(store, name) for name in names))
            return list(await store.list(KEY))

    told(run(all_of_them()), names, 2)


def test_nothing_is_lost_of_two_stores_in_one_process(valkey: Server) -> None:
    """Which have no lock in common."""
    stores = [BLOCKING.RedisCodexMemoryStore(valkey.url, max_history=MOST) for _ in range(8)]

    def says(name: int) -> None:
        for number in range(10):
            stores[name].append(KEY, said(str(name), number))

    crowd([lambda name=name: says(name) for name in range(8)])
    told(stores[0].list(KEY), [str(name) for name in range(8)], 10)
    for store in stores:
        store.close()
    valkey.call("FLUSHALL")


@pytest.mark.parametrize("there", [0, 1])
@pytest.mark.parametrize("others", [1, 3])
def test_what_another_one_says_between_two_steps_is_not_lost(there: int, others: int) -> None:
    shelf = Busy({KEY: [said("first", 0)]} if there else {})
    store = BLOCKING.CodexStore(shelf)
    shelf.others = others
    store.append(KEY, said("ours", 0))

    names = [message["content"].split(" ")[0] for message in shelf[KEY]]
    assert names == ["first"] * there + ["other"] * others + ["ours"]


def test_on_a_server_an_append_is_two_trips(valkey: Server) -> None:
    with BLOCKING.RedisCodexMemoryStore(valkey.url, ttl=60) as store:
        for _ in range(2):  # a server that does not know a script yet gets it the first time
            valkey.call("FLUSHALL")
            with counted(valkey.connect) as first:
                store.append(KEY, said("ann", 0))
            with counted(valkey.connect) as second:
                store.append_many(KEY, [said("ann", 1), said("ann", 2)])
            with counted(valkey.connect) as others:
                store.list(KEY)
                store.append_many(KEY, [])
                store.clear(KEY)
    valkey.call("FLUSHALL")

    assert first.names == ["GET", "SET"]
    assert second.names == ["GET", "EVALSHA"]
    assert others.names == ["GET", "UNLINK"]


@pytest.mark.parametrize("where", ["sqlite", "valkey"] if IS_LONG else ["valkey"])
def test_nothing_is_lost_of_eight_processes(
    request: pytest.FixtureRequest, tmp_path: Path, where: str
) -> None:
    """Of both colours in turn."""
    server: Server | None = request.getfixturevalue("valkey") if where == "valkey" else None
    url = f"sqlite:///{tmp_path}/bot.db" if server is None else server.url
    names = [f"process-{number}" for number in range(8)]
    _all_say(names, url, 20)

    with storage.open(url) as base:
        told(BLOCKING.CodexStore(base).list(KEY), names, 20)
    if server is not None:
        server.call("FLUSHALL")


def _all_say(names: list[str], url: str, count: int) -> None:
    where = str(Path(storage.__file__).resolve().parents[1])
    workers = [
        subprocess.Popen(
            [
                *(sys.executable, WORKER, ("blocking", "asyncio")[number % 2]),
                *(url, name, str(count)),
            ],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, name in enumerate(names)
    ]
    try:
        for worker in workers:
            assert worker.stdout
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        complaints = [worker.communicate(timeout=PATIENCE_SECONDS)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    for worker, complaint in zip(workers, complaints):
        assert worker.returncode == 0, complaint
