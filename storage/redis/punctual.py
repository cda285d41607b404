"""Sockets that keep a deadline: an answer may come in any number of pieces, with pauses or not.

When it is over, what is there is taken once, whatever the clock says; what goes on after that is
nobody's any more.
"""

from __future__ import annotations

import math
import os
import select
import socket as sockets
import struct
import sys
from collections.abc import Callable
from threading import get_ident, main_thread
from typing import Any

from ..runtime import monotonic
from .struck import struck

_SHORTEST = 0.001
_EARLIEST, _LATEST = 0.9, 1.1

NO_WAIT: int = getattr(sockets, "MSG_DONTWAIT", 0)
"""Fail rather than wait."""

_AT_ONCE = 64 * 1024
"""So much is received at once."""

_LONGEST = 10**6
"""So many seconds are told to the system at the most, which counts milliseconds."""

_GLANCE = 0.02
"""How long the system lets somebody wait who does not look at the clock himself."""

_ENOUGH = 2 * _GLANCE

_OVER = -math.inf
"""When something was to end of which all was taken that is taken late."""

_MEMORY_INFO = 55
_NOTHING, _ESTABLISHED = bytes(4), b"\1"


class Late(TimeoutError):
    """The deadline passed; no handler of a signal raises this."""


class _Main:
    """The main thread, to which signals come, and which is whoever has forked."""

    ident: int | None = main_thread().ident

    @classmethod
    def changed(cls) -> None:
        cls.ident = main_thread().ident


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_Main.changed)


class Punctual:
    """A *socket* of which everything ends *until* one moment, however often it is waited for."""

    __slots__ = (
        *("_recv", "_recv_into", "_seconds", "_sendall", "_socket", "fileno", "pending", "until"),
    )

    def __init__(self, socket: Any, until: float) -> None:
        self._socket = socket
        self._seconds: float | None = socket.gettimeout()
        self._recv: Callable[..., bytes] = socket.recv
        self._recv_into: Callable[..., int] = socket.recv_into
        self.fileno: Callable[[], int] = socket.fileno
        self.pending: Callable[[], int] = getattr(socket, "pending", int)
        self._sendall: Callable[..., object] = socket.sendall
        self.until: float = until

    def begin(self, until: float) -> None:
        """Somebody else has it now, until then."""
        self.until = until

    def sendall(self, data: bytes) -> None:
        self._hurry()
        self._sendall(data)

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)
        self._seconds = seconds

    def recv(self, *words: Any) -> bytes:
        if self._seconds != 0:  # else somebody looks whether there is anything
            self._hurry()
        return self._recv(*words)

    def recv_into(self, *words: Any) -> int:
        if self._seconds != 0:
            self._hurry()
        return self._recv_into(*words)

    def _hurry(self) -> None:
        """Wait for what comes next about as long as there is time left."""
        left, seconds = self.until - monotonic(), self._seconds
        if seconds is None or not _EARLIEST * left <= seconds <= _LATEST * left:
            if left < 0:
                self.until = _late(self.until)
            self.settimeout(max(left, _SHORTEST))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class Plain:
    """The same for less, where *socket* is one of Linux and no library stands before it.

    A timeout of Python's asks the system, before it sends and before it receives, whether it may,
    and whoever asks lets all other threads go first. This one does not wait where it sends, and
    where it receives the system ends the wait now and then, so that the clock is looked at.

    What was received and is put *back* is received once more.
    """

    __slots__ = (
        *("_comes", "_getsockopt", "_is_asked", "_recv", "_socket", "_tells_more", "back"),
        *("fileno", "send", "until"),
    )

    def __init__(self, socket: sockets.socket, until: float) -> None:
        glance = struct.pack("ll", 0, round(_GLANCE * 1e6))
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVTIMEO, glance)
        socket.settimeout(None)
        self._socket = socket
        self._recv: Callable[..., bytes] = socket.recv
        self._getsockopt = socket.getsockopt
        poll = select.poll()
        poll.register(socket, select.POLLIN)
        self._comes: Callable[[float], list[tuple[int, int]]] = poll.poll
        self._tells_more = _tells_more(socket)
        self._is_asked = False
        self.send: Callable[..., int] = socket.send
        self.fileno: Callable[[], int] = socket.fileno
        self.back: bytes = b""
        self.until: float = until

    def begin(self, until: float) -> None:
        """Somebody else has it now, until then."""
        self.until = until

    def sendall(self, data: Any) -> None:
        rest = memoryview(data)
        room = select.poll()
        room.register(self._socket, select.POLLOUT)
        while rest:
            self._wait(room.poll, self.until - monotonic())
            rest = rest[self.send(rest, NO_WAIT) :]

    def first(self) -> bytes:
        """What comes first of an answer."""
        left = self.until - monotonic()
        # A signal makes the system begin to wait anew; it comes to the main thread.
        if left > _ENOUGH and get_ident() != _Main.ident:
            try:
                return self._recv(_AT_ONCE)
            except BlockingIOError:
                left = self.until - monotonic()
        self._wait(self._comes, left)
        return self._recv(_AT_ONCE, NO_WAIT)

    def is_quiet(self) -> bool:
        """Whether it is open, and nothing came that was not received.

        What comes after this look, and before the answer, is taken for a part of that.
        """
        if get_ident() == _Main.ident or not self._tells_more:
            return not self._comes(0)
        ask = self._getsockopt
        # Who asks so lets no other thread go first. An end that came with the last answer was
        # received with it, and shows in the state alone.
        return (
            ask(sockets.SOL_SOCKET, _MEMORY_INFO, 4) == _NOTHING
            and ask(sockets.IPPROTO_TCP, sockets.TCP_INFO, 1) == _ESTABLISHED
        )

    def _wait(self, comes: Callable[[float], list[tuple[int, int]]], left: float) -> None:
        if left < 0:
            self.until = _late(self.until)
            left = 0
        elif left > _LONGEST:
            left = _LONGEST
        if not comes(left * 1000):
            raise Late("timed out")

    def settimeout(self, seconds: float | None) -> None:
        """It goes by its deadline, unless somebody only asks whether there is anything."""
        self._is_asked = seconds == 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.back:
            data, self.back = self.back[:size], self.back[size:]
            return data
        if not self._is_asked:
            self._wait(self._comes, self.until - monotonic())
        return self._recv(size, NO_WAIT | flags)

    def recv_into(self, buffer: bytearray) -> int:
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def punctual(socket: Any, until: float) -> Punctual | Plain:
    """*socket*, which somebody has *until* then."""
    kind = type(socket)
    # What a library puts in its place waits in other ways, and TLS has bytes of its own.
    if sys.platform == "linux" and (kind.__module__, kind.__name__) == ("socket", "socket"):
        try:
            return Plain(socket, until)
        except OSError as error:
            if struck(error):
                raise
    return Punctual(socket, until)


def _late(until: float) -> float:
    """When what was to be over *until* then is over after what is taken late."""
    if until == _OVER:
        raise Late("timed out")
    return _OVER


def _tells_more(socket: sockets.socket) -> bool:
    """Whether the state of *socket* and the memory that is taken by what came are to be had."""
    try:
        if socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_PROTOCOL) != sockets.IPPROTO_TCP:
            return False
        memory = struct.unpack("9I", socket.getsockopt(sockets.SOL_SOCKET, _MEMORY_INFO, 36))
        state = socket.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_INFO, 1)
    except (OSError, struct.error) as error:
        if struck(error):
            raise
        return False
    limit = socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF)
    return memory[1] == limit and state == _ESTABLISHED
