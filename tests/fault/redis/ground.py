"""What the tests of a server's bad days stand on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import storage
from storage import StorageError
from storage.redis import kv
from storage.redis.commands import Script
from tests.servers import Server
from tests.servers.process import HOST

NAME = "bot-under-test"
"""What the stores of these tests call themselves at the server."""

PREFIX = "storage:"
GRACE_SECONDS = 0.25

LONG_TEXT = "long" * 20_000
"""A value that does not share a connection with others."""

ATTEMPTS = 3


def url(place: Any, **options: object) -> str:
    """Where a store that calls itself `NAME` finds *place*."""
    told = "&".join(f"{name}={value}" for name, value in {"client_name": NAME, **options}.items())
    return f"{place.url}?{told}"


class Port:
    """A port of this machine where every connection is *met* by the same."""

    def __init__(self, met: Callable[[socket.socket], None]) -> None:
        self._met = met
        self._socket = socket.create_server((HOST, 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self._socket.getsockname()[1]}/0"

    def __enter__(self) -> Port:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self._met(client)


def raw(server: Server, key: str) -> bytes | None:
    """What is stored under *key*, as somebody else sees it."""
    found: bytes | None = server.call("GET", PREFIX + key)
    return found


def clients(server: Server, state: str = "") -> int:
    """How many connections the stores of these tests have, as the server counts them."""
    lines = server.call("CLIENT", "LIST").decode().splitlines()
    return sum(f"name={NAME} " in line and state in line for line in lines)


def failure(call: Callable[[], object]) -> StorageError:
    """The error that *call* ends with."""
    try:
        answer = call()
    except StorageError as error:
        return error
    raise AssertionError(f"it answered {answer!r}")


def kind_of(call: Callable[[], object]) -> type[StorageError]:
    return type(failure(call))


def ends_by(seconds: float, call: Callable[[], StorageError]) -> StorageError:
    """The error that the first *call* ends with; each ends by its deadline and a little more.

    This machine may be busy with others: it is the quickest of a few calls that counts.
    """
    errors, took = [], []
    for _ in range(ATTEMPTS):
        begin = time.monotonic()
        errors.append(call())
        took.append(time.monotonic() - begin)
        if took[-1] <= seconds + max(seconds / 10, GRACE_SECONDS):
            return errors[0]
    raise AssertionError(f"a call of {seconds} s took {took}")


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """The server's process is stopped for the length of the block."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


def swapped(store: Any, key: str = "n") -> Any:
    return store.swap(key, 1, 2)


def edited(store: Any, key: str = "d") -> None:
    with store.edit(key) as draft:
        draft["n"] += 1


SCRIPTS = [one for one in vars(kv).values() if isinstance(one, Script)]
"""What a store runs, apart from leases."""

BEFORE = {"n": 1, "d": {"n": 1}}
"""What is stored before an operation of the tables below."""

ONCE: dict[str, tuple[str, Callable[[Any], Any], str, bytes | None]] = {
    "incr": ("EVALSHA", lambda store: store.incr("n"), "n", b"2"),
    "add": ("SET", lambda store: store.add("new", 2), "new", b"2"),
    "swap": ("EVALSHA", swapped, "n", b"2"),
    "swap for nothing": (
        "EVALSHA",
        lambda store: store.swap("n", 1, storage.DELETE),
        "n",
        None,
    ),
    "update": ("EVALSHA", lambda store: store.update("n", lambda n: n + 1), "n", b"2"),
    "edit": ("EVALSHA", edited, "d", b'{"n":2}'),
    "delete": ("UNLINK", lambda store: store.delete("n"), "n", None),
    "delete_many": ("UNLINK", lambda store: store.delete_many(["n", "x"]), "n", None),
}
"""What is something else when it is done twice: its command, the call, and what is there then."""

AGAIN: dict[str, tuple[str, Callable[[Any], Any], Any]] = {
    "get": ("GET", lambda store: store.get("n"), 1),
    "get_many": ("MGET", lambda store: store.get_many(["n", "x"]), {"n": 1}),
    "has": ("EXISTS", lambda store: store.has("n"), True),
    "expires_at": ("EVALSHA", lambda store: store.expires_at("n"), None),
    "keys": ("SCAN", lambda store: sorted(store.keys()), ["d", "n"]),
    "set": ("SET", lambda store: store.set("n", 2), None),
    "set, with a lifetime": ("SET", lambda store: store.set("n", 2, ttl=60), None),
    "set_many": ("MSET", lambda store: store.set_many({"n": 2, "m": 2}), None),
    "set_many, with a lifetime": (
        "EVALSHA",
        lambda store: store.set_many({"n": 2, "m": 2}, ttl=60),
        None,
    ),
    "touch": ("PEXPIRE", lambda store: store.touch("n", ttl=60), True),
    "touch, for ever": ("EVALSHA", lambda store: store.touch("n", ttl=None), True),
}
"""What may be done twice: its command, the call and its answer."""

READS = ("get", "get_many", "has", "expires_at", "keys")
WRITES = tuple(name for name in AGAIN if name not in READS)


def prepared(store: Any, server: Server) -> Any:
    """*store* with the entries of the tables, on a *server* that knows its scripts."""
    with server.connect() as wire:
        for script in SCRIPTS:
            wire.call("SCRIPT", "LOAD", script.source)
    store.set_many(BEFORE)
    return store
