"""Hears what changes on servers: one connection to each of them, on which it is told.

`storage.aio.redis.tracking` is the twin.
"""

from __future__ import annotations

import math
import selectors
import socket
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import TimeoutError

from ..core.near import Near
from ..errors import ClosedError
from ..runtime import after_fork, monotonic, reentrant
from .changes import (
    EVERY,
    LOOK_EVERY,
    PING,
    WITHIN,
    Told,
    follow,
    rest_after,
    tell,
    third,
)
from .door import Door
from .settings import Address, Maker

try:
    from ssl import SSLWantReadError
except ImportError:  # a Python without it makes no connection that could raise it
    SSLWantReadError = BlockingIOError  # type: ignore[assignment,misc]

_CHUNK = 65536


class Listener:
    """Has a thread hear what changes behind a *door* under names that begin with *prefix*.

    The thread does not keep the listener alive, and ends with it.
    """

    def __init__(self, door: Door, prefix: bytes) -> None:
        self._door = door
        self._prefix = prefix
        self._lock = reentrant()
        self._is_beginning = False
        self._ear: _Ear | None = None
        self._rests_until = -math.inf
        self._is_closed = False
        after_fork(self, Listener._leave_behind)

    def begin(self, near: Near) -> None:
        """Have *near* told what changes, if it is not so already."""
        ear = self._ear
        if near.is_ended or (ear is not None and ear.is_alive):
            return
        with self._lock:
            if self._is_beginning:
                return  # who strikes as a signal handler does not begin in the middle of it
            try:
                self._is_beginning = True
                self._begin(near)
            finally:
                self._is_beginning = False

    def hears(self, places: Sequence[Address]) -> bool:
        """Whether that is told which changes at *places*; if not, it soon will be."""
        ear = self._ear
        if ear is None or not ear.heard or ear.heard == sorted(places):
            return True
        ear.look_about()
        return False

    def close(self) -> None:
        """End the thread, and wait for its end."""
        self._is_closed = True
        ear = self._ear
        if ear is not None:
            ear.stop()
            ear.join()

    def _begin(self, near: Near) -> None:
        if self._is_closed or (self._ear is not None and self._ear.is_alive):
            return
        maker = self._door.maker
        if maker is None:
            tell(near, self._door.label, None)
            return
        if monotonic() < self._rests_until:
            return
        try:
            self._ear = ear = _Ear(self, self._door, third(maker), self._prefix, near)
            ear.begin()
        except (OSError, RuntimeError):  # too many files or threads: reads go through meanwhile
            self._rests_until = monotonic() + LOOK_EVERY
            return
        if self._is_closed:  # meanwhile
            ear.stop()

    def _leave_behind(self) -> None:
        """In a forked process: the thread is in the parent, and so are its connections."""
        self._lock = reentrant()
        self._is_beginning = False
        ear, self._ear = self._ear, None
        if ear is not None:
            ear.leave()


class _Ear:
    """A thread that hears for *owner*."""

    def __init__(
        self, owner: Listener, door: Door, maker: Maker, prefix: bytes, near: Near
    ) -> None:
        self.heard: list[Address] = []
        self._door = door
        self._maker = maker
        self._prefix = prefix
        self._near = near
        self._lines: list[_Line] = []
        self._is_over = self._is_astray = False
        self._thread = threading.Thread(target=self._run, name="storage listener", daemon=True)
        self._selector = selectors.DefaultSelector()
        self._bell, self._ringer = socket.socketpair()
        try:
            for one in (self._bell, self._ringer):
                one.setblocking(False)
            self._selector.register(self._bell, selectors.EVENT_READ)
            self._owner = weakref.ref(owner, lambda _: self.stop())
        except BaseException:
            self.leave()
            raise

    def begin(self) -> None:
        """Have the thread there; an interrupt may strike when it is, and before that is known."""
        try:
            self._thread.start()
        except BaseException:
            self._give_up()
            raise

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """End soon."""
        self._is_over = True
        self._ring()

    def join(self) -> None:
        """Wait for the end, but not for ever: a signal handler may have struck who holds it up."""
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(WITHIN)
            for line in self._lines if self._thread.is_alive() else ():
                line.cut()

    def look_about(self) -> None:
        """Servers have moved: begin anew with those that there are."""
        self._near.shut()
        self._is_astray = True  # not before: who begins anew at once opens what is shut here
        self._ring()

    def leave(self) -> None:
        """Close what came along into a forked process, without a word to anybody."""
        self._selector.close()
        ours = [getattr(line.connection, "_sock", None) for line in self._lines]
        for one in (self._bell, self._ringer, *ours):
            if one is not None:
                one.close()

    def _give_up(self) -> None:
        """Another one will tell: end at once, whether the thread is there by now or will yet be."""
        self._is_over = True
        near, self._near = self._near, Near(1, 1, self._near.clock)
        near.shut()
        if self._thread.is_alive():
            self._ring()
        else:
            self.leave()

    def _ring(self) -> None:
        with suppress(OSError):  # it rings already, or nobody is there any more
            self._ringer.send(b"!")

    def _run(self) -> None:
        try:
            pause = 0.0
            while not self._is_over and not self._near.is_ended:
                pause = self._try(pause)
                self._rest(pause)
        finally:
            self._near.shut()
            self._selector.close()
            self._bell.close()
            self._ringer.close()

    def _try(self, pause: float) -> float:
        """Hear as long as it goes well, and say how long to rest after that."""
        self._is_astray = False
        try:
            self._connect()
            pause = 0.0
            self._hear()
        except ClosedError:
            self._is_over = True
        except Exception as error:  # noqa: BLE001 - also what their callbacks raise: it must go on
            self._hang_up()
            return rest_after(error, self._near, self._door.label, pause)
        except BaseException:
            self._hang_up()
            raise
        self._hang_up()
        return 0.0

    def _rest(self, seconds: float) -> None:
        """Wait, unless somebody rings; a copy that was kept meanwhile is not kept any longer."""
        if seconds and not self._is_over:
            self._selector.select(seconds)
            self._hush()
            self._near.shut()

    def _connect(self) -> None:
        """Have each server tell what changes there."""
        places = sorted(self._door.look_about())
        if not places:
            raise ConnectionError("no server is known")
        for place in places:
            connection = self._maker.connection(place)
            line = _Line(connection, self._near)
            self._lines.append(line)
            line.connect(follow(self._prefix))
        for line in self._lines:
            self._selector.register(line.socket, selectors.EVENT_READ, line)
        self.heard = places
        self._near.open(watched=True, sure=self._sure())

    def _hear(self) -> None:
        """Drop what changes, and ask each server again and again whether that was all; until
        somebody has shut what was opened here."""
        due = looks = monotonic()
        while not self._is_over and not self._is_astray and self._near.watched:
            now = monotonic()
            if now >= due:
                due = now + EVERY
                for line in self._lines:
                    line.ask()
            if now >= looks:
                looks = now + LOOK_EVERY
                if sorted(self._door.look_about()) != self.heard:
                    return
            for key, _ in self._selector.select(max(0.0, due - now)):
                if key.data is None:
                    self._hush()
                else:
                    key.data.hear()
            self._near.sure = self._sure()

    def _sure(self) -> float:
        """Until when copies count: so long after the moment for which all servers have answered."""
        return min((line.told.sure for line in self._lines), default=self._near.clock()) + WITHIN

    def _hang_up(self) -> None:
        self._near.shut()
        self.heard = []
        lines, self._lines = self._lines, []
        for line in lines:
            with suppress(KeyError, ValueError):
                self._selector.unregister(line.socket)
            with suppress(Exception):
                line.connection.disconnect()

    def _hush(self) -> None:
        with suppress(BlockingIOError):
            self._bell.recv(_CHUNK)


class _Line:
    """One connection to a server that tells what changes."""

    socket: Any

    def __init__(self, connection: Any, near: Near) -> None:
        self.connection = connection
        self.told = Told(near)
        self.socket = None

    def connect(self, command: bytes) -> None:
        """Say the *command* after which the server tells what changes."""
        connection = self.connection
        own = connection.socket_connect_timeout
        connection.socket_connect_timeout = WITHIN if own is None else min(own, WITHIN)
        connection.socket_timeout = WITHIN
        connection.connect()
        self.socket = connection._sock
        self.socket.settimeout(WITHIN)
        self.told.asks()
        self.socket.sendall(command)
        until = monotonic() + WITHIN
        while self.told.is_waiting:
            left = until - monotonic()
            if left <= 0:
                raise TimeoutError("Timeout reading from socket")
            self.socket.settimeout(left)
            self.told.hear(self._some())
        self.socket.settimeout(0)

    def cut(self) -> None:
        """Have who waits for the server wait no more."""
        connected = getattr(self.connection, "_sock", None)
        if connected is not None:
            with suppress(OSError):  # it is cut already
                connected.shutdown(socket.SHUT_RDWR)

    def ask(self) -> None:
        """Ask whether all was told that has changed so far; an answer that is overdue is none."""
        if self.told.is_overdue:
            raise TimeoutError("Timeout reading from socket")
        self.told.asks()
        self.socket.sendall(PING)

    def hear(self) -> None:
        """Take what has come."""
        with suppress(BlockingIOError, SSLWantReadError):
            self.told.hear(self._some())
            while getattr(self.socket, "pending", int)():
                self.told.hear(self._some())

    def _some(self) -> bytes:
        some: bytes = self.socket.recv(_CHUNK)
        if not some:
            raise ConnectionError("Connection closed by server.")
        return some
