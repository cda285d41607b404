"""Many who work on one session at once, in threads, tasks and processes: nothing is lost, and
they come in the order of asking."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing.threads import crowd
from tests.day import IS_LONG
from tests.fault.ground import Crew, rows
from tests.leases.ground import run, until_in_loop
from tests.servers import Server
from tests.sessions import crowd as worker
from tests.sessions.crowd import KEY, WAYS, change
from tests.waiting import until

MANY = 90
QUEUED = 12
PROCESSES = 4
PATIENCE_SECONDS = 60
WORKER = Path(worker.__file__)
QUEUE = "SELECT count(*) FROM storage_lease_queue"

ALL = {f"n{number}": number for number in range(MANY)}

Standing = Callable[[], int]


class Place:
    """Where the session is kept."""

    def __init__(self, kind: str, url: str, server: Server | None, file: Path) -> None:
        self.kind = kind
        self.url = url
        self._server = server
        self._file = file

    def standing(self, store: Any) -> Standing:
        """How many stand in the queue of the only lease."""
        server = self._server
        if self.kind == "sqlite":
            return lambda: int(rows(self._file, QUEUE)[0][0])
        if server is not None:
            return lambda: sum(server.call("ZCARD", key) for key in server.call("KEYS", "*:queue"))
        room = store._backend._room
        board = getattr(room, "_inner", room)._board
        return lambda: sum(len(line.waiting) for line in board.lines.values())


def params(*kinds: str) -> list[Any]:
    return [
        pytest.param(kind, marks=[pytest.mark.server] if kind == "valkey" else []) for kind in kinds
    ]


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from places(request, tmp_path)


@pytest.fixture(params=params("sqlite", "valkey"))
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place that several processes can use."""
    yield from places(request, tmp_path)


def places(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    file = folder / "bot.db"
    server = request.getfixturevalue("valkey") if request.param == "valkey" else None
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{file}"}
    url = urls.get(request.param) or f"{server.url}?connections={MANY + 10}"
    yield Place(request.param, url, server, file)
    if server is not None:
        server.call("FLUSHALL")


@pytest.fixture(params=[*WAYS])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


def check(session: Any, way: str) -> None:
    """Every change is there; those who take turns know in which order they came."""
    told = session.pop("order", None)
    assert session == ALL
    assert (told is None) is (way == "merging")
    assert told is None or sorted(told) == [*range(MANY)]


def test_threads_lose_no_change_of_each_other(place: Place, way: str) -> None:
    """Who takes no turns has read before anybody stores."""
    everybody = threading.Barrier(MANY if way == "merging" else 1)
    with storage.open(place.url) as store:
        sessions = storage.Sessions(store, **WAYS[way])

        def work(number: int) -> None:
            with sessions.open(KEY) as session:
                everybody.wait()
                change(session, number, way)

        crowd([lambda number=number: work(number) for number in range(MANY)])  # type: ignore[misc]
        check(sessions.get(KEY), way)


def test_tasks_lose_no_change_of_each_other(place: Place, way: str) -> None:
    async def main() -> None:
        inside, everybody = 0, asyncio.Event()

        async def work(number: int) -> None:
            nonlocal inside
            async with sessions.open(KEY) as session:
                inside += 1
                if inside == (MANY if way == "merging" else 1):
                    everybody.set()
                await everybody.wait()
                change(session, number, way)

        async with storage.aio.open(place.url) as store:
            sessions = storage.aio.Sessions(store, **WAYS[way])
            await asyncio.gather(*map(work, range(MANY)))
            check(await sessions.get(KEY), way)

    run(main())


class Process:
    """Some of the workers, in a process of their own."""

    def __init__(self, url: str, half: str, way: str) -> None:
        where = str(Path(storage.__file__).resolve().parents[1])
        self.handle = subprocess.Popen(
            [sys.executable, WORKER, url, half, way],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tell(self, *numbers: int) -> None:
        assert self.handle.stdin
        self.handle.stdin.write(" ".join(map(str, numbers)) + "\n")
        self.handle.stdin.flush()

    def end(self) -> None:
        _, complaint = self.handle.communicate(timeout=PATIENCE_SECONDS)
        assert self.handle.returncode == 0, complaint
        assert not complaint


@contextmanager
def processes(url: str, way: str, count: int) -> Iterator[list[Process]]:
    """Processes of both colours, which are ready."""
    made = [Process(url, ("blocking", "asyncio")[number % 2], way) for number in range(count)]
    try:
        for process in made:
            assert process.handle.stdout
            assert process.handle.stdout.readline() == "ready\n"
        yield made
    finally:
        for process in made:
            process.handle.kill()
            process.handle.communicate()


SHARED = {"sqlite": "merging", "valkey": "turns"}
"""What processes share, and how they work on it by day; in the order of asking they do at both."""


@pytest.mark.parametrize(
    ("shared", "way"),
    [
        pytest.param(*place.values, way, marks=place.marks, id=f"{place.values[0]}-{way}")
        for place in params(*SHARED)
        for way in WAYS
        if IS_LONG or way == SHARED[str(place.values[0])]
    ],
    indirect=["shared"],
)
def test_processes_lose_no_change_of_each_other(shared: Place, way: str) -> None:
    with processes(shared.url, way, PROCESSES) as workers:
        for number, process in enumerate(workers):
            process.tell(*range(number, MANY, PROCESSES))
        for process in workers:
            process.end()

    with storage.open(shared.url) as store:
        check(storage.Sessions(store).get(KEY), way)


def test_threads_come_in_the_order_of_asking(place: Place) -> None:
    with storage.open(place.url) as store:
        sessions, standing = storage.Sessions(store), place.standing(store)

        def work(number: int) -> None:
            with sessions.open(KEY) as session:
                change(session, number, "turns")

        crews = []
        with sessions.open(KEY):
            for number in range(QUEUED):
                crews.append(Crew(lambda number=number: work(number)))  # type: ignore[misc]
                until(lambda number=number: standing() == number + 1)  # type: ignore[misc]
        for crew in crews:
            crew.join()
        assert (sessions.get(KEY) or {})["order"] == [*range(QUEUED)]


def test_tasks_come_in_the_order_of_asking(place: Place) -> None:
    async def main() -> None:
        async def work(number: int) -> None:
            async with sessions.open(KEY) as session:
                change(session, number, "turns")

        async with storage.aio.open(place.url) as store:
            sessions, standing = storage.aio.Sessions(store), place.standing(store)
            tasks = []
            async with sessions.open(KEY):
                for number in range(QUEUED):
                    tasks.append(asyncio.ensure_future(work(number)))
                    await until_in_loop(lambda number=number: standing() == number + 1)  # type: ignore[misc]
            await asyncio.gather(*tasks)
            assert (await sessions.get(KEY) or {})["order"] == [*range(QUEUED)]

    run(main())


def test_processes_come_in_the_order_of_asking(shared: Place) -> None:
    with storage.open(shared.url) as store, processes(shared.url, "turns", 2) as workers:
        sessions, standing = storage.Sessions(store), shared.standing(store)
        with sessions.open(KEY):
            for number in range(QUEUED):
                workers[number % len(workers)].tell(number)
                until(lambda number=number: standing() == number + 1)  # type: ignore[misc]
        for process in workers:
            process.end()
        assert (sessions.get(KEY) or {})["order"] == [*range(QUEUED)]
