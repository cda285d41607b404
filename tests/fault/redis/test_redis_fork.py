"""A fork with an open store: both processes go on, each with connections of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

import storage
import storage.aio
from tests.fault import faults
from tests.fault.ground import PATIENCE, Child, in_child, python, until
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import clients, url
from tests.servers import Server, states

CALLS = 300


def value(name: str, number: int) -> str:
    return f"{name}'s value of {number}"


def exercise(store: Any, name: str) -> None:
    """Every answer tells whose it is."""
    for number in range(CALLS):
        store.set(f"{name}:{number % 7}", value(name, number))
        assert store.get(f"{name}:{number % 7}") == value(name, number)


async def exercise_in_tasks(store: Any, name: str) -> None:
    async def work(task: int) -> None:
        for number in range(CALLS // 6):
            await store.set(f"{name}:{task}", value(name, number))
            assert await store.get(f"{name}:{task}") == value(name, number)

    await asyncio.gather(*(work(task) for task in range(6)))


@pytest.fixture
def store(valkey: Server) -> Iterator[storage.Storage[Any]]:
    with storage.RedisStorage(url(valkey, timeout=20)) as store:
        store.set("before", 1)
        yield store


@contextmanager
def waiting_child(work: Callable[[], object]) -> Iterator[None]:
    """A child has done *work*, and is there for the length of the block."""
    wait, go = os.pipe()

    def be(says: Callable[[bytes], object]) -> None:
        work()
        says(b"x")
        assert os.read(wait, 1) == b"y"

    child = Child(be)
    assert child.read(1) == b"x"
    try:
        yield
    finally:
        os.write(go, b"y")
        os.close(wait)
        os.close(go)
        child.join()


def test_parent_and_child_get_their_own_answers(store: Any) -> None:
    children = [Child(lambda _, n=number: exercise(store, f"child {n}")) for number in range(3)]
    exercise(store, "parent")
    for child in children:
        child.join()

    assert store.get("before") == 1


def test_a_child_opens_a_connection_of_its_own(store: Any, valkey: Server) -> None:
    assert clients(valkey) == 1
    with waiting_child(lambda: store.incr("n")):
        assert clients(valkey) == 2
        assert store.incr("n") == 2
        assert clients(valkey) == 2
    until(lambda: clients(valkey) == 1)


def test_a_child_keeps_no_connection_of_its_parent_open(store: Any, valkey: Server) -> None:
    with waiting_child(int):
        assert clients(valkey) == 1
        store.close()
        until(lambda: clients(valkey) == 0, "the end of the parent's connection")


def test_not_even_one_that_was_in_use(store: Any, valkey: Server) -> None:
    thread = threading.Thread(target=lambda: store.set("n", 1))
    with ExitStack() as stack:
        with states.paused(valkey, writes=True):
            thread.start()
            until(lambda: clients(valkey, "flags=b ") == 1, "a call that is held up")
            stack.enter_context(waiting_child(lambda: store.get("n")))
        thread.join()
        assert store.get("n") == 1
        store.close()
        until(lambda: clients(valkey) == 1, "the end of the parent's connection")


def test_closing_in_a_child_closes_nothing_of_the_parent(store: Any, valkey: Server) -> None:
    in_child(store.close)

    assert store.incr("n") == 1
    assert clients(valkey) == 1


def test_all_connections_in_use_are_not_in_use_in_a_child(proxy: Proxy) -> None:
    with storage.RedisStorage(url(proxy, connections=1, timeout=20)) as store:
        store.set("n", 1)
        proxy.next(faults.Delay(reply=0.2), "GET")
        thread = threading.Thread(target=lambda: store.get("n"))
        thread.start()
        until(lambda: "GET" in proxy.forwarded)
        in_child(lambda: store.incr("n"))
        thread.join(PATIENCE)
        assert store.get("n") == 2


def test_a_store_of_asyncio_goes_on_in_both(valkey: Server) -> None:
    async def main() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=20)) as store:
            await exercise_in_tasks(store, "before")

            def work(_: object) -> None:
                asyncio.run(exercise_in_tasks(store, "child"))

            child = Child(work)
            await exercise_in_tasks(store, "parent")
            await asyncio.to_thread(child.join)
            await exercise_in_tasks(store, "later")

    asyncio.run(main())


def test_the_loop_of_the_parent_hears_of_its_connections_after_the_child_ended(
    valkey: Server,
) -> None:
    async def main() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=20)) as store:
            await store.set("n", 1)
            in_child(lambda: asyncio.run(store.incr("n")))
            assert clients(valkey) == 1
            assert await asyncio.wait_for(store.get("n"), PATIENCE) == 2
            assert clients(valkey) == 1

    asyncio.run(main())


def test_a_child_of_asyncio_keeps_no_connection_of_its_parent_open(valkey: Server) -> None:
    async def main() -> None:
        store = storage.aio.RedisStorage(url(valkey, timeout=20))
        await store.set("n", 1)
        with waiting_child(int):
            await store.aclose()
            await asyncio.to_thread(until, lambda: clients(valkey) == 0)

    asyncio.run(main())


def test_a_store_that_was_made_before_a_fork_is_used_after_it(at: At, valkey: Server) -> None:
    store = storage.RedisStorage(url(valkey))
    in_child(lambda: exercise(store, "child"))
    exercise(store, "parent")
    store.close()


FORKED_IN_A_CALL = """
import os, signal, sys
import storage

parent = os.getpid()
forked = []

def fork(*_):
    forked.append(os.fork())
    if os.getpid() != parent:
        os.kill(parent, signal.SIGSTOP)

with storage.RedisStorage(sys.argv[1]) as store:
    store.set("n", 1)
    signal.signal(signal.SIGALRM, fork)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    assert store.get("n") == 1
    assert forked
    if os.getpid() != parent:
        os.kill(parent, signal.SIGCONT)
        os._exit(0)
    assert os.waitpid(forked[0], 0)[1] == 0
"""


def test_a_child_that_goes_on_in_a_call_of_its_parent_reads_nothing_of_it(proxy: Proxy) -> None:
    """The parent is stopped until the child has its answer, and then finds its own."""
    proxy.next(faults.Delay(reply=0.5), "GET")
    ended = python(FORKED_IN_A_CALL, url(proxy, timeout=5))

    assert ended.returncode == 0, ended.stderr
    assert proxy.forwarded.count("GET") == 2


FEW_FILES = """
import os, resource, stat, warnings

warnings.simplefilter("ignore", DeprecationWarning)

def sockets():
    found = set()
    for number in range(64):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                found.add(number)
        except OSError:
            pass
    return found

def all_that_are_left():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return held
"""
"""What the programs below begin with: a process that may open 64 files."""

NO_FILE_IS_FREE = f"""{FEW_FILES}
import sys
import redis
import storage

server = redis.Redis.from_url(sys.argv[2])
server.ping()
others = sockets()
stores = [storage.RedisStorage(sys.argv[1]) for _ in range(3)]
for store in stores:
    store.set("before", 1)
assert len(sockets()) == len(others) + 3
before = server.info("stats")["total_connections_received"]
held = all_that_are_left()
pid = os.fork()
if pid == 0:
    for one in held:
        os.close(one)
    assert sockets() == others
    for store in stores:
        store.set("child", 1)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
for one in held:
    os.close(one)
assert all(store.get("child") == 1 for store in stores)
print(server.info("stats")["total_connections_received"] - before, end="")
server.close()
for store in stores:
    store.close()
"""


def test_a_child_takes_no_connection_where_no_file_can_be_opened(valkey: Server) -> None:
    """What it lets go of makes room for what it takes in its place."""
    ended = python(NO_FILE_IS_FREE, url(valkey), valkey.url)

    assert (ended.returncode, ended.stdout) == (0, "3"), ended.stderr


NO_FILE_IS_FREE_IN_TASKS = f"""{FEW_FILES}
import asyncio, sys
import storage.aio

async def main():
    others = sockets()
    stores = [storage.aio.RedisStorage(sys.argv[1]) for _ in range(3)]
    for store in stores:
        await store.set("before", 1)
    tiered = storage.aio.tiered(stores[0])
    while not tiered.room(storage.NearCache).info().watched:
        await tiered.get("before")
        await asyncio.sleep(0.001)
    ours = sockets() - others
    assert len(ours) == 4
    held = all_that_are_left()
    pid = os.fork()
    if pid == 0:
        os._exit(len(ours & sockets()))
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), end="")
    for one in held:
        os.close(one)
    await tiered.aclose()
    for store in stores:
        assert await store.get("before") == 1
        await store.aclose()

asyncio.run(main())
"""


def test_nor_does_one_of_asyncio(valkey: Server) -> None:
    ended = python(NO_FILE_IS_FREE_IN_TASKS, url(valkey))

    assert (ended.returncode, ended.stdout) == (0, "0"), ended.stderr
