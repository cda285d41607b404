"""Which result belongs to which call.

An id means the last call that was made with it. A call that has no id of its own goes by the name
of what it calls; it may have several results, where it was made several times at once. What leads
to something belongs to what follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .messages import GUARDED, LEADS, NOSTART, ORPHAN, Mark


class Pair(NamedTuple):
    """A result, and the call that it belongs to."""

    answer: int
    name: bytes
    """The id by which both know each other."""

    call: int | None
    """The number of the call; `None` where it is not among the messages."""


def pairs(marks: Iterable[Mark]) -> list[Pair]:
    """The pairs in *marks*, which are in order.

    The results of a guarded call are guarded: what is not is that of another one, which is gone.
    """
    calls: dict[bytes, Mark] = {}
    found = []
    for one in marks:
        if not one.flags & ORPHAN:
            found += [Pair(one.seq, name, _call(calls.get(name), one)) for name in one.answers]
        for name in one.calls:
            calls[name] = one
    return found


def leading(marks: Sequence[Mark]) -> list[tuple[int, int | None]]:
    """What leads to something and what that is, `None` where it is not among *marks*; without the
    last one of *marks*, which leads to what is still to come."""
    found: list[tuple[int, int | None]] = []
    for one, following in pairwise(marks):
        if one.flags & LEADS:
            is_led = following.seq == one.seq + 1
            # The one that it led to may have been taken away when nothing else was said.
            is_led |= following.flags & NOSTART > 0 and not following.answers
            found.append((one.seq, following.seq if is_led else None))
    return found


def group(marks: Sequence[Mark], seq: int) -> tuple[list[Mark], bool]:
    """The message *seq* and what stands and falls with it, of *marks* in order: calls and their
    results, and what leads to something with that; and whether *marks* go back to all of the
    calls."""
    ties = pairs(marks)
    leads = [(one, led) for one, led in leading(marks) if led is not None]
    members: set[int] = set()
    more = {seq}
    while more != members:
        members = more
        tied = [(pair.answer, pair.call or pair.answer) for pair in ties]
        more = members.union(*(tie for tie in tied + leads if not members.isdisjoint(tie)))
    is_whole = all(pair.call is not None for pair in ties if pair.answer in members)
    return [one for one in marks if one.seq in members], is_whole


def _call(call: Mark | None, answer: Mark) -> int | None:
    """The number of a *call*, if this may be an *answer* to it."""
    if call is None or call.flags & GUARDED > answer.flags & GUARDED:
        return None
    return call.seq
