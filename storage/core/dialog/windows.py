"""Which messages of a session a model can be shown: the newest that fit, and nothing in halves.

A call of a tool and its results are one piece, however many calls and results they are: it stays as
a whole or not at all. What a system says stays always, and counts. The other pieces stay from the
newest on up to the first that does not fit; none is skipped. A piece is as new as its newest
message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .records import Message

Count = Callable[[Message], int]
"""How many tokens a message has."""


class Window(NamedTuple):
    """Messages that are shown."""

    kept: tuple[Message, ...]
    dropped: tuple[Message, ...]
    """The others. Both are in the order in which they were told."""

    tokens: int
    """How many tokens those have that are kept."""

    is_over: bool
    """Whether these are too many: what a system says is more than there is room for."""


def fitted(
    messages: Sequence[Message],
    most_tokens: int,
    count: Count,
    *,
    min_messages: int | None = None,
    max_messages: int | None = None,
    hard_limit: int | None = None,
) -> Window:
    """Those of *messages*, which are in order, that have *most_tokens* at the most.

    Besides what a system says there are *max_messages* at the most, and *min_messages* of the
    newest even where these have more tokens, but never more than the *hard_limit*. The result of a
    call that is not among *messages* is dropped.
    """
    most = most_tokens if hard_limit is None else min(most_tokens, hard_limit)
    fewest, costs = min_messages or 0, [count(one) for one in messages]
    shown = {place for place, one in enumerate(messages) if one.role == "system"}
    tokens, number = sum([costs[place] for place in shown]), 0
    for piece in reversed(pieces(messages)):
        total = tokens + sum([costs[place] for place in piece])
        if max_messages is not None and number + len(piece) > max_messages:
            break
        if total > most and (number >= fewest or (hard_limit is not None and total > hard_limit)):
            break
        shown.update(piece)
        tokens, number = total, number + len(piece)
    return Window(
        tuple([one for place, one in enumerate(messages) if place in shown]),
        tuple([one for place, one in enumerate(messages) if place not in shown]),
        tokens,
        tokens > (most_tokens if hard_limit is None else hard_limit),
    )


def complete(messages: Sequence[Message]) -> tuple[Message, ...]:
    """All of *messages* but results of calls that are not there."""
    if not any(one.metadata and one.tool_results for one in messages):
        return tuple(messages)
    shown = {place for piece in pieces(messages) for place in piece}
    return tuple(
        [one for place, one in enumerate(messages) if one.role == "system" or place in shown]
    )


def pieces(messages: Sequence[Message]) -> list[list[int]]:
    """The places of *messages* that stay or go together, those with the newest message last;
    without what a system says, and without results of calls that are not there.

    An id means the last call that was made with it. What a tool says without naming a call belongs
    to the calls that it follows.
    """
    ties = _Ties(len(messages))
    calls: dict[str, int] = {}
    leading: int | None = None
    for place, one in enumerate(messages):
        own = {call.id: place for call in one.tool_calls} if one.metadata else {}
        results = one.tool_results if one.metadata else ()
        for result in results:
            ties.tie(place, own.get(result.tool_call_id, calls.get(result.tool_call_id)))
        calls.update(own)
        if one.role == "system":
            continue
        if own:
            leading = place
        elif one.role != "tool":
            leading = None
        elif not results and leading is not None:
            ties.tie(place, leading)
    return ties.groups([place for place, one in enumerate(messages) if one.role != "system"])


class _Ties:
    """Which places belong together."""

    def __init__(self, number: int) -> None:
        self._firsts = list(range(number))
        self._halves: list[int] = []

    def tie(self, place: int, other: int | None) -> None:
        """Have two places belong together; one that belongs to what is not there can not stay."""
        if other is None:
            self._halves.append(place)
        else:
            self._firsts[self._first(place)] = self._first(other)

    def groups(self, places: Sequence[int]) -> list[list[int]]:
        """Those of *places* that can stay, together with what they belong to, the newest last."""
        halves = {self._first(place) for place in self._halves}
        found: dict[int, list[int]] = {}
        for place in places:
            first = self._first(place)
            if first not in halves:
                found.setdefault(first, []).append(place)
        return sorted(found.values(), key=lambda piece: piece[-1])

    def _first(self, place: int) -> int:
        firsts = self._firsts
        while firsts[place] != place:
            firsts[place] = firsts[firsts[place]]
            place = firsts[place]
        return place
