"""Which messages stay: the one decision of every trim and every window, on every backend.

What is guarded stays always, and counts. The others go from the oldest on, down to the bounds,
and then to the next place where a history may begin: nothing begins with the result of a tool call,
or between a call and its results. So what stays is the longest stretch at the end that fits and
that may begin where it does; it may be empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from ..histories import Bounds
from .messages import ANSWERS, CALLS, ESTIMATED, GUARDED, NOSTART, ORPHAN, TURN, Mark
from .pairs import pairs

MOST_AT_ONCE: Final = 1000
"""How many messages are dropped in one step; there may have to be several."""

Span = tuple[int, int]
"""A message and a later one that belongs to it: nothing begins after the one, up to the other."""


class Held(NamedTuple):
    """What there is."""

    messages: int
    tokens: int
    estimated: int
    """How many of the tokens are an estimate."""

    turns: int
    """How many turns begin here, without those that are guarded."""


class Cut(NamedTuple):
    """What came of dropping messages."""

    head: Mark | None
    """The first one that is not guarded and stays."""

    held: Held
    more: bool
    """Whether more are to be dropped."""


def cut(
    marks: Iterable[Mark],
    held: Held,
    bounds: Bounds,
    spans: Sequence[Span],
    most: int | None = None,
) -> Cut:
    """Drop the first of *marks*, which are in order, until what is *held* fits into *bounds*.

    They are the messages from the first on that is not guarded, as many as are asked for; *most*
    of them are dropped now.
    """
    messages, tokens, estimated, turns = held
    dropped = 0
    for one in marks:
        flags = one.flags
        if flags & GUARDED:
            continue
        is_over = (
            (bounds.messages is not None and messages > bounds.messages)
            or (bounds.tokens is not None and tokens > bounds.tokens)
            or (bounds.turns is not None and turns + (not flags & TURN) > bounds.turns)
        )
        if not is_over and (not dropped or may_begin(one, spans)):
            return Cut(one, Held(messages, tokens, estimated, turns), False)
        if dropped == most:
            return Cut(one, Held(messages, tokens, estimated, turns), True)
        messages, tokens, dropped = messages - 1, tokens - one.tokens, dropped + 1
        estimated -= estimate(one)
        turns -= flags & TURN > 0
    return Cut(None, Held(messages, tokens, estimated, turns), False)


def may_begin(one: Mark, spans: Sequence[Span]) -> bool:
    """Whether a history may begin with this message."""
    if one.flags & NOSTART:
        return False
    return not any(start < one.seq <= end for start, end in spans)


def estimate(one: Mark) -> int:
    """How many of the tokens of a message are an estimate."""
    return one.tokens if one.flags & ESTIMATED else 0


def held(marks: Iterable[Mark]) -> Held:
    """What all of *marks* are together."""
    messages = tokens = estimated = turns = 0
    for one in marks:
        messages, tokens = messages + 1, tokens + one.tokens
        estimated += estimate(one)
        turns += one.flags & (TURN | GUARDED) == TURN
    return Held(messages, tokens, estimated, turns)


def window(marks: Sequence[Mark], bounds: Bounds, spans: Sequence[Span]) -> tuple[list[Mark], bool]:
    """Those of *marks* that a model can be shown, and whether any had to go for the *bounds*.

    *marks* are in order: what is guarded, and all others from some message on. Results without a
    call are left out, and calls that were not answered when something else was said.
    """
    broken = _broken(marks)
    whole = [one for one in marks if one.seq not in broken and not one.flags & ORPHAN]
    head, _, _ = cut(whole, held(whole), bounds, spans)
    first = head.seq if head is not None else float("inf")
    shown = [one for one in whole if one.flags & GUARDED or one.seq >= first]
    return shown, len(shown) < len(whole)


def _broken(marks: Sequence[Mark]) -> set[int]:
    """The numbers of calls without all of their results, and of the results that they have; what
    is still going on at the end is none of them."""
    results: dict[int, list[int]] = {}
    missing = {one.seq: set(one.calls) for one in marks if one.calls}
    for answer, name, call in pairs(marks):
        if call is not None:
            missing[call].discard(name)
            results.setdefault(call, []).append(answer)
    last = max((one.seq for one in marks if not one.flags & (ANSWERS | CALLS)), default=0)
    broken = {call for call, names in missing.items() if names and call < last}
    return broken.union(*(results.get(call, ()) for call in broken))
