"""What asks a server whether something may pass, and how it answers."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from ..records import Decision, Reading
from .commands import Command, Script

HIT, TELL, PEEK = b"hit", b"tell", b"peek"

_ONE: Final = (
    b"*7\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n$1\r\n1\r\n"
    b"$%d\r\n%b\r\n$32\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
)
_SOME: Final = (
    b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n$%d\r\n%b\r\n%b$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
)

OF_ONE: Final = Struct("<6q")
"""How an answer about one meter is written."""

_new: Final = tuple.__new__


class OneHit(Command):
    """A hit by one meter, which is said so often that it is packed in one step."""

    __slots__ = ()

    def packed(self) -> bytes:
        _, sha, _, key, told, what, cost = self.words
        return _ONE % (sha, len(key), key, told, len(what), what, len(cost), cost)

    def spelled_out(self) -> Command:
        return Command._make(self).spelled_out()


class Hits(Command):
    """A hit by several meters, which is packed in few steps."""

    __slots__ = ()

    def packed(self) -> bytes:
        _, sha, count, *keys, told, what, cost = self.words
        called = b"".join([b"$%d\r\n%b\r\n" % (len(key), key) for key in keys])
        asked = (len(told), told, len(what), what, len(cost), cost)
        return _SOME % (6 + len(keys), sha, len(count), count, called, *asked)

    def spelled_out(self) -> Command:
        return Command._make(self).spelled_out()


class Several(NamedTuple):
    """What is the same for all hits by meters of several rules."""

    starts: tuple[str, ...]
    """What the names of the meters begin with."""

    told: bytes
    """What scripts are told of the rules."""

    script: Script
    number: bytes
    """How many they are."""


def decided(reply: bytes) -> Decision:
    """What the *reply* about one meter says: all numbers in one piece."""
    word, now, at, wait, left, fresh = OF_ONE.unpack(reply)
    readings = [_new(Reading, (wait, left, fresh))]
    decision: Decision = _new(Decision, (word == 1, now, at, word == 2, readings))
    return decision


def decided_all(reply: bytes) -> Decision:
    """The same of a *reply* about several meters."""
    word, now, at, *rest = _numbers(len(reply)).unpack(reply)
    three = iter(rest)
    readings = [_new(Reading, one) for one in zip(three, three, three)]
    decision: Decision = _new(Decision, (word == 1, now, at, word == 2, readings))
    return decision


@lru_cache(maxsize=64)
def _numbers(size: int) -> Struct:
    """How an answer of so many bytes is written."""
    return Struct(f"<{size // 8}q")
