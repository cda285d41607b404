"""Connections are kept and used again, by whom they belong to and nobody else."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

import storage
import storage.aio
from storage import ClosedError, ConfigurationError, OutcomeUnknownError, UnavailableError
from storage.testing import Bridge
from tests.cloudflare.ground import Opened, asked, crook, lasting, store_of, whole_request
from tests.cloudflare.test_deadline import calls, silent
from tests.fault.ground import PATIENCE, Child, in_child, python, striking, together
from tests.servers.cloudflare import Fault, KvServer
from tests.waiting import until

FOUND = b'{"success": true, "result": {"values": {"k": {"value": "5"}}}}'


@pytest.fixture
def taken(kv: KvServer) -> Any:
    """How many connections the server has taken in this test."""
    before = kv.connections
    return lambda: kv.connections - before


def test_calls_one_after_the_other_use_one_connection(store: Any, taken: Any) -> None:
    for step in range(20):
        store.set("k", step)
        assert store.get("k") == step

    assert taken() == 1


def test_a_failure_that_is_answered_costs_no_connection(
    store: Any, kv: KvServer, taken: Any
) -> None:
    kv.fault(Fault(status=500, times=2), Fault(status=413))

    for _ in range(5):
        store.get("k")

    assert taken() == 1


def test_calls_at_the_same_time_have_a_connection_each_at_the_most(
    store: Any, kv: KvServer, taken: Any
) -> None:
    def work() -> None:
        for step in range(10):
            store.set(f"{threading.get_ident()}", step)

    together(*[work] * 6)

    assert taken() <= 6
    assert len(kv.stored) == 6


def test_a_connection_that_was_closed_while_nobody_used_it_is_replaced(
    store: Any, kv: KvServer, taken: Any
) -> None:
    store.set("k", 1)
    kv.hang_up()
    asked(kv)

    store.set("k", 2)

    assert taken() == 2
    assert len(kv.requests) == 1


def test_what_was_cut_off_is_not_used_again(opened: Opened, kv: KvServer, taken: Any) -> None:
    store = opened(kv, timeout=1.0)
    store.set("k", 1)
    kv.fault(Fault(delay=1.5))

    with pytest.raises(UnavailableError):
        store.get("other")

    assert store.get("k") == 1
    assert taken() == 2


def test_closing_closes_what_was_opened(half: Any, kv: KvServer) -> None:
    with Bridge() as bridge:
        store = bridge.driven(store_of(half, kv))
        store.set("k", 1)
        assert places(kv)

        store.close()

        assert not places(kv)


def places(kv: KvServer) -> list[str]:
    """The connections of this process to the server."""
    lines = Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()
    wanted = f":{kv.port:04X}"
    words = [line.split() for line in lines]
    return [one[1] for one in words if one[2].endswith(wanted) and one[3] == "01"]


def test_each_loop_has_connections_of_its_own_which_end_with_it(kv: KvServer, taken: Any) -> None:
    store = store_of(storage.aio, kv)

    async def use(step: int) -> Any:
        await store.set("k", step)
        return await store.get("k")

    for step in range(3):
        assert asyncio.run(use(step)) == step
        assert not places(kv)

    assert taken() == 3
    asyncio.run(store.aclose())


def test_closing_in_one_loop_closes_what_others_have_opened(kv: KvServer) -> None:
    store = store_of(storage.aio, kv)
    with Bridge() as bridge:
        bridge.driven(store).set("k", 1)

        asyncio.run(store.aclose())

        until(lambda: not places(kv), "the end of the connections")


def test_many_tasks_wait_for_a_connection_and_are_all_served(kv: KvServer, taken: Any) -> None:
    async def run() -> None:
        async with store_of(storage.aio, kv, timeout=60) as store:
            await asyncio.gather(*(store.set(f"k{number}", number) for number in range(150)))

    asyncio.run(run())

    assert len(kv.stored) == 150
    assert taken() <= 20


def test_a_task_that_is_cancelled_leaves_the_store_as_it_was() -> None:
    asked = threading.Event()

    async def run(server: Any) -> None:
        async with store_of(storage.aio, server, timeout=60) as store:
            task = asyncio.ensure_future(store.get("k"))
            await asyncio.to_thread(asked.wait, PATIENCE)
            task.cancel()
            with lasting(0), pytest.raises(asyncio.CancelledError):
                await task

            with lasting(0):
                assert await store.get("k") == 5

    with crook(first_is_silent(asked)) as server:
        asyncio.run(run(server))
        assert server.taken == 2


def first_is_silent(asked: threading.Event) -> Any:
    """A server that says nothing on its first connection, and answers on all others."""

    def act(connection: socket.socket, ends: threading.Event) -> None:
        while whole_request(connection):
            if not asked.is_set():
                asked.set()
                ends.wait()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(FOUND)}\r\n\r\n".encode()
            connection.sendall(head + FOUND)

    return act


def test_an_interrupt_ends_a_call_at_once_and_what_waited_for_it() -> None:
    with striking() as strike:

        def strikes(connection: socket.socket, ends: threading.Event) -> None:
            whole_request(connection)
            strike()
            ends.wait()

        with crook(strikes) as server, store_of(storage, server, timeout=60) as store:
            with lasting(0), pytest.raises(KeyboardInterrupt):
                store.get("k")

            until(lambda: not calls(), "the end of what was given up")


def test_a_forked_process_makes_connections_of_its_own(half: Any, kv: KvServer, taken: Any) -> None:
    with Bridge() as bridge:
        store = store_of(half, kv)
        bridge.driven(store).set("k", 1)

        def work() -> None:
            with Bridge() as another:
                driven = another.driven(store)
                driven.set("child", 2)
                assert driven.get("k") == 1
                driven.close()

        in_child(work)

        assert taken() == 2
        assert bridge.driven(store).get("child") == 2
        assert taken() == 2
        bridge.driven(store).close()


def test_a_forked_process_holds_no_connection_of_its_parent(half: Any, kv: KvServer) -> None:
    with Bridge() as bridge:
        store = bridge.driven(store_of(half, kv))
        store.set("k", 1)

        def work(says: Any) -> None:
            says(b"!")
            threading.Event().wait(60)

        child = Child(work)
        assert child.read(1) == b"!"
        store.close()

        # Were the child to hold it, the server would not see its end.
        until(lambda: not others(kv), "the end of the connection")
        child.kill()
        child.close()


def others(kv: KvServer) -> int:
    """How many connections the server holds open."""
    with kv._http._lock:
        return len(kv._http._open)


def test_at_the_end_of_the_interpreter_a_value_can_be_stored_yet(kv: KvServer) -> None:
    script = (
        "import atexit, sys, storage\n"
        "url, account, namespace, token = sys.argv[1:]\n"
        "store = storage.CloudflareStorage(account, namespace, token, base_url=url)\n"
        "atexit.register(lambda: store.set('k', 'goodbye'))\n"
    )

    done = python(script, kv.url, kv.account, kv.namespace, kv.token)

    assert (done.returncode, done.stderr) == (0, "")
    assert kv.stored["k"].value == b'"goodbye"'


# A client of somebody's own.

CLIENTS: dict[Any, Any] = {storage: httpx.Client, storage.aio: httpx.AsyncClient}


def test_a_client_of_ones_own_is_used_as_it_is_and_stays_open(half: Any, kv: KvServer) -> None:
    seen: list[str] = []
    responses = {
        storage: lambda response: seen.append(str(response.status_code)),
        storage.aio: _later(lambda response: seen.append(str(response.status_code))),
    }
    client = CLIENTS[half](
        event_hooks={"response": [responses[half]]},
        cookies={"secret": "cookie"},
        params={"secret": "word"},
        auth=("secret", "login"),
        follow_redirects=True,
        headers={"X-Secret": "header"},
    )
    with Bridge() as bridge, ExitStack() as stack:
        stack.callback(lambda: bridge.driven(client).close())
        with bridge.driven(store_of(half, kv, client=client)) as store:
            store.set("k", 1)
            assert store.get("k") == 1
            kv.fault(Fault(status=307, headers={"Location": kv.url}))
            with pytest.raises(ConfigurationError, match="leads elsewhere"):
                store.get("k")

        assert client.is_closed is False
    assert seen == ["200", "200", "307"]
    for request in kv.requests:
        assert "secret" not in f"{request.headers} {request.query}".lower()
        assert request.headers["authorization"] == f"Bearer {kv.token}"


def _later(act: Any) -> Any:
    async def later(*args: Any) -> None:
        act(*args)

    return later


@pytest.mark.parametrize("how", ["silent", "drips"])
def test_a_call_by_a_client_of_ones_own_ends_no_later_than_the_deadline(
    how: str, half: Any
) -> None:
    def drips(connection: socket.socket, ends: threading.Event) -> None:
        whole_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not ends.wait(0.02):
            connection.sendall(b"a")

    client = CLIENTS[half](timeout=None)
    with crook(silent if how == "silent" else drips) as server, Bridge() as bridge:
        store = bridge.driven(store_of(half, server, client=client, timeout=1.0))
        with lasting(1.0), pytest.raises(OutcomeUnknownError):
            store.set("k", 1)
        store.close()
        until(lambda: not calls(), "the end of what was given up")
        assert client.is_closed is False
        bridge.driven(client).close()


def test_a_transport_of_ones_own_needs_no_network(half: Any) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/bulk/get"):
            raise httpx.ConnectError("nobody is there")
        return httpx.Response(200, json={"success": True, "result": None})

    class Nowhere:
        url, account, namespace, token = "https://kv.test", "a", "b", "c"

    client = CLIENTS[half](transport=httpx.MockTransport(answer))
    with Bridge() as bridge:
        store = bridge.driven(store_of(half, Nowhere, client=client, timeout=1.0))
        store.set("k", 1)
        with pytest.raises(UnavailableError, match="can not be reached"):
            store.get("k")
        bridge.driven(client).close()


def test_a_hook_that_raises_for_a_status_is_understood(half: Any, kv: KvServer) -> None:
    def raising(response: httpx.Response) -> None:
        response.raise_for_status()

    hook = raising if half is storage else _later(raising)
    client = CLIENTS[half](event_hooks={"response": [hook]})
    kv.fault(Fault(status=503), Fault(status=403))
    with Bridge() as bridge:
        store = bridge.driven(store_of(half, kv, client=client))
        with pytest.raises(storage.AccessDeniedError):
            store.get("k")
        bridge.driven(client).close()


def test_a_client_of_ones_own_that_is_closed_is_told_as_such(half: Any, kv: KvServer) -> None:
    client = CLIENTS[half]()
    with Bridge() as bridge:
        store = bridge.driven(store_of(half, kv, client=client))
        store.set("k", 1)
        bridge.driven(client).close()

        for act in (lambda: store.get("k"), lambda: store.set("k", 2)):
            with pytest.raises(ClosedError, match="the client that was given is closed"):
                act()

    assert kv.stored["k"].value == b"1"


def test_a_client_of_the_other_colour_is_refused_when_the_store_is_made(
    half: Any, kv: KvServer
) -> None:
    other = CLIENTS[storage.aio if half is storage else storage]()

    with pytest.raises(ConfigurationError, match="the other one takes this client"):
        store_of(half, kv, client=other)
    with pytest.raises(ConfigurationError, match="client must be an httpx"):
        store_of(half, kv, client=object())

    with Bridge() as bridge:
        bridge.driven(other).close()


# A proxy, as the environment names it.


def test_without_tls_no_proxy_of_the_environment_is_told_the_token(
    half: Any, kv: KvServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crook(silent) as server, Bridge() as bridge:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, server.url)
        with bridge.driven(store_of(half, kv)) as store:
            store.set("k", 5)

        assert server.taken == 0

    assert kv.stored["k"].value == b"5"


def test_a_proxy_that_can_not_be_used_is_refused_when_the_store_is_made(
    half: Any, kv: KvServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://user:hunter2@proxy")

    with pytest.raises(ConfigurationError, match="a proxy that can not be used") as caught:
        store_of(half, kv, base_url="https://kv.test")

    assert "hunter2" not in str(caught.value)
