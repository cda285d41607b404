"""The protocol of Redis, as much as a test needs to talk to a server without a client library."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

PATIENCE_SECONDS = 20.0
TEXTS = b"$!="
LISTS = {ord("*"): 1, ord("~"): 1, ord(">"): 1, ord("%"): 2, ord("|"): 2}
"""What a list of a kind counts: elements, or pairs of them."""

MARK = "ECHO"
"""What a client says at the end of what it says at once, to see that no answer is missing."""

GREETING = frozenset({"HELLO", "AUTH", "CLIENT", "SELECT"})
"""What a client says on a new connection before anybody has asked it for something."""

HANDSHAKE = GREETING | {MARK}
"""What a client says on a new connection before anybody has asked it for something, and a mark."""

Word = str | bytes | int | float


class ReplyError(Exception):
    """The server refused a command; says so in its own words."""


def encoded(*words: Word) -> bytes:
    """A command as it goes over the wire."""
    texts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    body = b"".join(b"$%d\r\n%b\r\n" % (len(text), text) for text in texts)
    return b"*%d\r\n%b" % (len(texts), body)


def name_of(command: bytes) -> str:
    """The first word of a command that came over the wire, in upper case."""
    lines = command.split(b"\r\n", 3)
    word = lines[2] if command.startswith(b"*") else command.split()[0]
    return word.decode(errors="replace").upper()


def end_of(data: bytes, start: int = 0) -> int | None:
    """Where the message that begins at *start* ends; nothing when it has not ended yet.

    It is a reply of either protocol version, or a command: a list, or a plain line.
    """
    line_end = data.find(b"\r\n", start)
    if line_end < 0:
        return None
    kind, after = data[start], line_end + 2
    if kind in TEXTS:
        return _end_of_text(data, after, int(data[start + 1 : line_end]))
    if kind in LISTS:
        parts = max(0, int(data[start + 1 : line_end])) * LISTS[kind]
        # An attribute stands before the reply that it belongs to.
        return _end_of_parts(data, after, parts + (kind == ord("|")))
    return after


def _end_of_text(data: bytes, start: int, size: int) -> int | None:
    end = start if size < 0 else start + size + 2
    return end if end <= len(data) else None


def _end_of_parts(data: bytes, start: int, parts: int) -> int | None:
    end: int | None = start
    for _ in range(parts):
        if end is None or end >= len(data):
            return None
        end = end_of(data, end)
    return end


class Wire:
    """A connection of a test's own, which speaks the second version of the protocol."""

    def __init__(self, host: str, port: int, patience: float = PATIENCE_SECONDS) -> None:
        self._socket = socket.create_connection((host, port), timeout=patience)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def call(self, *words: Word) -> Any:
        """What the server replies to one command; an error that it replies is raised."""
        self.send(*words)
        return self.read()

    def send(self, *words: Word) -> None:
        self._socket.sendall(encoded(*words))

    def send_all(self, *commands: Sequence[Word]) -> None:
        """Send several commands in one piece."""
        self._socket.sendall(b"".join(encoded(*words) for words in commands))

    def read(self) -> Any:
        """The next reply: `bytes`, an `int`, `None`, or a list of these."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise ReplyError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self._text(int(rest))
        if kind == b"*":
            return self._parts(int(rest))
        return rest

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server has closed the connection")
        return line[:-2]

    def _text(self, size: int) -> bytes | None:
        if size < 0:
            return None
        text = self._file.read(size + 2)
        if len(text) < size + 2:
            raise ConnectionError("the server has closed the connection")
        return text[:-2]

    def _parts(self, count: int) -> list[Any] | None:
        return None if count < 0 else [self._part() for _ in range(count)]

    def _part(self) -> Any:
        """An error inside of a list is a part of it."""
        try:
            return self.read()
        except ReplyError as error:
            return error
