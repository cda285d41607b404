"""A call has one deadline, whatever a server does or does not do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from storage import OutcomeUnknownError, StorageError, UnavailableError
from tests.cloudflare.ground import Crook, Opened, crook, crossed, lasting, whole_request
from tests.day import IS_LONG
from tests.servers.cloudflare import Fault, KvServer
from tests.waiting import until

pytestmark = pytest.mark.timed

SECONDS = 1.0 if IS_LONG else 0.5

ACTS: dict[str, Callable[[Any], object]] = {
    "get": lambda store: store.get("k"),
    "set": lambda store: store.set("k", 1),
    "keys": lambda store: list(store.keys()),
}
OUTCOMES = {"get": UnavailableError, "set": OutcomeUnknownError, "keys": UnavailableError}


def silent(connection: socket.socket, ends: threading.Event) -> None:
    """Take everything, and say nothing."""
    whole_request(connection)
    ends.wait()


def deaf(connection: socket.socket, ends: threading.Event) -> None:
    """Read nothing."""
    ends.wait()


def drip(text: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """Answer byte by byte, for ever."""

    def act(connection: socket.socket, ends: threading.Event) -> None:
        whole_request(connection)
        connection.sendall(text)
        while not ends.wait(0.02):
            connection.sendall(b"a")

    return act


ANSWER = b"HTTP/1.1 200 OK\r\n"
MISBEHAVED = {
    "silent": silent,
    "drips its status": drip(b""),
    "drips its headers": drip(ANSWER + b"X-Long: "),
    "drips its body": drip(ANSWER + b"Content-Length: 100000\r\n\r\n"),
    "is silent in its body": lambda connection, ends: (
        whole_request(connection),
        connection.sendall(ANSWER + b"Content-Length: 100000\r\n\r\n{"),
        ends.wait(),
    ),
}


@pytest.mark.parametrize(("half", "how", "act"), crossed(MISBEHAVED, ACTS))
def test_a_server_that_takes_its_time_ends_no_later_than_the_deadline(
    how: str, act: str, opened: Opened
) -> None:
    with crook(MISBEHAVED[how]) as server:
        store = opened(server, timeout=SECONDS)

        with lasting(SECONDS), pytest.raises(StorageError, match="not answer in time") as caught:
            ACTS[act](store)

        assert type(caught.value) is OUTCOMES[act]
        until(lambda: not calls(), "the end of what was given up")


def calls() -> list[threading.Thread]:
    """The threads in which requests are made."""
    return [thread for thread in threading.enumerate() if thread.name == "storage"]


def test_what_a_server_does_not_read_is_not_waited_for_longer(opened: Opened) -> None:
    with crook(deaf) as server:
        store = opened(server, timeout=SECONDS)

        # To make a text of it takes a while, before anything is asked.
        with lasting(SECONDS, 5), pytest.raises(OutcomeUnknownError):
            store.set("k", "a" * 6_000_000)

        until(lambda: not calls(), "the end of what was given up")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Who asks where a host is waits until this is set."""
    ends = threading.Event()
    real = socket.getaddrinfo

    def wait(*args: Any, **options: Any) -> Any:
        ends.wait(20)
        return real(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    return ends


@pytest.mark.parametrize(("half", "act"), crossed(ACTS))
def test_a_name_that_is_not_found_in_time_ends_no_later(
    act: str, kv: KvServer, opened: Opened, names: threading.Event
) -> None:
    store = opened(kv, timeout=SECONDS, base_url=kv.url.replace("127.0.0.1", "localhost"))

    try:
        with lasting(SECONDS), pytest.raises(UnavailableError):
            ACTS[act](store)
    finally:
        names.set()

    until(lambda: not calls(), "the end of what was given up")
    assert kv.requests == []


@pytest.mark.parametrize(("half", "act"), crossed(ACTS))
def test_who_takes_no_connection_has_not_done_it(act: str, opened: Opened) -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        place = listener.getsockname()
        for one in (first, second):
            one.settimeout(0.05)
            with suppress(OSError):
                one.connect(place)

        class Full:
            account, namespace, token = Crook.account, Crook.namespace, Crook.token
            url = f"http://127.0.0.1:{place[1]}"

        store = opened(Full, timeout=SECONDS)
        with lasting(SECONDS), pytest.raises(UnavailableError):
            ACTS[act](store)
        until(lambda: not calls(), "the end of what was given up")


@pytest.mark.parametrize(("half", "act"), crossed(ACTS))
def test_where_nobody_listens_it_is_tried_until_the_deadline(act: str, opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    class Nobody:
        account, namespace, token = Crook.account, Crook.namespace, Crook.token

    Nobody.url = url  # type: ignore[attr-defined]
    store = opened(Nobody, timeout=2 * SECONDS)

    with lasting(0, 2 * SECONDS), pytest.raises(UnavailableError, match="can not be reached"):
        ACTS[act](store)


@pytest.mark.parametrize(("half", "act"), crossed(ACTS))
def test_what_fails_is_tried_again_until_it_works(act: str, store: Any, kv: KvServer) -> None:
    kv.fault(
        Fault(status=503),
        Fault(drop="before"),
        Fault(drop="after", reset=True),
        Fault(body=b"<html>busy</html>", status=502),
        Fault(cut=5),
    )

    ACTS[act](store)

    assert len(kv.requests) == 6


@pytest.mark.parametrize(("half", "act"), crossed(ACTS))
def test_what_keeps_failing_is_given_up_within_the_deadline(
    act: str, opened: Opened, kv: KvServer
) -> None:
    store = opened(kv, timeout=2.5)
    kv.fault(Fault(status=503, times=999))

    with lasting(0.2, 2.5), pytest.raises(OUTCOMES[act], match=r"Cloudflare fails \(503\)"):
        ACTS[act](store)

    assert len(kv.requests) > 2


@pytest.mark.parametrize(("half", "act"), crossed(ACTS))
def test_a_hint_is_waited_for(act: str, store: Any, kv: KvServer) -> None:
    kv.fault(Fault(status=429, headers={"Retry-After": "1"}, code=10022))

    with lasting(1.0):
        ACTS[act](store)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    "headers", [{"Retry-After": "20000"}, {"RateLimit": '"default";r=0;t=20000'}]
)
def test_a_hint_beyond_the_deadline_is_given_up_at_once(
    headers: dict[str, str], act: str, store: Any, kv: KvServer
) -> None:
    kv.fault(Fault(status=429, headers=headers, code=10022))

    with pytest.raises(UnavailableError, match="again in 20000 seconds"):
        ACTS[act](store)

    assert len(kv.requests) == 1


def test_a_key_that_is_written_too_often_is_written_a_little_later(
    store: Any, kv: KvServer
) -> None:
    kv.ways.one_write_a_second = True

    for step in range(2):
        store.set("k", step)

    assert store.get("k") == 1


def test_after_a_deadline_the_store_goes_on(opened: Opened, kv: KvServer) -> None:
    store = opened(kv, timeout=2 * SECONDS)
    store.set("k", 1)
    kv.fault(Fault(delay=3 * SECONDS))

    with pytest.raises(UnavailableError):
        store.get("k")

    assert store.get("k") == 1


@pytest.mark.parametrize(("half", "act"), crossed(["delete", "delete_many", "items", "clear"]))
def test_a_call_of_several_requests_has_one_deadline(
    act: str, opened: Opened, kv: KvServer
) -> None:
    acts: dict[str, Callable[[Any], object]] = {
        "delete": lambda store: store.delete("k"),
        "delete_many": lambda store: store.delete_many(["k", "l"]),
        "items": lambda store: list(store.items()),
        "clear": lambda store: store.clear(everything=True),
    }
    store = opened(kv, timeout=2.5 * SECONDS)
    store.set("k", 1)
    kv.fault(Fault(delay=1.5 * SECONDS, times=2))

    with lasting(2.5 * SECONDS), pytest.raises(StorageError, match="not answer in time") as caught:
        acts[act](store)

    assert type(caught.value) is (UnavailableError if act == "items" else OutcomeUnknownError)
