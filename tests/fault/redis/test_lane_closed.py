"""A store of asyncio is closed at a bad moment: nobody waits long, and no connection is left."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
import redis.credentials

import storage.aio
from storage import ClosedError, StorageError, UnavailableError
from tests.fault import faults
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import LONG_TEXT, NAME, Port, clients, url
from tests.servers import Server
from tests.servers.resp import MARK
from tests.servers.tls import Certificates
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.timed

SECONDS, LONG = 1.0, 20
CALLS, OWED = 3000, 2048
"""More calls than one connection owes answers at the most."""

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nobody counts sockets")


class NothingMore(faults.Fault):
    """Behind the replies to *several* nothing is taken any more, not even the end of TLS."""

    def __init__(self, several: int = 1) -> None:
        self._all = threading.Barrier(several)

    def reply(self, way: faults.Way, reply: bytes) -> None:
        self._all.wait(PATIENCE)
        way.to_client(reply)
        way.wait(PATIENCE)


def ways_to(place: Proxy) -> int:
    """How many sockets of this process lead there."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        if link.is_symlink() and str(link.readlink()).startswith("socket:"):
            with socket.socket(fileno=os.dup(int(link.name))) as one, suppress(OSError):
                found += one.getpeername()[1:2] == (place.port,)
    return found


async def deaf(certificates: Certificates, proxy: Proxy) -> Any:
    """A store with one connection that is shared and three that are lent, where nothing goes on,
    and the server is silent from now on."""
    place = f"{url(proxy, timeout=SECONDS)}&ssl_ca_certs={certificates.ca}"
    store = storage.aio.RedisStorage(place)
    await store.set("n", 1)
    proxy.next(NothingMore(), MARK)
    await store.get("n")
    proxy.always(NothingMore(3), "SET")
    await asyncio.gather(*(store.set(str(number), LONG_TEXT) for number in range(3)))
    assert ways_to(proxy) == 4
    return store


@linux
def test_connections_that_can_not_be_ended_in_peace_are_cut_all_at_once(
    certificates: Certificates, valkey: Server
) -> None:
    async def main(proxy: Proxy) -> None:
        store = await deaf(certificates, proxy)
        begin = time.monotonic()
        await store.aclose()
        assert time.monotonic() - begin < 2 * SECONDS
        await asyncio.sleep(0)
        assert ways_to(proxy) == 0

    with Proxy(valkey.address, certificates.right) as proxy:
        asyncio.run(main(proxy))


@linux
def test_who_does_not_wait_until_they_are_closed_leaves_none(
    certificates: Certificates, valkey: Server
) -> None:
    async def main(proxy: Proxy) -> None:
        store = await deaf(certificates, proxy)
        closing = asyncio.ensure_future(store.aclose())
        await asyncio.sleep(SECONDS / 10)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await asyncio.sleep(0)
        assert ways_to(proxy) == 0

    with Proxy(valkey.address, certificates.right) as proxy:
        asyncio.run(main(proxy))


def test_who_is_closed_with_more_than_a_connection_takes_opens_none(
    proxy: Proxy, valkey: Server
) -> None:
    async def main() -> None:
        store = storage.aio.RedisStorage(url(proxy, timeout=LONG))
        await store.set("n", 1)
        calls = [asyncio.ensure_future(store.get("n")) for _ in range(CALLS)]
        await asyncio.sleep(0)
        await store.aclose()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert answers[:OWED] == [1] * OWED
        assert {type(answer) for answer in answers[OWED:]} == {ClosedError}
        await asyncio.to_thread(until, lambda: clients(valkey) == 0, "the end of all", seconds=5)

    asyncio.run(main())
    assert proxy.connections == 1


def test_who_is_closed_while_it_looks_for_its_servers_leaves_no_connection(valkey: Server) -> None:
    met: list[socket.socket] = []

    async def main(silent: Port) -> None:
        nodes = f"redis+cluster://{silent.url[8:-2]},{valkey.host}:{valkey.port}"
        store = storage.aio.RedisStorage(f"{nodes}?client_name=bot-under-test&timeout=2")
        reading = asyncio.ensure_future(store.get("n"))
        await asyncio.to_thread(until, lambda: met)
        await store.aclose()
        await asyncio.wait([reading])
        assert isinstance(reading.exception(), StorageError)
        assert clients(valkey) == 0

    with Port(met.append) as silent:
        asyncio.run(main(silent))
    for one in met:
        one.close()


class Deaf(redis.credentials.CredentialProvider):
    """It does not hear that it is cancelled."""

    def __init__(self) -> None:
        self.is_asked = False

    def get_credentials(self) -> Any:
        return ("default", "")

    async def get_credentials_async(self) -> Any:
        self.is_asked = True
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(PATIENCE)
        return self.get_credentials()


@pytest.mark.parametrize("how", ["closed", "cut"])
def test_what_connects_all_the_same_is_closed_at_once(how: str, valkey: Server) -> None:
    """Be it that its store is closed or that its loop has ended."""

    async def main() -> None:
        vault = Deaf()
        client = redis.asyncio.Redis(port=valkey.port, client_name=NAME, credential_provider=vault)
        store = storage.aio.RedisStorage(client, timeout=LONG)
        reading = asyncio.ensure_future(store.get("n"))
        await asyncio.to_thread(until, lambda: vault.is_asked)
        if how == "closed":
            await store.aclose()
        else:
            for pool in list(store._backend._room._door._links._pools.values()):
                await pool.cut()
        await asyncio.wait([reading])
        await asyncio.to_thread(until, lambda: clients(valkey) == 0, "the end of all")

    asyncio.run(main())


def test_what_a_loop_opens_after_its_end_is_closed_after_the_call(valkey: Server) -> None:
    loop = asyncio.new_event_loop()
    store = storage.aio.RedisStorage(url(valkey, timeout=LONG))
    loop.run_until_complete(store.set("n", 1))
    loop.run_until_complete(loop.shutdown_asyncgens())

    async def go_on() -> None:
        assert await asyncio.gather(*(store.get("n") for _ in range(3))) == [1] * 3
        await store.set("long", LONG_TEXT)
        await asyncio.to_thread(until, lambda: clients(valkey) == 0, "the end of all")

    loop.run_until_complete(go_on())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def test_a_loop_that_goes_on_after_its_end_has_deadlines(proxy: Proxy, valkey: Server) -> None:
    loop = asyncio.new_event_loop()
    store = storage.aio.RedisStorage(url(proxy, timeout=SECONDS))
    loop.run_until_complete(store.set("n", 1))
    loop.run_until_complete(loop.shutdown_asyncgens())

    async def go_on() -> None:
        assert await store.get("n") == 1
        proxy.always(faults.Blackhole())
        with pytest.raises(UnavailableError):
            await asyncio.wait_for(store.get("n"), 4 * SECONDS)
        proxy.cut()
        await asyncio.to_thread(until, lambda: clients(valkey) == 0)

    loop.run_until_complete(go_on())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    asyncio.run(store.aclose())
    assert MARK in proxy.forwarded


@linux
def test_what_was_handed_to_somebody_who_is_cancelled_is_closed(proxy: Proxy) -> None:
    async def main() -> None:
        store: Any = storage.aio.RedisStorage(url(proxy, timeout=LONG, connections=1))
        await store.set("n", LONG_TEXT)
        (pool,) = store._backend._room._door._links._pools.values()
        first, second = [asyncio.ensure_future(store.set("n", LONG_TEXT)) for _ in range(2)]
        while not pool.waiting:  # noqa: ASYNC110 - turn by turn
            await asyncio.sleep(0)
        handed = pool.waiting[0]
        while not handed.done():  # noqa: ASYNC110 - turn by turn
            await asyncio.sleep(0)
        second.cancel()  # which it hears after this turn
        await store.aclose()
        await asyncio.wait([first, second])
        assert second.cancelled()
        await asyncio.sleep(0.01)
        assert ways_to(proxy) == 0

    asyncio.run(main())
