"""Conversations in a file: one line of JSON for each message, between a line that begins it and one
that ends it. A line without a message tells about the conversation that follows.

{"conversations":1}
{"key":"100:7","began":"2026-06-10T12:00:00.000Z","last_seq":1}
{"key":"100:7","seq":1,"at":"2026-06-10T12:00:00.000Z","tokens":8,"message":{"role":"user"}}
{"messages":1}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from ..codecs import UnreadableError, members, rewritten
from ..errors import ConfigurationError
from ..ttl import At, moment, span
from .messages import ESTIMATED, GUARDED, MOST_SEQ, MOST_TOKENS, SYSTEM, mark

FORMAT: Final = 1
HEADER: Final = b'{"conversations":%d}\n' % FORMAT

_ABOUT: Final = {"key", "began", "last_seq", "ends"}
_SAID: Final = {"key", "seq", "at", "tokens", "estimate", "stays", "message"}
_DATE: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(?:Z|([+-]\d\d:\d\d))", re.ASCII
)


class About(NamedTuple):
    """What a file tells about a conversation; moments are milliseconds since 1970."""

    key: str
    began: int | None = None
    last_seq: int | None = None
    ends: int | None = None


class Said(NamedTuple):
    """A message as a file has it."""

    key: str
    message: dict[str, Any]
    seq: int | None = None
    at: int | None = None
    tokens: int | None = None
    is_estimate: bool = False
    stays: bool | None = None
    """Whether it is never trimmed; `None` where that is not told."""


class End(NamedTuple):
    """The last line: how many messages there are."""

    messages: int


class MisreadError(UnreadableError):
    """A line that tells nothing but whose it is."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key: str = key


def lines(
    about: About, messages: Sequence[dict[str, Any]], records: Sequence[bytes]
) -> Iterator[bytes]:
    """The lines of a conversation that consists of *records*, of which these are the messages."""
    key = rewritten(about.key)
    told = [(b"began", about.began), (b"ends", about.ends)]
    dates = [b',"%b":"%b"' % (name, _date(ms)) for name, ms in told if ms is not None]
    last = b"" if about.last_seq is None else b',"last_seq":%d' % about.last_seq
    yield b'{"key":%b%b%b}\n' % (key, b"".join(dates), last)
    for message, raw in zip(messages, records):
        one = mark(raw)
        body = raw[one.body :]
        if b"\n" in body or b"\r" in body:  # as others may put them between the parts
            body = rewritten(message)
        estimate = b',"estimate":true' if one.flags & ESTIMATED else b""
        stays = b',"stays":true' if one.flags & GUARDED else b""
        if not stays and one.role in SYSTEM:  # or it would be taken for the system prompt
            stays = b',"stays":false'
        head = b'{"key":%b,"seq":%d,"at":"%b"' % (key, one.seq, _date(one.at))
        yield b'%b,"tokens":%d%b%b,"message":%b}\n' % (head, one.tokens, estimate, stays, body)


def ending(messages: int) -> bytes:
    """The last line of a file."""
    return b'{"messages":%d}\n' % messages


def has_header(first: bytes, label: str) -> bool:
    """Whether a file begins as those that are written here do; refuses one that is none, of which
    errors speak as *label*. What somebody writes by hand may begin with a message."""
    try:
        found = members(_decoded(first))
    except UnreadableError:
        found = {}
    version = found["conversations"][0] if found.keys() == {"conversations"} else None
    if type(version) is not int:
        if "key" in found:
            return False
        raise ConfigurationError("these are no conversations", store=label)
    if version != FORMAT:
        message = f"this file has the format {version}, and this code knows {FORMAT}"
        raise ConfigurationError(message, store=label)
    return True


def read(text: bytes) -> About | Said | End:
    """What a line says; an `UnreadableError` where it is none."""
    found = {name: value for name, (value, _) in members(_decoded(text)).items()}
    if found.keys() == {"messages"} and _is_number(found["messages"]):
        return End(found["messages"])
    key = found.get("key")
    if type(key) is not str:
        raise UnreadableError("it is no line of a conversation")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise UnreadableError("its key can not be read") from None
    try:
        return _said(found) if "message" in found else _about(found)
    except UnreadableError as error:
        raise MisreadError(str(error), key) from None


def _about(found: dict[str, Any]) -> About:
    if found.keys() - _ABOUT:
        raise UnreadableError("it is no line of a conversation")
    began, ends = _moment(found, "began"), _moment(found, "ends")
    return About(found["key"], began, _checked(found, "last_seq", _is_seq), ends)


def _said(found: dict[str, Any]) -> Said:
    if found.keys() - _SAID:
        raise UnreadableError("it has members that no message has")
    return Said(
        found["key"],
        _checked(found, "message", lambda message: type(message) is dict),
        _checked(found, "seq", _is_seq),
        _moment(found, "at"),
        _checked(found, "tokens", lambda number: _is_number(number) and number <= MOST_TOKENS),
        bool(_checked(found, "estimate", lambda word: type(word) is bool)),
        _checked(found, "stays", lambda word: type(word) is bool),
    )


def _checked(found: dict[str, Any], name: str, fits: Callable[[Any], bool]) -> Any:
    if name not in found:
        return None
    value = found[name]
    if not fits(value):
        raise UnreadableError(f"its {name} can not be read")
    return value


def _moment(found: dict[str, Any], name: str) -> int | None:
    """A moment, in milliseconds since 1970."""
    text = _checked(found, name, lambda text: type(text) is str)
    if text is None:
        return None
    date = _DATE.fullmatch(text)
    try:
        if date is not None:
            seconds, fraction, zone = date.groups("")
            told = span(datetime.fromisoformat(f"{seconds}.{fraction:0<6}{zone or '+00:00'}"))
            if isinstance(told, At) and told.ms >= 0:
                return told.ms
    except ValueError:
        pass
    raise UnreadableError(f"its {name} can not be read: it is no date such as {_EXAMPLE}")


_EXAMPLE: Final = "2026-06-10T12:00:00.000Z"


def _date(ms: int) -> bytes:
    """A moment as JavaScript writes it."""
    when = moment(ms)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z".encode()


def _is_number(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_seq(value: object) -> bool:
    return type(value) is int and 1 <= value <= MOST_SEQ


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8") from None
