"""Sessions on a server that is cut off, silent or down, and beside processes that are stopped or
killed: a change is stored once or not at all, and the next one comes in."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

import storage
import storage.aio
from storage import LeaseLostError, LeaseTimeoutError, OutcomeUnknownError, StorageError
from tests.fault import faults
from tests.fault.ground import Child, in_child
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import failure, raw, url
from tests.fault.test_sessions import KEY, of
from tests.leases.ground import run
from tests.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.timed

LEASE = 0.3
SECONDS = 0.3
"""How long a call to a server that is cut off takes."""


def record(server: Server) -> bytes | None:
    """The session as the server has it."""
    return raw(server, f"~ns~sessions~{KEY}")


@pytest.mark.parametrize("change", ["set", "clear", "nothing"])
def test_who_is_cut_off_for_longer_than_the_lease_stores_nothing(
    change: str, half: Any, at: At, proxy: Proxy, valkey: Server
) -> None:
    far, near = (of(half, at(place, timeout=20), lease=LEASE) for place in (proxy, valkey))
    with near.open(KEY) as session:
        session["n"] = 1
    late = far.open(KEY)
    session = late.begin()
    proxy.always(faults.Blackhole(), handshake=True)
    if change == "set":
        session["n"] = 100
    elif change == "clear":
        late.clear()

    with near.open(KEY) as other:
        other["n"] += 1
    proxy.mend()
    with pytest.raises(LeaseLostError):
        late.end()
    assert record(valkey) == b'{"n":2}'


def test_who_was_stopped_for_longer_than_the_lease_stores_nothing(
    half: Any, at: At, valkey: Server
) -> None:
    """As a process that is swapped out, or a virtual machine that is moved."""
    wait, go = os.pipe()

    def changed(session: Any, says: Callable[[bytes], object]) -> None:
        session["late"] = 1
        says(b"x")
        assert os.read(wait, 1) == b"y"

    def in_a_thread(says: Callable[[bytes], object]) -> None:
        store = storage.RedisStorage(url(valkey))
        with storage.Sessions(store, lease=LEASE).open(KEY) as session:
            changed(session, says)

    async def in_a_task(says: Callable[[bytes], object]) -> None:
        store = storage.aio.RedisStorage(url(valkey))
        async with storage.aio.Sessions(store, lease=LEASE).open(KEY) as session:
            changed(session, says)

    def work(says: Callable[[bytes], object]) -> None:
        with pytest.raises(LeaseLostError):
            in_a_thread(says) if half is storage else asyncio.run(in_a_task(says))

    child = Child(work)
    assert child.read(1) == b"x"
    os.kill(child.pid, signal.SIGSTOP)
    with of(half, at(valkey), lease=LEASE).open(KEY) as session:
        assert session == {}
        session["following"] = 1
    os.write(go, b"y")
    os.kill(child.pid, signal.SIGCONT)
    child.join()
    os.close(wait)
    os.close(go)

    assert record(valkey) == b'{"following":1}'


def test_after_a_process_that_was_killed_in_its_handler_the_next_one_comes_in(
    half: Any, at: At, valkey: Server
) -> None:
    sessions = of(half, at(valkey))
    with sessions.open(KEY) as session:
        session["n"] = 1

    def work(says: Callable[[bytes], object]) -> None:
        store = storage.RedisStorage(url(valkey))
        with storage.Sessions(store, lease=1).open(KEY) as session:
            session["n"] = 100
            says(b"x")
            threading.Event().wait(60)

    child = Child(work)
    assert child.read(1) == b"x"
    child.kill()
    child.close()

    with pytest.raises(LeaseTimeoutError), of(half, at(valkey), wait=0).open(KEY):
        pytest.fail("the lease is not over yet")
    with sessions.open(KEY) as session:
        assert session == {"n": 1}


def test_a_child_that_is_forked_in_a_handler_stores_nothing(valkey: Server) -> None:
    with storage.RedisStorage(url(valkey)) as store:
        opened = storage.Sessions(store).open(KEY)
        session = opened.begin()
        session["n"] = 1

        def child() -> None:
            session["child"] = 1
            with pytest.raises(LeaseLostError):
                opened.end()

        in_child(child)
        opened.end()
    assert record(valkey) == b'{"n":1}'


def test_where_the_server_is_down_the_handler_is_not_run(
    half: Any, at: At, proxy: Proxy, valkey: Server
) -> None:
    sessions = of(half, at(proxy, timeout=SECONDS))
    with sessions.open(KEY) as session:
        session["n"] = 1
    proxy.refuse()
    proxy.cut()

    def work() -> None:
        with sessions.open(KEY):
            pytest.fail("there is no session")

    assert isinstance(failure(work), StorageError)
    proxy.mend()
    with of(half, at(valkey), wait=0).open(KEY) as session:
        assert session == {"n": 1}


@pytest.mark.parametrize("how", ["down", "silent"])
def test_what_does_not_come_to_the_server_is_an_error_and_the_session_is_as_before(
    how: str, half: Any, at: At, proxy: Proxy, valkey: Server
) -> None:
    """The lease runs out by itself."""
    sessions, near = of(half, at(proxy, timeout=SECONDS), lease=2), of(half, at(valkey))
    with near.open(KEY) as session:
        session["n"] = 1
    opened = sessions.open(KEY)
    opened.begin()["n"] = 100
    if how == "down":
        proxy.refuse()
        proxy.cut()
    else:
        proxy.always(faults.Blackhole(), handshake=True)

    assert isinstance(failure(opened.end), StorageError)
    assert record(valkey) == b'{"n":1}'
    with near.open(KEY) as session:
        assert session == {"n": 1}
        session["n"] += 1
    assert record(valkey) == b'{"n":2}'


def test_what_is_sent_again_after_a_lost_connection_is_stored_once(
    half: Any, at: At, proxy: Proxy, valkey: Server
) -> None:
    """Whatever step it is whose answer is lost: stored, or an error and as before or stored."""
    near = of(half, at(valkey))
    outcomes = set()
    for after in range(8):
        with near.open(KEY) as session:
            session["n"] = 1
        sessions = of(half, at(proxy, timeout=2), lease=2)
        proxy.next(faults.Unanswered(), after=after)
        try:
            with sessions.open(KEY) as session:
                session["n"] += 1
            assert record(valkey) == b'{"n":2}'
            outcomes.add("stored")
        except StorageError:
            outcomes.add("an error")
        proxy.mend()
        with near.open(KEY) as session:
            assert session in ({"n": 1}, {"n": 2})
    assert "stored" in outcomes


def test_a_save_whose_answer_is_lost_is_no_change_of_somebody_else(
    half: Any, at: At, proxy: Proxy, valkey: Server
) -> None:
    sessions = of(half, at(proxy, timeout=2))
    with sessions.open("another") as session:
        session["n"] = 1  # from now on the server knows the script
    opened = sessions.open(KEY)
    with opened as session:
        session["n"] = 1
        proxy.next(faults.Unanswered())
        with pytest.raises(OutcomeUnknownError):
            opened.save()
        assert record(valkey) == b'{"n":1}'
        session["n"] = 2

    assert record(valkey) == b'{"n":2}'


def test_cancelling_tasks_at_random_loses_nothing_and_blocks_nobody(valkey: Server) -> None:
    chance = random.Random(31)
    done = begun = 0

    async def handler(sessions: Any) -> None:
        nonlocal done, begun
        for _ in range(6):
            begun += 1
            async with sessions.open(KEY) as session:
                session["n"] = session.get("n", 0) + 1
                session["twice"] = session["n"] * 2
            done += 1

    async def main() -> None:
        async with storage.aio.RedisStorage(url(valkey, connections=40)) as store:
            sessions = storage.aio.Sessions(store)
            works = [asyncio.ensure_future(handler(sessions)) for _ in range(30)]
            while not all(work.done() for work in works):
                await asyncio.sleep(chance.uniform(0, 0.004))
                chance.choice(works).cancel()
            await asyncio.gather(*works, return_exceptions=True)

            async with storage.aio.Sessions(store, wait=0).open(KEY) as session:
                found = session.get("n", 0)
                assert session == ({"n": found, "twice": found * 2} if found else {})
            assert done <= found <= begun

    run(main())


def test_a_task_that_is_cancelled_while_it_stores_stores_all_and_frees_the_session(
    proxy: Proxy, valkey: Server
) -> None:
    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy, timeout=20)) as store:
            sessions = storage.aio.Sessions(store)
            asked = 0

            async def handler() -> None:
                nonlocal asked
                async with sessions.open(KEY) as session:
                    session.update(a=1, b=2)
                    asked = len(proxy.commands)
                    proxy.next(faults.Delay(reply=0.2))

            task = asyncio.ensure_future(handler())
            await asyncio.to_thread(until, lambda: asked and len(proxy.commands) > asked)
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait([task])

            assert task.cancelled()
            assert record(valkey) == b'{"a":1,"b":2}'
            async with storage.aio.Sessions(store, wait=0).open(KEY) as session:
                session["c"] = 3

    run(main())
