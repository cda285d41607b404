"""Calls that are cancelled, and stores that are closed beside them: nothing is lost, and nothing is
told otherwise than it is."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import storage
import storage.aio
from storage import ClosedError, OutcomeUnknownError, StorageError, UnavailableError
from storage.aio.cloudflare import links as aio_links
from storage.cloudflare import links
from storage.testing import Bridge
from tests.cloudflare.ground import crook, lasting, store_of, whole_request
from tests.cloudflare.test_connections import CLIENTS, FOUND, first_is_silent, others, places
from tests.cloudflare.test_deadline import calls, names  # noqa: F401 - a fixture
from tests.fault.ground import PATIENCE
from tests.leases.ground import until_in_loop
from tests.servers.cloudflare import KvServer
from tests.waiting import until

pytestmark = pytest.mark.timed


async def _ticks(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_calls_that_are_cancelled_at_any_moment_take_no_connection_for_good(kv: KvServer) -> None:
    async def run() -> None:
        async with store_of(storage.aio, kv, timeout=20) as store:
            await store.set("k", 1)
            for ticks in range(1, 26):
                tasks = [asyncio.ensure_future(store.get("k")) for _ in range(25)]
                await _ticks(ticks)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

            with lasting(0):
                assert await asyncio.gather(*(store.get("k") for _ in range(25))) == [1] * 25
            # What was cancelled last may still be about to close its own.
            await until_in_loop(lambda: len(places(kv)) <= 20)

    asyncio.run(run())
    until(lambda: not others(kv), "the end of the connections")


def test_a_task_that_is_cancelled_in_the_wait_for_a_connection_takes_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aio_links, "_CONNECTIONS", 1)
    asked = threading.Event()

    async def run(server: Any) -> None:
        async with store_of(storage.aio, server, timeout=60) as store:
            first = asyncio.ensure_future(store.get("k"))
            await asyncio.to_thread(asked.wait, PATIENCE)
            waiting = [asyncio.ensure_future(store.get("k")) for _ in range(3)]
            await _ticks(5)
            for task in (waiting[0], first, waiting[1]):
                task.cancel()
            with lasting(0):
                found = await asyncio.gather(first, *waiting, return_exceptions=True)
            assert [type(one) for one in found] == [asyncio.CancelledError] * 3 + [int]
            assert await store.get("k") == 5

    with crook(first_is_silent(asked)) as server:
        asyncio.run(run(server))
        assert server.taken == 2


def test_the_wait_for_a_connection_ends_at_the_deadline(
    kv: KvServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio_links, "_CONNECTIONS", 0)

    async def run() -> None:
        async with store_of(storage.aio, kv, timeout=0.5) as store:
            with lasting(0.5), pytest.raises(UnavailableError, match="not answer in time"):
                await store.set("k", 1)

    asyncio.run(run())

    assert kv.requests == []


@pytest.mark.parametrize("ticks", range(12))
def test_a_store_that_is_closed_beside_calls_leaves_nothing_open(ticks: int, kv: KvServer) -> None:
    async def run() -> list[Any]:
        store = store_of(storage.aio, kv, timeout=60)
        await store.set("k", 1)
        tasks = [asyncio.ensure_future(store.get("k")) for _ in range(5)]
        await _ticks(ticks)
        await store.aclose()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert not places(kv)
        return found

    found = asyncio.run(run())

    kinds = {type(one) for one in found}
    assert kinds == ({ClosedError} if ticks == 0 else {int})
    until(lambda: not others(kv), "the end of the connections")


class _Slow:
    """A server that answers what it is asked when it is told to go on."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.asked, self.goes_on, self.left = (threading.Event() for _ in range(3))
        self._answer = head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body

    def __call__(self, connection: socket.socket, ends: threading.Event) -> None:
        while whole_request(connection):
            self.asked.set()
            self.goes_on.wait(PATIENCE)
            connection.sendall(self._answer)
        self.left.set()


def _closed_meanwhile(half: Any, slow: _Slow, act: Callable[[Any], object]) -> object:
    """What comes of *act* where the store is closed while the server has not answered."""
    found: list[object] = []

    def work() -> None:
        try:
            found.append(act(store))
        except StorageError as error:
            found.append(error)

    with crook(slow) as server, Bridge() as bridge:
        store = bridge.driven(store_of(half, server, timeout=60))
        thread = threading.Thread(target=work)
        thread.start()
        assert slow.asked.wait(PATIENCE)
        store.close()
        slow.goes_on.set()
        thread.join()
        assert slow.left.wait(PATIENCE)
        assert server.taken == 1
    return found[0]


def test_what_is_under_way_when_the_store_is_closed_is_done(half: Any) -> None:
    slow = _Slow(b"HTTP/1.1 200 OK\r\n", FOUND)

    assert _closed_meanwhile(half, slow, lambda store: store.get("k")) == 5


def test_a_write_that_may_be_done_is_told_as_such_when_the_store_is_closed(half: Any) -> None:
    slow = _Slow(b"HTTP/1.1 503 Busy\r\n", b"")

    error = _closed_meanwhile(half, slow, lambda store: store.set("k", 1))

    assert type(error) is OutcomeUnknownError
    assert "the store is closed: it may be done or not" in str(error)


def test_a_read_that_is_not_answered_when_the_store_is_closed_is_closed(half: Any) -> None:
    slow = _Slow(b"HTTP/1.1 503 Busy\r\n", b"")

    error = _closed_meanwhile(half, slow, lambda store: store.get("k"))

    assert type(error) is ClosedError


def test_the_longest_time_is_a_day(half: Any, kv: KvServer) -> None:
    with Bridge() as bridge, bridge.driven(store_of(half, kv, timeout=86_400)) as store:
        store.set("k", 1)
        assert store.get("k") == 1
    for seconds in (86_401, 1e10, 10**400):
        with pytest.raises(storage.ConfigurationError, match="timeout is a day at the most"):
            store_of(half, kv, timeout=seconds)


def test_threads_that_nobody_waits_for_do_not_pile_up(
    kv: KvServer,
    monkeypatch: pytest.MonkeyPatch,
    names: threading.Event,  # noqa: F811
) -> None:
    monkeypatch.setattr(links, "MOST_LOST", 3)
    url = kv.url.replace("127.0.0.1", "localhost")

    with store_of(storage, kv, timeout=1.0, base_url=url) as store:
        try:
            for _ in range(5):
                with pytest.raises(UnavailableError, match="not answer in time"):
                    store.set("k", 1)
            assert len(calls()) == 3
        finally:
            names.set()
        until(lambda: not calls(), "the end of what was given up")
        assert kv.requests == []

        until(lambda: _works(lambda: store.set("k", 1)), "a call that is made again")


def _works(act: Callable[[], object]) -> bool:
    try:
        act()
    except UnavailableError:
        return False
    return True


# What is too large for a reply with others, and is written while it is read.


class _Changing:
    """A service of one large entry, which is written anew after some of its requests."""

    account, namespace, token, url = "a", "b", "c", "https://kv.test"

    def __init__(self, changes: Callable[[int], bool]) -> None:
        self._changes = changes
        self._asked = 0
        self._version = 1

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/bulk/get"):
            return httpx.Response(413)
        version = self._version
        self._asked += 1
        if self._changes(self._asked):
            self._version += 1
        if "/metadata/" in path:
            return httpx.Response(200, json={"success": True, "result": {"n": version}})
        return httpx.Response(200, text=str(version))


@pytest.mark.parametrize("after", range(1, 6))
def test_a_value_is_never_read_with_the_metadata_of_another(half: Any, after: int) -> None:
    service = _Changing(lambda asked: asked == after)
    client = CLIENTS[half](transport=httpx.MockTransport(service))
    with Bridge() as bridge:
        store = bridge.driven(store_of(half, service, client=client))

        value, metadata = store.get_with_metadata("k")

        assert metadata == {"n": value}
        bridge.driven(client).close()


def test_a_value_that_is_written_all_the_time_is_given_up_at_the_deadline(half: Any) -> None:
    service = _Changing(lambda asked: True)
    client = CLIENTS[half](transport=httpx.MockTransport(service))
    with Bridge() as bridge:
        store = bridge.driven(store_of(half, service, client=client, timeout=0.3))

        with lasting(0.3), pytest.raises(UnavailableError):
            store.get_with_metadata("k")
        bridge.driven(client).close()
