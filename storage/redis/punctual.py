"""Sockets that keep a deadline: an answer may come in any number of pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..runtime import monotonic

_SHORTEST = 0.001
_EARLIEST, _LATEST = 0.9, 1.1


class Punctual:
    """A *socket* of which everything ends *until* one moment, however often it is waited for."""

    __slots__ = (
        *("_recv", "_recv_into", "_seconds", "_socket", "fileno", "pending", "sendall", "until"),
    )

    def __init__(self, socket: Any, until: float) -> None:
        self._socket = socket
        self._seconds: float | None = socket.gettimeout()
        self._recv: Callable[..., bytes] = socket.recv
        self._recv_into: Callable[..., int] = socket.recv_into
        self.fileno: Callable[[], int] = socket.fileno
        self.pending: Callable[[], int] = getattr(socket, "pending", int)
        self.sendall: Callable[..., object] = socket.sendall
        self.until = until

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)
        self._seconds = seconds

    def recv(self, *words: Any) -> bytes:
        if self._seconds != 0:  # else somebody looks whether there is anything
            self.hurry(self.until - monotonic())
        return self._recv(*words)

    def recv_into(self, *words: Any) -> int:
        if self._seconds != 0:
            self.hurry(self.until - monotonic())
        return self._recv_into(*words)

    def hurry(self, left: float) -> None:
        """Wait for what comes next about as long as there is time *left*."""
        seconds = self._seconds
        if seconds is None or not _EARLIEST * left <= seconds <= _LATEST * left:
            self.settimeout(max(left, _SHORTEST))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class Deadline:
    """When the call ends that has *connection*, which is not connected yet."""

    __slots__ = ("_socket", "_until")

    def __init__(self, connection: Any, seconds: float) -> None:
        self._until = monotonic() + seconds
        self._socket: Punctual | None = None
        given = connection.redis_connect_func

        def connected(connection: Any) -> None:
            self._socket = connection._sock = Punctual(connection._sock, self._until)
            if given is None:
                connection.on_connect()
            else:
                given(connection)

        connection.redis_connect_func = connected

    def begin(self, seconds: float) -> None:
        """Another call has the connection now, for *seconds*."""
        if self._socket is not None:
            self._socket.until = monotonic() + seconds
            self._socket.hurry(seconds)
