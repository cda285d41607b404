"""What is known of a conversation besides its messages, and how that changes with them.

A few numbers are enough to append and to trim in one step without a look at what stays.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final, Literal

from ..histories import Appended, Bounds, Entry, Terms
from .messages import (
    ESTIMATED,
    GUARDED,
    ID_BYTES,
    LAST_SEQ,
    LEADS,
    NOSTART,
    ORPHAN,
    ROLES,
    SYSTEM,
    TURN,
    Mark,
    is_by_name,
    record,
)
from .trim import MOST_AT_ONCE, Held, Open, Span, cut, exceeds

VERSION: Final = 1

MOST_GUARDED: Final = 256
MOST_OPEN: Final = 256
MOST_SPANS: Final = 16
MOST_NOTES: Final = 32

LEADING: Final = 1
"""The system prompt may go on: nothing else was said so far."""

LED: Final = 2
"""The next message belongs to the last one."""

ALTERED: Final = 4
"""What each alteration adds to the flags, round and round: who knows a state mostly sees that there
is another one, though it tells the same. An edit goes by the message itself."""

_FIXED: Final = Struct("<BBBIIIIIQQQQHHHH")
_FIRST: Final = Struct("<7xI")
_GUARD: Final = Struct("<I")
_OPEN: Final = Struct(f"<{ID_BYTES}sI")
_SPAN: Final = Struct("<II")
_NOTE: Final = Struct(f"<{ID_BYTES}sII")

_SYSTEM: Final = frozenset(ROLES.index(role) for role in SYSTEM)

Note = tuple[bytes, int, int]
"""What was appended under an idempotency key: the first message and the last."""


class State:
    """What is known of a conversation."""

    __slots__ = (
        *("at", "born", "first", "flags", "guards", "held", "notes", "opens", "seq"),
        *("spans", "start"),
    )

    def __init__(self, now_ms: int) -> None:
        self.flags: int = LEADING
        self.seq: int = 0
        """The number of the last message that was appended, if it is there or not."""

        self.first: int = 1
        """What is not guarded and has a smaller number is gone."""

        self.start: int = 0
        """The last message that a history may begin with."""

        self.held: Held = Held(0, 0, 0, 0)
        self.born: int = now_ms
        self.at: int = now_ms
        """When something was appended, at last."""

        self.guards: list[int] = []
        self.opens: list[Open] = []
        self.spans: list[Span] = []
        self.notes: list[Note] = []

    def copy(self) -> State:
        """Another one, which changes by itself."""
        other = State.__new__(State)
        other.flags, other.seq, other.first, other.start = (
            self.flags,
            self.seq,
            self.first,
            self.start,
        )
        other.held, other.born, other.at = self.held, self.born, self.at
        other.guards, other.opens = self.guards.copy(), self.opens.copy()
        other.spans, other.notes = self.spans.copy(), self.notes.copy()
        return other

    def ends(self, ttl_ms: int | None, max_age_ms: int | None, now_ms: int) -> int | None:
        """When the conversation is over that is changed now, in milliseconds since 1970."""
        ends = [] if ttl_ms is None else [now_ms + ttl_ms]
        if max_age_ms is not None:
            ends.append(self.born + max_age_ms)
        return min(ends, default=None)


def packed(state: State) -> bytes:
    """*state* as it is kept."""
    messages, tokens, estimated, turns = state.held
    head = _FIXED.pack(
        *(0, VERSION, state.flags, state.seq, state.first, messages, turns, state.start),
        *(tokens, estimated, state.born, state.at),
        *(len(state.guards), len(state.opens), len(state.spans), len(state.notes)),
    )
    if not (state.guards or state.opens or state.spans or state.notes):
        return head
    parts = [head]
    parts += [_GUARD.pack(one) for one in state.guards]
    parts += [_OPEN.pack(*one) for one in state.opens]
    parts += [_SPAN.pack(*one) for one in state.spans]
    parts += [_NOTE.pack(*one) for one in state.notes]
    return b"".join(parts)


def unpacked(raw: bytes) -> State:
    """The state in *raw*; a `ValueError` where there is none."""
    state = State(0)
    try:
        zero, version, state.flags, state.seq, state.first, messages, turns, state.start, *rest = (
            _FIXED.unpack_from(raw)
        )
    except struct.error:
        raise ValueError("it does not begin with the state of a conversation") from None
    if zero or not version:
        raise ValueError("it does not begin with the state of a conversation")
    if version != VERSION:
        raise ValueError(f"it was written in version {version}, which is newer")
    tokens, estimated, state.born, state.at, *numbers = rest
    state.held = Held(messages, tokens, estimated, turns)
    place, lists = _FIXED.size, []
    for shape, number in zip((_GUARD, _OPEN, _SPAN, _NOTE), numbers):
        end = place + shape.size * number
        if end > len(raw):
            raise ValueError("the state of the conversation is cut off")
        lists.append(list(shape.iter_unpack(raw[place:end])))
        place = end
    guards, state.opens, state.spans, state.notes = lists
    state.guards = [one for (one,) in guards]
    return state


def beginning(raw: bytes) -> int:
    """What is not guarded and has a smaller number is gone; 0 where *raw* is no state."""
    return int(_FIRST.unpack_from(raw)[0]) if len(raw) >= _FIXED.size else 0


def append(
    state: State, entries: Sequence[Entry], terms: Terms, now_ms: int
) -> tuple[Appended, list[bytes]]:
    """Append *entries* to what *state* is about, and say what that makes of them.

    Where they are not appended, *state* must not be used any more.
    """
    for note, first, last in state.notes if terms.note else ():
        if note == terms.note:
            return Appended("repeated", first, last), []
    if terms.if_seq is not None and terms.if_seq != state.seq:
        return Appended("conflict", last=state.seq), []
    if state.seq + len(entries) > LAST_SEQ:
        return Appended("full", last=state.seq, which=LAST_SEQ - state.seq), []
    state.at = max(state.at, now_ms)
    first, records = state.seq + 1, []
    for number, entry in enumerate(entries):
        state.seq += 1
        flags = _admitted(state, entry, keeps_orphans=terms.keeps_orphans)
        if isinstance(flags, str):
            return Appended(flags, last=first - 1, which=number), []
        if flags is not None:
            records.append(record(entry, flags, state.seq, state.at))
    if terms.note and entries:
        state.notes = [*state.notes, (terms.note, first, state.seq)][-MOST_NOTES:]
    return Appended("appended", first, state.seq), records


def trim(state: State, marks: Iterable[Mark], bounds: Bounds) -> bool:
    """Drop what has to go, and say whether that was not all of it.

    *marks* are those of the messages from `state.first` on, in order, as many as are asked for.
    What is not guarded and comes before the new `state.first` is gone.
    """
    before = state.held
    head, state.held, more = cut(marks, before, bounds, state.spans, MOST_AT_ONCE)
    if state.held.messages < before.messages:
        state.first = state.seq + 1 if head is None else head.seq
    if state.spans:
        state.spans = [(start, end) for start, end in state.spans if end >= state.first]
    return more


def is_over(state: State, bounds: Bounds) -> bool:
    """Whether something may have to go; where not, no message needs a look."""
    messages, tokens, _, turns = state.held
    return exceeds(messages, tokens, turns + 1, bounds)


def _admitted(
    state: State, entry: Entry, *, keeps_orphans: bool
) -> int | Literal["orphan", "full"] | None:
    """The flags of an *entry* that becomes the last message; `None` where what it belongs to is
    gone."""
    flags = entry.flags
    if state.flags & LED:
        flags |= NOSTART
    is_lost = state.flags & LED and _is_gone(state, state.seq - 1)
    if state.flags & LEADING:
        if entry.role in _SYSTEM:
            flags |= GUARDED
        else:
            state.flags &= ~LEADING
    state.flags = state.flags & ~LED | (LED if flags & LEADS else 0)
    if entry.answers:
        answering = _answering(state, entry, flags, keeps_orphans=keeps_orphans)
        if not isinstance(answering, int):
            return answering
        flags = answering
    if is_lost and not flags & GUARDED:
        opened(state, entry.calls, state.seq)
        state.first = state.seq + 1
        return None
    if flags & GUARDED:
        if len(state.guards) == MOST_GUARDED:
            return "full"
        state.guards.append(state.seq)
    if entry.calls:
        opened(state, entry.calls, state.seq)
    if not flags & NOSTART:
        state.start = state.seq
    messages, tokens, estimated, turns = state.held
    estimated += entry.tokens if flags & ESTIMATED else 0
    turns += flags & (TURN | GUARDED) == TURN
    state.held = Held(messages + 1, tokens + entry.tokens, estimated, turns)
    return flags


def _is_gone(state: State, last: int) -> bool:
    """Whether the *last* message was dropped, and all before it that is not guarded."""
    return state.first > last and state.guards[-1:] != [last]


def _answering(
    state: State, entry: Entry, flags: int, *, keeps_orphans: bool
) -> int | Literal["orphan"] | None:
    """The flags of an *entry* that answers calls, which stays for as long as they do."""
    flags = flags & ~GUARDED | NOSTART
    calls = answered(state, entry.answers)
    if calls is None:
        return flags | ORPHAN if keeps_orphans else "orphan"
    there = [call for call in calls if call >= state.first or call in state.guards]
    if not there:
        return None
    if any(call in state.guards for call in there):
        flags |= GUARDED
    elif state.start > min(there):
        spanned(state, min(there), state.seq)
    return flags


def answered(state: State, answers: Sequence[bytes]) -> list[int] | None:
    """Let the calls with these ids wait no more, and say which messages make them; `None` where one
    of them does not wait."""
    calls = dict(state.opens)
    if any(name not in calls for name in answers):
        return None
    state.opens = [one for one in state.opens if one[0] not in answers or is_by_name(one[0])]
    return [calls[name] for name in answers]


def opened(state: State, calls: Sequence[bytes], seq: int) -> None:
    """Let *calls* wait for their results."""
    others = [one for one in state.opens if one[0] not in calls]
    state.opens = [*others, *((one, seq) for one in calls)][-MOST_OPEN:]


def spanned(state: State, start: int, end: int) -> None:
    """Let nothing begin between the messages *start* and *end*."""
    state.spans = [*(one for one in state.spans if one[0] != start), (start, end)]
    if len(state.spans) > MOST_SPANS:
        (start, end), (_, other), *rest = sorted(state.spans)
        state.spans = [(start, max(end, other)), *rest]
