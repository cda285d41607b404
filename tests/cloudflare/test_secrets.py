"""What logs at DEBUG, errors and all that led to them show: no token, and nothing of a value."""

from __future__ import annotations

import copy
import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import storage
import storage.aio
from storage import AccessDeniedError, ConfigurationError, StorageError
from storage.cloudflare.options import Options, Token
from storage.testing import Bridge
from tests.cloudflare.ground import Opened, crook, crossed, store_of, whole_request
from tests.day import IS_LONG
from tests.fault.ground import SECRET
from tests.servers.cloudflare import Fault, KvServer

pytestmark = pytest.mark.timed

SECONDS = 1.5 if IS_LONG else 0.3

FAULTS: dict[str, Callable[[], list[Fault]]] = {
    "nothing": list,
    "busy for long": lambda: [Fault(status=429, headers={"Retry-After": "9999"}, times=9)],
    "denied": lambda: [Fault(status=403, code=9109, times=9)],
    "refused with a word of the value": lambda: [
        Fault(status=400, code=10012, message=f"can not parse {SECRET}", times=9)
    ],
    "no JSON": lambda: [Fault(status=200, body=SECRET.encode(), times=9)],
    "elsewhere": lambda: [Fault(status=302, headers={"Location": "http://kv.test/"}, times=9)],
    "dropped": lambda: [Fault(drop="after", times=99)],
    "reset": lambda: [Fault(drop="before", reset=True, times=99)],
    "cut": lambda: [Fault(cut=3, times=99)],
    "no header": lambda: [Fault(status=200, headers={"X Broken": "a"}, times=99)],
    "silent": lambda: [Fault(delay=1.5 * SECONDS, times=1)],
    "no gzip": lambda: [
        Fault(status=200, headers={"Content-Encoding": "gzip"}, body=SECRET.encode(), times=99)
    ],
}
ACTS: dict[str, Callable[[Any], object]] = {
    "get": lambda store: store.get("k"),
    "set": lambda store: store.set("k", {"word": SECRET}),
    "set_with_metadata": lambda store: store.set_with_metadata("k", SECRET, {"note": SECRET}),
    "delete": lambda store: store.delete("k"),
}


def shown(error: BaseException) -> str:
    """All that a log, a copy and a report with the variables of our frames show of *error*."""
    parts = [*traceback.format_exception(error)]
    one: BaseException | None = error
    while one is not None:
        parts += [repr(one), repr(vars(one)), repr(one.args), str(pickle.dumps(one))]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if "tests" not in frame.f_code.co_filename:
                parts += map(repr, frame.f_locals.values())
        one = one.__cause__ or one.__context__
    return "".join(parts)


def told(error: BaseException) -> str:
    """All that a log and a copy show."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(pickle.dumps(error))


@pytest.mark.parametrize(("half", "fault", "act"), crossed(FAULTS, ACTS))
def test_nothing_shows_the_token(
    fault: str, act: str, opened: Opened, kv: KvServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = opened(kv, timeout=SECONDS)
    kv.fault(*FAULTS[fault]())
    errors: list[StorageError] = []

    try:
        ACTS[act](store)
    except StorageError as error:
        errors.append(error)

    assert kv.token not in "".join(map(shown, errors)) + caplog.text + repr(store)
    assert SECRET not in "".join(map(told, errors)) + caplog.text
    assert kv.requests


def test_logs_at_debug_were_looked_at(
    store: Any, kv: KvServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    store.set("k", SECRET)

    assert {"storage", "httpx"} <= {record.name for record in caplog.records}
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    assert kv.token not in caplog.text
    assert SECRET not in caplog.text


def test_a_token_that_is_refused_is_not_shown(half: Any, kv: KvServer) -> None:
    for token in ("another-token-nobody-shows", kv.foreign_token):
        with Bridge() as bridge, bridge.driven(store_of(half, kv, token=token)) as store:
            with pytest.raises(AccessDeniedError, match="refuses the token") as caught:
                store.get("k")
            assert token not in shown(caught.value)


def test_an_account_or_a_namespace_that_is_none_is_named_by_what_to_check(
    half: Any, kv: KvServer
) -> None:
    for account, namespace in (("a" * 32, kv.namespace), (kv.account, "b" * 32)):
        with Bridge() as bridge:
            made = half.CloudflareStorage(account, namespace, kv.token, base_url=kv.url)
            with bridge.driven(made) as store:
                with pytest.raises(ConfigurationError, match="check account_id, namespace_id"):
                    store.set("k", 1)
                with pytest.raises(ConfigurationError):
                    list(store.keys())


def test_what_makes_a_store_hides_the_token() -> None:
    token = Token("a-token-nobody-shows")
    options = Options(
        *("a", "b", token),
        prefix="",
        timeout=None,
        client=None,
        base_url="https://kv.test",
        clock=lambda: 0.0,
    )

    words = f"{token!r} {token} {options!r} {vars(options)!r}"

    assert "nobody-shows" not in words
    assert options.token.text() == "a-token-nobody-shows"


@pytest.mark.parametrize("way", [pickle.dumps, copy.deepcopy])
def test_a_token_is_neither_copied_nor_pickled(way: Any, half: Any) -> None:
    class Nowhere:
        url, account, namespace, token = "https://kv.test", "a", "b", "a-token-nobody-shows"

    kind = httpx.Client if half is storage else httpx.AsyncClient
    client = kind(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    with Bridge() as bridge:
        store = store_of(half, Nowhere, client=client)
        for thing in (Token("a-token-nobody-shows"), store):
            with pytest.raises(TypeError):
                way(thing)
        bridge.driven(client).close()


def test_a_reply_that_breaks_the_protocol_is_not_quoted(half: Any) -> None:
    def act(connection: socket.socket, ends: threading.Event) -> None:
        while whole_request(connection):
            connection.sendall(f"HTTP/1.1 {SECRET}\r\n{SECRET}\r\n\r\n".encode())
            connection.shutdown(socket.SHUT_RDWR)

    with crook(act) as server, Bridge() as bridge:
        store = bridge.driven(store_of(half, server, timeout=0.5))
        with pytest.raises(StorageError) as caught:
            store.get("k")
        store.close()

    assert SECRET not in shown(caught.value)
    assert server.token not in shown(caught.value)


def test_what_a_client_of_ones_own_raises_is_not_quoted(half: Any) -> None:
    class Nowhere:
        url, account, namespace, token = "https://kv.test", "a", "b", "a-token-nobody-shows"

    class OddError(httpx.TransportError):
        def __init__(self, request: httpx.Request, *, more: str) -> None:
            super().__init__(f"{more} {request.headers['authorization']} {request.content!r}")
            self.request = request

    def answer(request: httpx.Request) -> httpx.Response:
        raise OddError(request, more=SECRET)

    kind = httpx.Client if half is storage else httpx.AsyncClient
    client = kind(transport=httpx.MockTransport(answer))
    with Bridge() as bridge:
        store = bridge.driven(store_of(half, Nowhere, client=client, timeout=0.3))
        with pytest.raises(StorageError) as caught:
            store.set("k", SECRET)
        bridge.driven(client).close()

    assert "nobody-shows" not in shown(caught.value)
    assert SECRET not in told(caught.value)
