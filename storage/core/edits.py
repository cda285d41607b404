"""What becomes of a conversation when messages are taken away, pinned or written anew.

A tool call and its results stand and fall together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..histories import Alteration, Entry
from .history import (
    ALTERED,
    LEADING,
    LED,
    MOST_GUARDED,
    MOST_OPEN,
    State,
    answered,
    opened,
    packed,
    spanned,
)
from .messages import (
    ESTIMATED,
    GUARDED,
    LEADS,
    NOSTART,
    ORPHAN,
    SYSTEM,
    TURN,
    Mark,
    remarked,
    rewritten,
)
from .pairs import Pair, pairs
from .trim import Held, estimate, held


def without(
    state: State,
    removed: Sequence[Mark],
    ties: Iterable[Pair],
    *,
    led: bool | None = None,
) -> Alteration:
    """The conversation without the messages that are *removed*.

    *ties* are the pairs that they are part of. Where the last message is another one then, it is
    known whether what follows is *led* by that.
    """
    gone = {one.seq for one in removed}
    after = _next(state)
    after.held = _less(state.held, held(removed))
    after.guards = [seq for seq in state.guards if seq not in gone]
    opens = {name: call for name, call in state.opens if call not in gone}
    for answer, name, call in ties:
        if answer in gone and call is not None and call not in gone:
            opens.setdefault(name, call)
    after.opens = list(opens.items())[-MOST_OPEN:]
    # Where a history could begin last is not known any more: a span too many does no harm.
    after.start = state.seq
    if after.held.messages == 0:
        after.flags = after.flags & ~LED | LEADING
    elif led is not None:
        after.flags = after.flags & ~LED | (LED if led else 0)
    return Alteration(packed(after), tuple(sorted(gone)))


def edited(state: State, raw: bytes, old: Mark, entry: Entry) -> Alteration:
    """The conversation with *entry* in the place of a message in *raw*, which has the same role and
    the same calls."""
    after = _next(state)
    flags = old.flags & ~ESTIMATED | entry.flags & ESTIMATED
    new = old._replace(flags=flags, tokens=entry.tokens)
    after.held = state.held._replace(
        tokens=state.held.tokens - old.tokens + new.tokens,
        estimated=state.held.estimated - estimate(old) + estimate(new),
    )
    return Alteration(packed(after), replaced=((old.seq, raw, rewritten(raw, entry, flags)),))


def pinned(
    state: State, records: Mapping[int, bytes], members: Sequence[Mark]
) -> Alteration | None:
    """The conversation in which *members*, a whole group, always stay; `None` where that would be
    too many."""
    after = _next(state)
    new = [one for one in members if not one.flags & GUARDED]
    after.guards = sorted([*state.guards, *(one.seq for one in new)])
    if len(after.guards) > MOST_GUARDED:
        return None
    turns = sum(one.flags & TURN > 0 for one in new)
    after.held = state.held._replace(turns=state.held.turns - turns)
    return Alteration(packed(after), replaced=_remarked(records, new, GUARDED))


def unpinned(state: State, records: Mapping[int, bytes], members: Sequence[Mark]) -> Alteration:
    """The conversation in which *members*, a whole group, may go; they do where all as old are
    gone."""
    if any(one.seq < state.first for one in members):
        return without(state, members, pairs(members))
    after = _next(state)
    gone = {one.seq for one in members}
    after.guards = [seq for seq in state.guards if seq not in gone]
    if len(members) > 1:
        spanned(after, members[0].seq, members[-1].seq)
    turns = sum(one.flags & (TURN | GUARDED) == TURN | GUARDED for one in members)
    after.held = state.held._replace(turns=state.held.turns + turns)
    old = [one for one in members if one.flags & GUARDED]
    return Alteration(packed(after), replaced=_remarked(records, old, GUARDED))


def replayed(marks: Sequence[Mark], born: int) -> State:
    """The state of a conversation that consists of these messages and nothing else."""
    state = State(born)
    state.held = held(marks)
    for one in marks:
        state.seq, state.at = one.seq, max(state.at, one.at)
        is_led = state.flags & LED
        if not (state.flags & LEADING and one.role in SYSTEM):
            state.flags &= ~LEADING
        state.flags = state.flags & ~LED | (LED if one.flags & LEADS else 0)
        if one.flags & GUARDED:
            state.guards.append(one.seq)
        if one.answers and not one.flags & ORPHAN:
            calls = answered(state, one.answers)
            if calls and state.start > min(calls) and not one.flags & GUARDED:
                spanned(state, min(calls), state.seq)
        opened(state, one.calls, one.seq)
        if not one.flags & NOSTART and not is_led:
            state.start = one.seq
    others = [one.seq for one in marks if not one.flags & GUARDED]
    state.first = others[0] if others else state.seq + 1
    return state


def _next(state: State) -> State:
    """The state after this one, which is none of the last ones, whatever changes."""
    after = state.copy()
    after.flags = (state.flags + ALTERED) & 0xFF
    return after


def _remarked(
    records: Mapping[int, bytes], members: Sequence[Mark], flags: int
) -> tuple[tuple[int, bytes, bytes], ...]:
    """The records of *members*, of which these *flags* become what they were not."""
    told = [(one, records[one.seq]) for one in members]
    return tuple([(one.seq, raw, remarked(raw, one.flags ^ flags)) for one, raw in told])


def _less(have: Held, lost: Held) -> Held:
    return Held(*(one - other for one, other in zip(have, lost)))
