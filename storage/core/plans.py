"""Edits of a conversation: what each wants to see of it, and what it makes of that.

An edit first looks at a few messages. Where what belongs together reaches further than these, it
looks again, further.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ..histories import Alteration, Query, Stretch
from .edits import pinned, unpinned, without
from .history import State, unpacked
from .messages import GUARDED, LEADS, NOSTART, TURN, Mark, marks
from .pairs import group, pairs

FIRST_LOOK = 16
WIDER = 8


class Seen(NamedTuple):
    """What an edit looks at."""

    state: State
    marks: Sequence[Mark]
    records: Sequence[bytes]
    is_first: bool
    """Whether nothing stands before these messages."""

    is_last: bool
    """Whether nothing stands after them."""

    def of(self, chosen: Sequence[Mark]) -> dict[int, bytes]:
        """The records of the messages that are *chosen*, by their numbers."""
        wanted = {one.seq for one in chosen}
        pairs = zip(self.marks, self.records)
        return {one.seq: raw for one, raw in pairs if one.seq in wanted}


class Plan(NamedTuple):
    """What an edit makes of a conversation."""

    alteration: Alteration | None
    """`None` where nothing is to be done."""

    touched: list[bytes]
    """The messages that this is about, as they were."""

    is_too_much: bool = False
    """Whether nothing is done because too much would be guarded."""


NOTHING = Plan(None, [])


class Edit(Protocol):
    """One of the edits."""

    def query(self, width: int) -> Query:
        """Which messages it looks at, so many of them."""
        ...

    def plan(self, seen: Seen) -> Plan | None:
        """What is to be done; `None` where it has to look further."""
        ...


def seen(stretch: Stretch, query: Query) -> Seen:
    """What was found of a conversation that is there; a `ValueError` for what can not be read."""
    assert stretch.state is not None
    state = unpacked(stretch.state)
    is_last = query.before is None or query.before > state.seq
    is_first = not query.after and not stretch.more
    return Seen(state, marks(stretch.records), stretch.records, is_first, is_last)


class Pop(NamedTuple):
    """Takes the last message away."""

    def query(self, width: int) -> Query:
        return Query(width)

    def plan(self, seen: Seen) -> Plan | None:
        return _end(seen, len(seen.marks) - 1)


class Undo(NamedTuple):
    """Takes the last *turns* away, with all that came after they began."""

    turns: int

    def query(self, width: int) -> Query:
        return Query(4 * width)

    def plan(self, seen: Seen) -> Plan | None:
        starts = [place for place, one in enumerate(seen.marks) if one.flags & TURN]
        if len(starts) < self.turns and not seen.is_first:
            return None
        return _end(seen, starts[-self.turns :][0]) if starts else NOTHING


class Truncate(NamedTuple):
    """Takes away all that came after the message *seq*."""

    seq: int

    def query(self, width: int) -> Query:
        return Query(after=max(0, self.seq - width), newest=False)

    def plan(self, seen: Seen) -> Plan | None:
        return _end(seen, sum(one.seq <= self.seq for one in seen.marks))


class Delete(NamedTuple):
    """Takes the message *seq* away, and what stands and falls with it."""

    seq: int

    def query(self, width: int) -> Query:
        return _around(self.seq, width)

    def plan(self, seen: Seen) -> Plan | None:
        members = _group(seen, self.seq)
        if not members:
            return None if members is None else NOTHING
        led = None
        if seen.is_last and members[-1] is seen.marks[-1]:
            rest = [one for one in seen.marks if one not in members]
            if not rest and not seen.is_first:
                return None
            led = bool(rest and rest[-1].flags & LEADS)
        alteration = without(seen.state, members, pairs(members), led=led)
        return Plan(alteration, list(seen.of(members).values()))


class Pin(NamedTuple):
    """Lets the message *seq* always stay, and what stands and falls with it; or no more."""

    seq: int
    stays: bool

    def query(self, width: int) -> Query:
        return _around(self.seq, width)

    def plan(self, seen: Seen) -> Plan | None:
        members = _group(seen, self.seq)
        if not members:
            return None if members is None else NOTHING
        records = seen.of(members)
        touched = list(records.values())
        if all((one.flags & GUARDED > 0) is self.stays for one in members):
            return Plan(None, touched)
        if not self.stays:
            return Plan(unpinned(seen.state, records, members), touched)
        alteration = pinned(seen.state, records, members)
        return Plan(alteration, touched, is_too_much=alteration is None)


def _around(seq: int, width: int) -> Query:
    return Query(after=max(0, seq - width), before=seq + width, newest=False)


def _end(seen: Seen, place: int) -> Plan | None:
    """Takes away all messages from a *place* on."""
    rest, removed = seen.marks[: max(place, 0)], seen.marks[max(place, 0) :]
    if not removed:
        return NOTHING
    gone = {one.seq for one in removed}
    ties = [pair for pair in pairs(seen.marks) if pair.answer in gone]
    if not seen.is_first and (not rest or any(pair.call is None for pair in ties)):
        return None
    led = bool(rest and rest[-1].flags & LEADS)
    alteration = without(seen.state, removed, ties, led=led)
    return Plan(alteration, list(seen.records[len(rest) :]))


def _group(seen: Seen, seq: int) -> list[Mark] | None:
    """The message *seq* and what stands and falls with it; none where it is not there, and `None`
    where it may reach further."""
    if all(one.seq != seq for one in seen.marks):
        return []
    members, is_whole = group(seen.marks, seq)
    is_led = members[0] is seen.marks[0] and members[0].flags & NOSTART
    if not seen.is_first and (is_led or not is_whole):
        return None
    answered = {call for one in members for call in one.answers}
    waiting = {call for one in members for call in one.calls} - answered
    leads = members[-1] is seen.marks[-1] and members[-1].flags & LEADS
    if not seen.is_last and (leads or not waiting <= {call for call, _ in seen.state.opens}):
        return None
    return members
