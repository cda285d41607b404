"""One connection to a server, and what the client library does not show of it.

The client library connects and logs in. What is sent after that goes to the socket beneath, and
what comes from there goes to the library's parser only where it is no plain reply.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from redis.exceptions import ConnectionError, RedisError, ResponseError

from ..forks import let_go
from ..runtime import monotonic
from .hurry import hurried
from .marks import mixed_up
from .punctual import NO_WAIT, Late, Plain, Punctual, punctual
from .replies import AllLentError, Phase, Trouble, word
from .settings import Address
from .struck import broken, unsent
from .whole import PARTED, whole

FAILURES = (
    *(AllLentError, RedisError, OSError),
    *(ValueError, TypeError, AttributeError, IndexError),
)
"""What a connection raises when it breaks, or when what comes is no reply."""

PARENTS: Final[Address] = ("", -1)
"""The place of a connection which belongs to another process."""

_SHORTEST = 0.001


class Link:
    """One connection, when it is made."""

    __slots__ = (
        *("__weakref__", "_bare", "_first", "_is_parsed", "_is_as_made", "_quiet", "_send"),
        *("_socket", "connection", "place", "takes_marks"),
    )

    def __init__(self, place: Address) -> None:
        self.place: Address = place
        self.connection: Any = None
        self.takes_marks: bool = True
        """Whether it is not known that the server refuses them."""
        self._socket: Any = None
        self._bare: Any = None
        self._is_parsed, self._is_as_made = True, False

    def connect(self, make: Callable[[Address], Any], seconds: float) -> None:
        """Have a connection, in so many *seconds*."""
        self.connection = connection = make(self.place)
        connection.socket_timeout = seconds = max(_SHORTEST, seconds)
        until = monotonic() + seconds
        _put_on_a_punctual_socket(connection, until)
        with hurried(connection, until):
            connection.connect()
        socket = getattr(connection, "_sock", None)
        if isinstance(socket, (Punctual, Plain)):
            self._socket = socket
            self._is_as_made = _is_as_it_was_made(connection)
        if isinstance(socket, Plain) and self._is_as_made:
            self._bare = socket
            self._send, self._first, self._quiet = socket.send, socket.first, socket.is_quiet

    def ask(self, packed: bytes, until: float) -> Any:
        """What the server replies *until* then to a command, which is *packed*, or a `Trouble`."""
        bare = self._bare
        if bare is None:
            trouble = self.send(packed, until)
            return self.read() if trouble is None else self._last_word(trouble)
        bare.until = until
        sent = 0
        try:
            sent = self._send(packed, NO_WAIT)
            if sent < len(packed):
                bare.sendall(memoryview(packed)[sent:])
                sent = len(packed)
            data = self._first()
        except OSError as error:
            failed = error
        else:
            reply = whole(data)
            if reply is PARTED:
                bare.back = data
                return self.read()
            return reply
        try:
            trouble = broken(failed, Phase.SENT if sent == len(packed) else _far(failed))
        finally:
            del failed
        return self._last_word(trouble) if 0 < sent < len(packed) else trouble

    def send(self, packed: bytes, until: float) -> Trouble | None:
        """Send what is *packed*, and be done with it and with the answers *until* then."""
        try:
            if self._socket is not None:
                self._socket.begin(until)
                if self._is_as_made:
                    self._socket.sendall(packed)
                    return None
            self.connection.send_packed_command((packed,), check_health=False)
            return None
        except FAILURES as error:
            failed = error
        try:
            return broken(failed, _far(failed))
        finally:
            del failed

    def read(self) -> Any:
        """The next reply, by the parser of the client library, or a `Trouble`."""
        self._is_parsed = True
        try:
            return self.connection.read_response(disable_decoding=True)
        except FAILURES as error:
            failed = error
        try:
            is_said = isinstance(failed, ResponseError) or bool(word(failed))
            return broken(failed, Phase.ANSWERED if is_said else Phase.SENT)
        finally:
            del failed

    def _last_word(self, trouble: Trouble) -> Trouble:
        """What the server said while it was sent a command, of which it did not take all; *trouble*
        where it said nothing."""
        if not self._is_as_made:
            return trouble
        self._socket.begin(monotonic() + _SHORTEST)
        said = self.read()
        self.close()
        is_refused = type(said) is Trouble and said.phase is Phase.ANSWERED
        return said if is_refused else trouble

    def ask_all(self, packed: Sequence[bytes], mark: bytes, until: float) -> list[Any] | Trouble:
        """The replies to what is sent at once, the *mark* behind it included."""
        failed = self.send(b"".join(packed), until)
        if failed is not None:
            return failed._replace(phase=Phase.SENT)
        replies: list[Any] = []
        for left in range(len(packed), 0, -1):
            reply = self.read()
            if type(reply) is Trouble and reply.phase is not Phase.ANSWERED:
                return reply
            if left > 1 and type(reply) is bytes and reply == mark:
                return mixed_up()  # an answer is missing, and nobody can say which
            replies.append(reply)
        return replies

    def is_quiet(self) -> bool:
        """Whether it is open, and holds no answer that nobody asked for."""
        try:
            if self._is_parsed:
                return self._is_empty()
            quiet: bool = self._quiet()
        except FAILURES as error:
            failed = error
        else:
            return quiet
        try:
            broken(failed, Phase.UNSENT)
        finally:
            del failed
        return False

    def close(self) -> None:
        """End the connection, if there is one."""
        if self.connection is not None:
            self.connection.disconnect()

    def _is_empty(self) -> bool:
        """The same where something may be left in the parser."""
        socket, connection = self._socket, self.connection
        if socket is not None and connection._sock is not socket:
            return False
        if self._bare is not None and self._bare.back:
            return False
        if connection.can_read(0):
            return False
        self._is_parsed = self._bare is None
        return True


def _far(error: Exception) -> Phase:
    """How far a command came of which a part was handed over at the most."""
    return Phase.UNSENT if type(error) is Late else unsent(error)


def leave(links: Iterable[Link]) -> None:
    """In a forked process: let go of *links*, which the parent uses. Whoever had one here, and goes
    on, hears that it is broken."""
    links = list(links)
    for link in links:
        link.place = PARENTS
    sockets = [getattr(link.connection, "_sock", None) for link in links]
    let_go(socket.fileno() for socket in sockets if socket is not None)


def _put_on_a_punctual_socket(connection: Any, until: float) -> None:
    """When *connection* is connected, have it wait no longer than *until* then for what the server
    says at first."""
    given, process = connection.redis_connect_func, os.getpid()

    def connected(connection: Any) -> None:
        if os.getpid() != process:
            raise ConnectionError("it was forked while it connected")
        connection._sock = punctual(connection._sock, until)
        if given is None:
            connection.on_connect()
        else:
            given(connection)

    connection.redis_connect_func = connected


def _is_as_it_was_made(connection: Any) -> bool:
    """Whether nobody has changed how *connection* sends and reads."""
    kind = type(connection)
    parts = (kind.send_packed_command, kind.read_response, type(connection._parser))
    return all(part.__module__.partition(".")[0] == "redis" for part in parts)
