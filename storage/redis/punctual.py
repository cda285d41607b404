"""Sockets that keep a deadline: an answer may come in any number of pieces."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..runtime import monotonic

_SHORTEST = 0.001
_EARLIEST, _LATEST = 0.9, 1.1


class Deadline:
    """When a connection gives up."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = math.inf


class Punctual:
    """A socket of which every part of a call ends by the same *deadline*."""

    def __init__(self, socket: Any, deadline: Deadline) -> None:
        self._socket = socket
        self._deadline = deadline
        self._seconds: float | None = socket.gettimeout()
        self.pending: Callable[[], int] = getattr(socket, "pending", _nothing)

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)
        self._seconds = seconds

    def sendall(self, *words: Any) -> None:
        self._hurry()
        self._socket.sendall(*words)

    def recv(self, *words: Any) -> Any:
        self._hurry()
        return self._socket.recv(*words)

    def recv_into(self, *words: Any) -> Any:
        self._hurry()
        return self._socket.recv_into(*words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def _hurry(self) -> None:
        seconds = self._seconds
        if seconds == 0:
            return  # somebody looks whether there is anything
        left = self._deadline.until - monotonic()
        if seconds is None or not _EARLIEST * left <= seconds <= _LATEST * left:
            self.settimeout(max(left, _SHORTEST))


def punctual(connection: Any, deadline: Deadline) -> None:
    """Make *connection*, which is not connected yet, keep *deadline*."""
    given = connection.redis_connect_func

    def begin(connected: Any) -> None:
        connected._sock = Punctual(connected._sock, deadline)
        if given is None:
            connected.on_connect()
        else:
            given(connected)

    connection.redis_connect_func = begin


def _nothing() -> int:
    return 0
