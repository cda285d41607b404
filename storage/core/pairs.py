"""Which result belongs to which call.

An id means the last call that was made with it. A call that has no id of its own goes by the name
of what it calls; it may have several results, where it was made several times at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .messages import ORPHAN, Mark


class Pair(NamedTuple):
    """A result, and the call that it belongs to."""

    answer: int
    name: bytes
    """The id by which both know each other."""

    call: int | None
    """The number of the call; `None` where it is not among the messages."""


def pairs(marks: Iterable[Mark]) -> list[Pair]:
    """The pairs in *marks*, which are in order."""
    calls: dict[bytes, int] = {}
    found = []
    for one in marks:
        if not one.flags & ORPHAN:
            found += [Pair(one.seq, name, calls.get(name)) for name in one.answers]
        for name in one.calls:
            calls[name] = one.seq
    return found


def group(marks: Sequence[Mark], seq: int) -> tuple[list[Mark], bool]:
    """The message *seq* and what stands and falls with it, of *marks* in order: calls and their
    results; and whether *marks* go back to all of the calls."""
    ties = pairs(marks)
    members: set[int] = set()
    more = {seq}
    while more != members:
        members = more
        tied = [(pair.answer, pair.call or pair.answer) for pair in ties]
        more = members.union(*(tie for tie in tied if not members.isdisjoint(tie)))
    is_whole = all(pair.call is not None for pair in ties if pair.answer in members)
    return [one for one in marks if one.seq in members], is_whole
