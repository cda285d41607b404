"""Replies out of the bytes that a server sends, in whatever pieces they come.

`hiredis` reads them where it is installed, as it does for the client library, and what is here does
otherwise; what a server says of itself, and not in reply, is a `PUSH`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, Protocol

from redis.connection import DefaultParser
from redis.exceptions import InvalidResponse

try:
    _HIREDIS: Any = import_module("hiredis")
except ImportError:
    _HIREDIS = None
# An older one does not tell a push from a reply.
if not hasattr(_HIREDIS, "PushNotification"):
    _HIREDIS = None

NOT_YET: Final[Any] = ...
"""What a reader gets while the rest of a reply is still on its way."""

_error: Callable[[str], Exception] = DefaultParser.parse_error
"""The client library's error for what a server says."""

_OPENED: Any = object()
_NONE = b"-1"
_OF_REAL = b"0123456789+-.eE"
_NO_DIGITS = (b"inf", b"-inf", b"nan", b"-nan")


class Reader(Protocol):
    """Takes bytes, and gives replies."""

    def feed(self, data: bytes) -> object:
        """Take what came next."""
        ...

    def gets(self) -> Any:
        """The next reply, or `NOT_YET`; what a server refuses is an exception that is not raised.

        What is no reply raises.
        """
        ...

    def has_data(self) -> bool:
        """Whether a part of a reply is there."""
        ...


class Pushed(list[Any]):
    """What a server says of itself."""


PUSH: type[list[Any]] = Pushed if _HIREDIS is None else _HIREDIS.PushNotification
"""The type of what a server says of itself, where a reader of `reader` has read it."""


def reader() -> Reader:
    """A reader of one connection."""
    if _HIREDIS is None:
        return PlainReader()
    found: Reader = _HIREDIS.Reader(
        protocolError=InvalidResponse, replyError=_error, errors="replace", notEnoughData=NOT_YET
    )
    return found


class PlainReader:
    """A reader in Python, of both versions of the protocol."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._at = self._looked = 0
        self._open: list[_Several] = []

    def feed(self, data: bytes) -> None:
        """Take what came next."""
        if self._at:
            del self._bytes[: self._at]
            self._looked -= self._at
            self._at = 0
        self._bytes += data

    def gets(self) -> Any:
        """The next reply, or `NOT_YET`."""
        while True:
            try:
                reply = self._next()
            except (ValueError, TypeError, KeyError):
                raise InvalidResponse("what came is no reply") from None
            if reply is NOT_YET or (reply is not _OPENED and not self._open):
                return reply

    def has_data(self) -> bool:
        """Whether a part of a reply is there."""
        return bool(self._open) or self._at < len(self._bytes)

    def _next(self) -> Any:
        """A whole reply, or a part of one, which is put where it belongs."""
        part = self._part()
        while part is not NOT_YET and part is not _OPENED and self._open:
            if not self._open[-1].takes(part):
                return _OPENED
            part = self._open.pop().whole()
        return part

    def _part(self) -> Any:
        data, start = self._bytes, self._at
        end = data.find(b"\r\n", max(start, self._looked))
        if end < 0:
            self._looked = len(data) - 1  # which may be half of an end
            return NOT_YET
        kind, line = bytes(data[start : start + 1]), bytes(data[start + 1 : end])
        if kind in _SIMPLE:
            self._at = end + 2
            return _SIMPLE[kind](line)
        size = _size(line, kind in (b"$", b"*"))
        if size is None:
            self._at = end + 2
            return None
        if kind in _LONG:
            if len(data) < end + size + 4:
                return NOT_YET
            if not data.startswith(b"\r\n", end + size + 2):
                raise ValueError(size)
            self._at = end + size + 4
            return _LONG[kind](bytes(data[end + 2 : end + size + 2]))
        self._at = end + 2
        several = _Several(kind, size)
        if several.missing:
            self._open.append(several)
            return _OPENED
        return several.whole()


class _Several:
    """What holds other replies, of which some are missing."""

    __slots__ = ("_found", "_kind", "missing")

    def __init__(self, kind: bytes, size: int) -> None:
        self._kind = kind
        self._found: list[Any] = []
        self.missing: int = size * _COUNTED[kind]

    def takes(self, part: Any) -> bool:
        """Take the next one; says whether it was the last."""
        self._found.append(part)
        self.missing -= 1
        return not self.missing

    def whole(self) -> Any:
        """What it is when nothing is missing."""
        found = self._found
        if self._kind == b"%":
            return dict(zip(found[::2], found[1::2]))
        if self._kind == b">":
            return Pushed(found)
        # What stands before a reply to tell something about it is of no interest.
        return _OPENED if self._kind == b"|" else found


def _size(line: bytes, may_be_none: bool) -> int | None:
    if may_be_none and line == _NONE:
        return None
    size = _number(line)
    if size < 0:
        raise ValueError(line)
    return size


def _number(text: bytes) -> int:
    return int(_digits(text))


def _digits(text: bytes) -> bytes:
    """A number of any length, as it is said; Python would take more for one."""
    if not text.removeprefix(b"-").isdigit():
        raise ValueError(text)
    return text


def _real(text: bytes) -> float:
    if text not in _NO_DIGITS and text.translate(None, _OF_REAL):
        raise ValueError(text)
    return float(text)


def _failed(text: bytes) -> Exception:
    return _error(text.decode(errors="replace"))


def _nothing(text: bytes) -> None:
    if text:
        raise ValueError(text)


def _flag(text: bytes) -> bool:
    return {b"t": True, b"f": False}[text]


_SIMPLE: dict[bytes, Callable[[bytes], Any]] = {
    b"+": bytes,
    b"-": _failed,
    b":": _number,
    b"(": _digits,  # hiredis makes no `int` of it either
    b",": _real,
    b"_": _nothing,
    b"#": _flag,
}
_LONG: dict[bytes, Callable[[bytes], Any]] = {
    b"$": bytes,
    b"!": _failed,
    b"=": lambda text: text[4:],
}
_COUNTED = {b"*": 1, b"~": 1, b">": 1, b"%": 2, b"|": 2}
"""Of what holds others, how many there are for each that is counted."""
