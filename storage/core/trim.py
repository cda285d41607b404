"""Which messages stay: the one decision of every trim and every window, on every backend.

What is guarded stays always, and counts. The others go from the oldest on, down to the bounds,
and then to the next place where a history may begin: nothing begins with the result of a tool call,
or between a call and its results. So what stays is the longest stretch at the end that fits and
that may begin where it does; it may be empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from ..histories import Bounds
from .messages import (
    ANSWERS,
    CALLS,
    ESTIMATED,
    GUARDED,
    LEADS,
    NOSTART,
    ORPHAN,
    TURN,
    Mark,
    is_by_name,
)
from .pairs import Pair, leading, pairs

MOST_AT_ONCE: Final = 1000
"""How many messages are dropped in one step; there may have to be several."""

Span = tuple[int, int]
"""A message and a later one that belongs to it: nothing begins after the one, up to the other."""

Open = tuple[bytes, int]
"""A call that has no result so far: its id, and the message that makes it."""


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

    They are the messages from the first on that is not guarded, as many as are asked for; about
    *most* of them are dropped now: who goes on later begins with one that has to go.
    """
    messages, tokens, estimated, turns = held
    most_messages, most_tokens, most_turns = bounds
    dropped = 0
    for one in marks:
        flags = one.flags
        if flags & GUARDED:
            continue
        # As `exceeds` says it, without a call for each message.
        is_over = (
            (most_messages is not None and messages > most_messages)
            or (most_tokens is not None and tokens > most_tokens)
            or (most_turns is not None and turns + (not flags & TURN) > most_turns)
        )
        if not is_over and (not dropped or may_begin(one, spans)):
            return Cut(one, Held(messages, tokens, estimated, turns), False)
        if is_over and most is not None and dropped >= most:
            return Cut(one, Held(messages, tokens, estimated, turns), True)
        messages, tokens, dropped = messages - 1, tokens - one.tokens, dropped + 1
        if flags & ESTIMATED:
            estimated -= one.tokens
        turns -= flags & TURN > 0
    return Cut(None, Held(messages, tokens, estimated, turns), False)


def exceeds(messages: int, tokens: int, turns: int, bounds: Bounds) -> bool:
    """Whether so much does not fit."""
    return (
        (bounds.messages is not None and messages > bounds.messages)
        or (bounds.tokens is not None and tokens > bounds.tokens)
        or (bounds.turns is not None and turns > bounds.turns)
    )


def may_begin(one: Mark, spans: Sequence[Span]) -> bool:
    """Whether a history may begin with this message."""
    if one.flags & NOSTART:
        return False
    return not spans or not any(start < one.seq <= end for start, end in spans)


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


def window(
    marks: Sequence[Mark], bounds: Bounds, spans: Sequence[Span], opens: Sequence[Open]
) -> tuple[list[Mark], bool]:
    """Those of *marks* that a model can be shown, and whether any had to go for the *bounds*.

    *marks* are in order: what is guarded, and all others from some message on. Results without a
    call are left out, calls that were not answered when something else was said, and what belongs
    to these. Where none had to go, a message that comes before *marks* may fit as well.
    """
    ties = pairs(marks)
    out = _broken(marks, ties, opens)
    out.update(one.seq for one in marks if one.flags & ORPHAN)
    out = _with_ties(marks, ties, out)
    whole = [one for one in marks if one.seq not in out]
    head, _, _ = cut(whole, held(whole), bounds, [one for one in spans if one[0] not in out])
    first = head.seq if head is not None else float("inf")
    out.update(one.seq for one in whole if not one.flags & GUARDED and one.seq < first)
    # A result that is guarded may be that of a call, too, which is not.
    out = _with_ties(marks, ties, out)
    shown = [one for one in whole if one.seq not in out]
    return shown, len(shown) < len(whole)


def plain_window(heads: Sequence[tuple[int, int]], bounds: Bounds) -> tuple[list[int], bool]:
    """The same of messages that do not belong to each other, as `plain_heads` tells them: the
    places of those that can be shown, and whether any had to go."""
    messages, tokens = len(heads), sum([packed >> 8 for _, packed in heads])
    turns = sum([packed & (TURN | GUARDED) == TURN for _, packed in heads])
    shown, start = [], messages
    for place, (_, packed) in enumerate(heads):
        if packed & GUARDED:
            shown.append(place)
            continue
        if not exceeds(messages, tokens, turns + (not packed & TURN), bounds):
            start = place
            break
        messages, tokens = messages - 1, tokens - (packed >> 8)
        turns -= packed & TURN > 0
    shown += range(start, len(heads))
    return shown, len(shown) < len(heads)


def _broken(marks: Sequence[Mark], ties: Sequence[Pair], opens: Sequence[Open]) -> set[int]:
    """The numbers of calls without all of their results, but for what still goes on at the end.

    *marks* have all results of the calls among them; of calls before them, *opens* have none.
    """
    missing = {one.seq: set(one.calls) for one in marks if one.calls}
    for _, name, call in ties:
        if call is not None:
            missing[call].discard(name)
    for name, call in opens:
        if not is_by_name(name):
            missing.setdefault(call, {name})
    others = (one.seq for one in marks if not one.flags & (ANSWERS | CALLS | LEADS))
    last = max(others, default=0)
    return {call for call, names in missing.items() if names and call < last}


def _with_ties(marks: Sequence[Mark], ties: Sequence[Pair], out: AbstractSet[int]) -> set[int]:
    """What is *out*, and all that is not whole without it: a result without each of its calls, a
    call without each of its results, and what leads to nothing, unless that is still to come."""
    found, leads, before = set(out), leading(marks), -1
    while len(found) > before:
        before = len(found)
        for answer, _, call in ties:
            if call is None or call in found:
                found.add(answer)
            elif answer in found:
                found.add(call)
        found.update(one for one, led in reversed(leads) if led is None or led in found)
    return found
