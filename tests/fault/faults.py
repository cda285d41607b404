"""What can happen to a command on its way to a server, to its reply, and to a connection."""

from __future__ import annotations

import enum
from typing import Protocol


class End(enum.Enum):
    """How a client learns that its connection is over."""

    RST = "the connection is reset"
    FIN = "the connection is closed"
    HALF = "nothing more is sent to the client; what it sends is still taken"


class Way(Protocol):
    """One connection through the proxy, as a fault sees it."""

    def to_server(self, command: bytes) -> None: ...

    def to_client(self, reply: bytes) -> None: ...

    def later(self, reply: bytes) -> None:
        """Send it after the replies that come next."""

    def end(self, how: End) -> None: ...

    def cut(self, how: End) -> None:
        """End it out of another thread, and be sure that it has ended."""

    def wait(self, seconds: float) -> None:
        """Let *seconds* pass; an error at once when the proxy ends the connection meanwhile."""


class Fault:
    """Nothing happens: the command and its reply pass."""

    silent = False
    """Whether a mark behind the command is as little answered."""

    def command(self, way: Way, command: bytes) -> None:
        way.to_server(command)

    def reply(self, way: Way, reply: bytes) -> None:
        way.to_client(reply)


class Delay(Fault):
    """The command comes to the server late, even to a client that is gone; or its reply does."""

    def __init__(self, *, command: float = 0.0, reply: float = 0.0) -> None:
        self._command = command
        self._reply = reply

    def command(self, way: Way, command: bytes) -> None:
        way.wait(self._command)
        way.to_server(command)

    def reply(self, way: Way, reply: bytes) -> None:
        way.wait(self._reply)
        way.to_client(reply)


class Blackhole(Fault):
    """The command does not come to the server, and nobody says so."""

    silent = True

    def command(self, way: Way, command: bytes) -> None:
        pass


class Unsent(Fault):
    """The connection ends before the server gets the command."""

    def __init__(self, how: End = End.RST) -> None:
        self._how = how

    def command(self, way: Way, command: bytes) -> None:
        way.end(self._how)


class Unanswered(Fault):
    """The server has done what it was asked, and the connection ends before its reply."""

    def __init__(self, how: End = End.RST) -> None:
        self._how = how

    def reply(self, way: Way, reply: bytes) -> None:
        way.end(self._how)


class Swallow(Fault):
    """The server has done what it was asked; the reply is lost, and nobody says so."""

    silent = True

    def reply(self, way: Way, reply: bytes) -> None:
        pass


class Truncate(Fault):
    """The connection ends in the middle of the reply."""

    def __init__(self, keep: int | None = None, how: End = End.FIN) -> None:
        self._keep = keep
        self._how = how

    def reply(self, way: Way, reply: bytes) -> None:
        way.to_client(reply[: len(reply) // 2 if self._keep is None else self._keep])
        way.end(self._how)


class Corrupt(Fault):
    """One byte of the reply is another one; the first byte says what kind of reply it is."""

    def __init__(self, at: int = 0) -> None:
        self._at = at

    def reply(self, way: Way, reply: bytes) -> None:
        changed = bytearray(reply)
        changed[self._at] ^= 0x55
        way.to_client(bytes(changed))


class Duplicate(Fault):
    """The reply comes twice."""

    def reply(self, way: Way, reply: bytes) -> None:
        way.to_client(reply + reply)


class Instead(Fault):
    """Another reply comes."""

    def __init__(self, other: bytes) -> None:
        self._other = other

    def reply(self, way: Way, reply: bytes) -> None:
        way.to_client(self._other)


class Drip(Fault):
    """The command and its reply come one byte at a time."""

    def __init__(self, pause: float = 0.0002) -> None:
        self._pause = pause

    def command(self, way: Way, command: bytes) -> None:
        for byte in command:
            way.to_server(bytes([byte]))
            way.wait(self._pause)

    def reply(self, way: Way, reply: bytes) -> None:
        for byte in reply:
            way.to_client(bytes([byte]))
            way.wait(self._pause)


class Several:
    """Replies that came together pass together."""

    def replies(self, way: Way, replies: list[bytes]) -> None:
        way.to_client(b"".join(replies))


class AllTwice(Several):
    """They come twice, as a whole, with so many seconds *between*."""

    def __init__(self, between: float = 0.0) -> None:
        self._between = between

    def replies(self, way: Way, replies: list[bytes]) -> None:
        way.to_client(b"".join(replies))
        if self._between:
            way.wait(self._between)
        way.to_client(b"".join(replies))


class Without(Several):
    """One of them is lost: the first is number 0, the last one -1."""

    def __init__(self, number: int) -> None:
        self._number = number

    def replies(self, way: Way, replies: list[bytes]) -> None:
        lost = self._number % len(replies)
        way.to_client(b"".join(replies[:lost] + replies[lost + 1 :]))


class Among(Several):
    """A *stray* comes among them, before the one of a *number*."""

    def __init__(self, number: int, stray: bytes) -> None:
        self._number = number
        self._stray = stray

    def replies(self, way: Way, replies: list[bytes]) -> None:
        place = self._number % len(replies)
        way.to_client(b"".join([*replies[:place], self._stray, *replies[place:]]))


class AfterNext(Several):
    """All but the first *keep* come after the replies that come next."""

    def __init__(self, keep: int) -> None:
        self._keep = keep

    def replies(self, way: Way, replies: list[bytes]) -> None:
        kept = self._keep % len(replies)
        way.to_client(b"".join(replies[:kept]))
        way.later(b"".join(replies[kept:]))


class OtherLast(Several):
    """In the place of the last one comes another."""

    def __init__(self, other: bytes) -> None:
        self._other = other

    def replies(self, way: Way, replies: list[bytes]) -> None:
        way.to_client(b"".join(replies[:-1]) + self._other)


class EndAmong(Several):
    """The connection ends after the first *keep* of them."""

    def __init__(self, keep: int, how: End = End.FIN) -> None:
        self._keep = keep
        self._how = how

    def replies(self, way: Way, replies: list[bytes]) -> None:
        way.to_client(b"".join(replies[: self._keep % len(replies)]))
        way.end(self._how)


class Heard(Fault):
    """It takes down what it passes."""

    def __init__(self) -> None:
        self.words: list[bytes] = []

    def command(self, way: Way, command: bytes) -> None:
        self.words.append(command)
        way.to_server(command)


class Forgotten:
    """A connection is taken, and nothing happens on it."""

    def accepted(self, way: Way) -> None:
        pass


class ResetAtOnce(Forgotten):
    """A connection is taken and reset."""

    def accepted(self, way: Way) -> None:
        way.end(End.RST)
