"""Marks: what ends several commands that are sent at once, and so tells whose the answers are.

A mark is an `ECHO` of what was never said before. It comes back behind the answers to what was sent
with it, and where something else does, nobody can say whose those answers are.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from itertools import count
from typing import Any

from redis.exceptions import InvalidResponse

from .replies import Phase, Trouble, refuses, word

_MARK = b"*2\r\n$4\r\nECHO\r\n$28\r\n%b\r\n"


class Marks:
    """Words that are said once."""

    def __init__(self) -> None:
        self._start = os.urandom(8).hex().encode()
        self._numbers = count(1)

    def next(self) -> bytes:
        """One that was never said."""
        return b"%b%012x" % (self._start, next(self._numbers))


def marking(mark: bytes) -> bytes:
    """What is sent for *mark*."""
    return _MARK % mark


class End(Enum):
    """What stands where a mark should, behind some replies."""

    MARK = "the mark: the replies are the answers"
    REFUSED = "the server does not take marks: nobody can say more"
    OTHER = "what belongs somewhere else, and so may each of the replies"


def what_ends(replies: Sequence[Any], mark: bytes) -> End:
    """What stands in the place of *mark*, behind all other *replies*.

    Errors that are all of one kind (the server loads its data, or wants a password) need no mark.
    """
    *before, last = replies
    if type(last) is not Trouble:
        return End.MARK if type(last) is bytes and last == mark else End.OTHER
    if last.phase is not Phase.ANSWERED:
        return End.OTHER
    first = word(last.error)
    if all(type(reply) is Trouble and word(reply.error) == first for reply in before):
        return End.MARK
    return End.REFUSED if is_for_good(last.error) else End.OTHER


def is_for_good(error: BaseException) -> bool:
    """Whether a server that refuses a mark with *error* will go on refusing it."""
    return refuses(error, "echo")


def mixed_up() -> Trouble:
    """What is told instead of replies of which nobody can say whose they are."""
    return Trouble(Phase.SENT, InvalidResponse("an answer in the place of another"))
