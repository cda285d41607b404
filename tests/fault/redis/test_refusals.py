"""What keeps a server from serving is an error of its own, clear, and no longer in coming than it
has to be."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from storage import (
    AccessDeniedError,
    ConfigurationError,
    ReadOnlyError,
    StorageError,
    StorageFullError,
    UnavailableError,
    WrongTypeError,
)
from tests.fault.conftest import Open
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import (
    AGAIN,
    ONCE,
    PREFIX,
    READS,
    WRITES,
    Port,
    ends_by,
    failure,
    prepared,
    raw,
    url,
)
from tests.servers import Server, Wire, protected, states, user
from tests.waiting import until

pytestmark = pytest.mark.timed

SECONDS = 0.25
LONG = 20

State = Callable[[Server], AbstractContextManager[Any]]

CHANGES = {name: call for name, (_, call, *_) in ONCE.items()} | {
    name: AGAIN[name][1] for name in WRITES
}
READING = {name: AGAIN[name][1] for name in READS}


@pytest.fixture
def store(at: At, server: Server) -> Iterator[Any]:
    """A store on each of the servers, which can wait for a while."""
    yield prepared(at(server, timeout=LONG), server)
    server.call("FLUSHALL")


ADDING = {
    name: call
    for name, call in CHANGES.items()
    if not name.startswith(("delete", "touch", "swap for nothing"))
}
REMOVING = {name: CHANGES[name] for name in ("swap for nothing", "delete_many", "delete")}


def test_a_full_server_takes_nothing_and_goes_on_reading_and_deleting(
    store: Any, server: Server
) -> None:
    with states.full(server):
        for name, call in ADDING.items():
            error = failure(lambda call=call: call(store))
            assert type(error) is StorageFullError, name
            assert "no memory left" in str(error)
            assert raw(server, "n") == b"1"
        for name, call in READING.items():
            assert call(store) == AGAIN[name][2]
        assert store.touch("n", ttl=60)
        for call in REMOVING.values():
            call(store)
        assert raw(server, "n") is None


def stale(server: Server) -> AbstractContextManager[None]:
    return states.read_only(server, stale=False)


NO_WRITES: dict[str, tuple[State, str]] = {
    "a replica": (states.read_only, "is a replica"),
    "too few replicas": (states.lonely, "too few replicas"),
    "no disk": (states.unsaved, "can not save its data"),
}


@pytest.mark.parametrize("name", NO_WRITES)
def test_a_server_that_takes_no_writes_says_why_at_once_and_goes_on_reading(
    name: str, store: Any, server: Server
) -> None:
    state, why = NO_WRITES[name]
    with state(server):
        begin = time.monotonic()
        for change, call in CHANGES.items():
            error = failure(lambda call=call: call(store))
            assert type(error) is ReadOnlyError, change
            assert why in str(error)
        assert time.monotonic() - begin < LONG / 2, "it waited"
        for reading in ("get", "get_many", "has", "keys"):
            assert READING[reading](store) == AGAIN[reading][2]
    assert store.get("n") == 1
    assert store.incr("n") == 2


def test_a_replica_without_a_primary_says_so_at_once(store: Any, server: Server) -> None:
    with stale(server):
        begin = time.monotonic()
        for call in (READING["get"], CHANGES["set"], CHANGES["incr"]):
            error = failure(lambda call=call: call(store))
            assert isinstance(error, UnavailableError)
            assert "lost its primary" in str(error) or "is a replica" in str(error)
        assert time.monotonic() - begin < LONG / 2, "it waited"
    assert store.incr("n") == 2


def test_a_busy_server_is_waited_for_and_nothing_is_done_later(
    at: At, store: Any, server: Server
) -> None:
    hasty = at(server, timeout=SECONDS)
    until(lambda: not _fails(lambda: hasty.get("n")))
    with states.busy(server):
        error = ends_by(SECONDS, lambda: failure(lambda: hasty.get("n")))
        assert type(error) is UnavailableError
        assert "busy with a script" in str(error)
        for call in (CHANGES["set"], CHANGES["incr"]):
            ends_by(SECONDS, lambda call=call: failure(lambda: call(hasty)))
    assert raw(server, "n") == b"1"
    assert store.incr("n") == 2


def _fails(call: Callable[[], object]) -> bool:
    try:
        call()
    except StorageError:
        return True
    return False


def test_a_call_goes_on_when_the_server_is_not_busy_any_more(store: Any, server: Server) -> None:
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(store.incr("n")))
    with states.busy(server):
        thread.start()
    thread.join()

    assert answers == [2]


@pytest.mark.parametrize("kind", ["valkey", "redis8"])
def test_a_server_that_loads_its_data_is_waited_for(
    kind: str, at: At, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(kind)
    with states.loading(server.binary, tmp_path) as late:
        hasty, store = at(late, timeout=SECONDS), at(late, timeout=LONG)
        error = ends_by(SECONDS, lambda: failure(lambda: hasty.get("n")))
        assert type(error) is UnavailableError
        assert "loading its data" in str(error)
        answers: list[int] = []
        thread = threading.Thread(target=lambda: answers.append(store.incr("n")))
        thread.start()
        states.finish_loading(late)
        thread.join()
        assert answers == [1]
        store.close()
        hasty.close()


def test_a_server_with_too_many_clients_says_so_and_is_waited_for(at: At, server: Server) -> None:
    hasty, store = at(server, timeout=SECONDS), at(server, timeout=LONG)
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(store.incr("n")))
    with states.crowded(server):
        error = ends_by(SECONDS, lambda: failure(lambda: hasty.incr("n")))
        assert type(error) is UnavailableError
        assert "too many clients" in str(error) or "can not be reached" in str(error)
        thread.start()
    thread.join()
    server.call("FLUSHALL")

    assert answers == [1]


@contextmanager
def one_attempt(inside: Wire) -> Iterator[None]:
    """In the block somebody connects to the server once."""

    def connections() -> int:
        told = inside.call("INFO", "stats").decode()
        return int(told.partition("total_connections_received:")[2].split()[0])

    before = connections()
    yield
    assert connections() == before + 1


def refused_at_once(inside: Wire, store: Any, kind: type[StorageError], why: str) -> None:
    """Each call is refused by the server, once, and in no time."""
    for call in (READING["get"], CHANGES["set"], CHANGES["incr"]):
        with one_attempt(inside):
            begin = time.monotonic()
            error = failure(lambda call=call: call(store))
            assert time.monotonic() - begin < LONG / 2, "it waited"
        assert type(error) is kind
        assert why in str(error)


@pytest.mark.parametrize("protocol", [2, 3])
def test_who_has_no_password_or_a_wrong_one_is_told_at_once(
    protocol: int, at: At, server: Server
) -> None:
    with server.connect() as inside, protected(server, "right"):
        why = "refuses the user name or the password"
        wrong = Place(server.url.replace("://", "://:wrong@"))
        for place in (server, wrong):
            store = at(place, timeout=LONG, protocol=protocol)
            refused_at_once(inside, store, AccessDeniedError, why)
        right = Place(server.url.replace("://", "://:right@"))
        assert at(right, protocol=protocol).get("n") is None


class Place:
    """Where a store is, as a server or a proxy is one."""

    def __init__(self, url: str) -> None:
        self.url = url


def test_a_password_that_nobody_asked_for_is_refused(at: At, server: Server) -> None:
    odd = Place(server.url.replace("://", "://:secret@"))
    with server.connect() as inside:
        refused_at_once(inside, at(odd, timeout=LONG), AccessDeniedError, "the password")


def test_a_database_that_is_not_there_is_told_at_once(opened: Open, server: Server) -> None:
    place = url(server, timeout=LONG).replace("/0?", "/99?")
    store = opened("RedisStorage", place)
    with server.connect() as inside:
        refused_at_once(inside, store, ConfigurationError, "no database of this number")


FORBIDDEN: dict[str, tuple[tuple[str, ...], Callable[[Any], object]]] = {
    "a command": (("~*", "+@all", "-get"), lambda store: store.get("n")),
    "a key": (("~other:*", "+@all"), lambda store: store.get("n")),
    "a command within a script": (
        ("~*", "+@all", "-set"),
        lambda store: store.set_many({"a": 1, "b": 2}, ttl=60),
    ),
    "a key within a script": (("~other:*", "+@all"), lambda store: store.incr("n")),
    "scripts": (("~*", "+@all", "-eval", "-evalsha"), lambda store: store.incr("n")),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_a_user_may_not_do_is_told_at_once(what: str, at: At, server: Server) -> None:
    rules, call = FORBIDDEN[what]
    with user(server, "ann", "secret", *rules) as ann:
        store = at(Place(ann.url), timeout=LONG)
        with server.connect() as inside, one_attempt(inside):
            error = failure(lambda: call(store))
        assert type(error) is AccessDeniedError
        assert "rules do not let this user" in str(error)
        assert store.close() is None


def test_a_user_who_may_not_introduce_the_client_gets_in(opened: Open, server: Server) -> None:
    with user(server, "ann", "secret", "~*", "+get", "+set") as ann:
        store = opened("RedisStorage", ann.url)
        store.set("n", 1)
        assert store.get("n") == 1
    server.call("FLUSHALL")


def test_what_is_of_another_kind_is_told_at_once(store: Any, server: Server) -> None:
    server.call("DEL", PREFIX + "n")
    server.call("RPUSH", PREFIX + "n", "x")

    for name in ("get", "incr", "update", "swap"):
        call = CHANGES.get(name) or READING[name]
        error = failure(lambda call=call: call(store))
        assert type(error) is WrongTypeError, name
        assert error.key == PREFIX + "n", name
    assert store.get_many(["n", "d"]) == {"d": {"n": 1}}
    assert server.call("LLEN", PREFIX + "n") == 1


def test_a_server_that_forgot_the_scripts_costs_one_trip_more(store: Any, server: Server) -> None:
    server.call("SCRIPT", "FLUSH")
    with server.counted() as calls:
        assert store.incr("n") == 2
        assert store.incr("n") == 3

    assert calls.names == ["EVALSHA", "EVAL", "EVALSHA"]


def test_a_whole_batch_stands_scripts_that_were_forgotten(store: Any, server: Server) -> None:
    server.call("SCRIPT", "FLUSH")

    store.set_many({"a": 1, "b": 2}, ttl=60)

    assert store.get_many(["a", "b"]) == {"a": 1, "b": 2}
    assert server.call("PTTL", PREFIX + "a") > 0


GREETINGS = {
    "a web server": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "a mail server": b"220 mail.example.com ESMTP\r\n",
    "noise": bytes(range(128, 256)) + b"\r\n",
}


@pytest.mark.parametrize("who", GREETINGS)
def test_what_is_no_redis_server_is_told_as_such(who: str, at: At) -> None:
    with Port(partial(say, GREETINGS[who])) as stranger:
        store = at(stranger, timeout=LONG)
        for call in (READING["get"], CHANGES["set"], CHANGES["incr"]):
            begin = time.monotonic()
            error = failure(lambda call=call: call(store))
            assert time.monotonic() - begin < LONG / 2, "it waited"
            assert type(error) is UnavailableError
            assert "does not speak like a Redis server" in str(error)


def say(words: bytes, client: socket.socket) -> None:
    """Answer whatever is heard with the same words."""
    with client, suppress(OSError):
        client.recv(1024)
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
