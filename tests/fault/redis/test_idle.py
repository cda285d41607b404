"""A connection that the server closed while nobody used it costs nobody anything: nothing was sent
on it, so the next call works, whatever it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import storage.aio
from tests.fault.faults import End
from tests.fault.ground import together
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import LONG_TEXT, clients, raw, url
from tests.servers import Server, running, states
from tests.waiting import until

Close = Callable[[Server], None]


def let_time_out(server: Server) -> None:
    server.call("CONFIG", "SET", "timeout", 1)
    try:
        until(lambda: clients(server) == 0, "the end of idle connections")
    finally:
        server.call("CONFIG", "SET", "timeout", 0)


CLOSED: dict[str, Close] = {
    "killed by an administrator": states.drop_clients,
    "idle for too long": let_time_out,
    "the server was restarted": Server.restart,
}


@pytest.mark.parametrize("how", CLOSED)
def test_the_next_call_works(how: str, at: At, valkey: Server) -> None:
    stores = [at(valkey, protocol=protocol) for protocol in (2, 3)]
    for store in stores:
        store.incr("n")
    CLOSED[how](valkey)
    before = int(raw(valkey, "n") or 0)

    for number, store in enumerate(stores, before + 1):
        assert store.incr("n") == number
        assert raw(valkey, "n") == b"%d" % number


@pytest.mark.parametrize("how", [End.RST, End.FIN])
def test_however_it_was_closed_the_next_change_is_done_once(
    how: End, at: At, proxy: Proxy, valkey: Server
) -> None:
    store = at(proxy)
    for number in range(1, 30):
        assert store.incr("n") == number
        proxy.cut(how)
    assert raw(valkey, "n") == b"29"


@pytest.mark.parametrize("how", [End.RST, End.FIN])
def test_a_loop_that_was_too_busy_to_notice_finds_out_before_it_sends(
    how: End, proxy: Proxy
) -> None:
    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy)) as store:
            for number in range(1, 30):
                assert await store.incr("n") == number
                proxy.cut(how)  # the loop does not turn meanwhile

    asyncio.run(main())


@pytest.mark.parametrize("how", [End.RST, End.FIN])
def test_nor_does_it_send_what_is_long(how: End, proxy: Proxy) -> None:
    """Which has a connection of its own."""

    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy)) as store:
            for number in range(1, 30):
                assert await store.add(str(number), LONG_TEXT)
                proxy.cut(how)

    asyncio.run(main())


def test_all_idle_connections_may_be_gone(at: At, valkey: Server) -> None:
    store = at(valkey)
    together(*[lambda: [store.set("k", 1) for _ in range(20)]] * 6)
    many = clients(valkey)
    states.drop_clients(valkey)
    until(lambda: clients(valkey) == 0)

    for number in range(1, many + 3):
        assert store.incr("n") == number
    assert clients(valkey) <= many


def test_what_was_saved_is_there_after_a_restart(at: At, valkey: Server, tmp_path: Path) -> None:
    with running(valkey.binary, tmp_path, "--appendonly", "yes", clock=False) as own:
        store = at(own)
        assert store.incr("n") == 1
        own.restart()
        assert store.incr("n") == 2
        store.close()
