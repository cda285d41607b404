"""What tests of Cloudflare's KV stand on: stores of both colours, and servers that misbehave."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from typing import Any

import pytest

import storage
import storage.aio
from tests.day import IS_LONG
from tests.servers.cloudflare import KvServer

HALVES = {"blocking": storage, "aio": storage.aio}

SLACK_SECONDS = 10.0
"""How much later than its deadline a call may return on a machine that is busy."""

Opened = Callable[..., Any]


def crossed(*tables: Collection[str]) -> list[Any]:
    """Each half with each thing of every table; by day one half with some, and the other with the
    next ones: each half meets each thing, and each thing each of the other tables."""
    return [
        pytest.param(half, *(thing for _, thing in row), id="-".join([name, *(t for _, t in row)]))
        for row in product(*map(enumerate, tables))
        for place, (name, half) in enumerate(HALVES.items())
        if IS_LONG or (place + sum(number for number, _ in row)) % 2 == 0
    ]


def store_of(half: Any, server: Any, **options: Any) -> Any:
    """A store of one *half* in the namespace of *server*."""
    options = {"base_url": server.url, **options}
    token = options.pop("token", server.token)
    return half.CloudflareStorage(server.account, server.namespace, token, **options)


def asked(server: KvServer) -> list[str]:
    """What the server was asked since it was asked for the last time."""
    told = [f"{one.method} {one.action}" for one in server.requests]
    server.forget()
    return told


@contextmanager
def lasting(seconds: float, most: float | None = None) -> Iterator[None]:
    """The block takes *seconds*, or from there to the *most*."""
    before = time.monotonic()
    yield
    took = time.monotonic() - before
    assert seconds - 0.05 <= took <= (most or seconds) + SLACK_SECONDS, took


class Crook:
    """A server of which every connection is given to *act*, in a thread of its own."""

    account, namespace, token = "a" * 32, "b" * 32, "a-token-that-nobody-shows"

    def __init__(self, act: Callable[[socket.socket, threading.Event], object]) -> None:
        self.taken = 0
        self.ends = threading.Event()
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._start(self._serve)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self.ends.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for connection in self._open:
            connection.close()

    def _start(self, work: Callable[..., object], *args: object) -> None:
        thread = threading.Thread(target=work, args=args)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.taken += 1
            self._open.append(connection)
            self._start(self._talk, connection)

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError):
            self._act(connection, self.ends)


@contextmanager
def crook(act: Callable[[socket.socket, threading.Event], object]) -> Iterator[Crook]:
    """A server that does what *act* does, for the length of the block."""
    server = Crook(act)
    try:
        yield server
    finally:
        server.close()


def whole_request(connection: socket.socket) -> bytes:
    """What a client sends; nothing where it has gone."""
    told = b""
    while b"\r\n\r\n" not in told:
        piece = connection.recv(65536)
        if not piece:
            return b""
        told += piece
    head, _, body = told.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return b""
        body += piece
    return head + b"\r\n\r\n" + body
