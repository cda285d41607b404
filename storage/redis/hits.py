"""What asks a server whether something may pass, and how it answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Final

from ..records import Decision, Reading
from .commands import Command, Script

HIT, TELL, PEEK = b"hit", b"tell", b"peek"

_HEAD: Final = b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n$%d\r\n%b\r\n%b"
_TAIL: Final = b"$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"

PART: Final = 24
"""So long is what an answer says first, and what it says of each meter."""

_read_one: Final = Struct("<6q").unpack

_new: Final = tuple.__new__


class HitScript(Script):
    """The *script* of hits by meters of some rules, and what is the same for all of them.

    That is what the names of the meters begin with, its *starts*, and what it is *told* of rules.
    """

    def __init__(self, script: Script, starts: Sequence[str], told: bytes) -> None:
        self.source: bytes = script.source
        self.sha: bytes = script.sha
        self.starts: Sequence[str] = starts
        self.told: bytes = told
        self.count: bytes = b"%d" % len(starts)
        self.is_plain: bool = "{" not in "".join(starts)
        """Whether the names are as they are mostly: a start, and that of the key in braces."""
        heads = [start.encode() for start in starts]
        self.sizes: list[int] = [len(head) + 2 for head in heads]
        called = b"".join([b"$%%d\r\n%b{%%b}\r\n" % _literal(head) for head in heads])
        head = _HEAD % (6 + len(starts), self.sha, len(self.count), self.count, called)
        self.forms: dict[bytes, bytes] = {
            what: head + _literal(_TAIL % (len(told), told, len(what), what, 1, b"1"))
            for what in (HIT, TELL)
        }
        """What is sent for a hit that costs 1, but for the name of the key."""


class UsualHit(Command):
    """A hit that costs 1 by meters of one key: the name of that is filled into what is ready.

    It is said so often that its words are not put together before somebody wants them. In their
    place stands what to do.
    """

    __slots__ = ()

    @property
    def words(self) -> tuple[bytes, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        parts: Any = self
        _, name, what, said, _ = parts
        keys = [b"%b{%b}" % (start.encode(), name) for start in said.starts]
        return (b"EVALSHA", said.sha, said.count, *keys, said.told, what, b"1")

    def packed(self) -> bytes:
        parts: Any = self
        _, name, what, said, _ = parts
        length, sizes = len(name), said.sizes
        form: bytes = said.forms[what]
        if len(sizes) == 1:
            return form % (sizes[0] + length, name)
        filled: list[int | bytes] = []
        for size in sizes:
            filled += size + length, name
        return form % tuple(filled)


class AnyHit(Command):
    """A hit by any meters, which is packed in few steps."""

    __slots__ = ()

    def packed(self) -> bytes:
        _, sha, count, *keys, told, what, cost = self.words
        called = b"".join([b"$%d\r\n%b\r\n" % (len(key), key) for key in keys])
        head = _HEAD % (6 + len(keys), sha, len(count), count, called)
        return head + _TAIL % (len(told), told, len(what), what, len(cost), cost)


def decided(reply: bytes) -> Decision:
    """What the *reply* about one meter says: all numbers in one piece."""
    word, now, at, wait, left, fresh = _read_one(reply)
    readings = [_new(Reading, (wait, left, fresh))]
    decision: Decision = _new(Decision, (word == 1, now, at, word == 2, readings))
    return decision


def decided_all(reply: bytes) -> Decision:
    """The same of a *reply* about several meters."""
    numbers = _numbers(len(reply)).unpack(reply)
    word, now, at = numbers[:3]
    places = range(3, len(numbers), 3)
    readings = [_new(Reading, numbers[place : place + 3]) for place in places]
    decision: Decision = _new(Decision, (word == 1, now, at, word == 2, readings))
    return decision


@lru_cache(maxsize=64)
def _numbers(size: int) -> Struct:
    """How an answer of so many bytes is written."""
    return Struct(f"<{size // 8}q")


def _literal(raw: bytes) -> bytes:
    """What stands for *raw* where something else is filled in."""
    return raw.replace(b"%", b"%%")
