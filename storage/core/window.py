"""What a limiter decides: one transition for every algorithm and for any number of limits.

Of each meter, which is one limit for one key, a `State` is kept. Its time never goes back: it is
the latest that anybody has seen, so a clock that is behind admits nothing more. Where something
passes later, having waited for its turn, the state is that of then, and nobody else passes before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ..records import Decision, Reading
from .algorithms import Holder, Kept, Rule

Place = tuple[int, int]
"""A moment that somebody waited for and gave back, and the cost that may pass then."""


_new: Final = tuple.__new__


class State(NamedTuple):
    """What is kept of a meter."""

    seen: int
    """The latest time at which it was used."""

    at: int
    """The time of what is *kept*: later than *seen* where somebody waits."""

    barred: int
    """Until when nothing passes."""

    told: int
    """Until when nobody needs to be told that something does not pass."""

    kept: Kept
    more: Any


class Look(NamedTuple):
    """A meter: what is *kept* of it *at* the earliest time of a hit, and when one is *ready* to
    pass."""

    rule: Rule
    at: int
    kept: Kept
    ready: int
    state: State


def nothing(rule: Rule) -> State:
    """What is kept of a meter that was never used."""
    return State(0, 0, 0, 0, (0, 0, 0), rule.empty())


def latest(states: Sequence[State | None], clock: int) -> int:
    """Which time it is for meters when the *clock* says so: never one before what saw."""
    now = clock
    for state in states:
        if state is not None and state.seen > now:
            now = state.seen
    return now


def looks(rules: Sequence[Rule], states: Sequence[State | None], now: int, cost: int) -> list[Look]:
    """The meters as they are *now*, for who asks whether *cost* may pass."""
    found = []
    for rule, state in zip(rules, states):
        if state is None:
            state = nothing(rule)
        at = max(now, state.at)
        kept = rule.settled(state.kept, state.more, state.at, at)
        ready = max(rule.ready(kept, state.more, at, cost), state.barred)
        found.append(Look(rule, at, kept, ready, state))
    return found


def hit(
    rules: Sequence[Rule],
    states: Sequence[State | None],
    clock: int,
    cost: int,
    *,
    token: str = "",
    tell: bool = False,
) -> tuple[Decision, list[State] | None]:
    """Let *cost* pass now by all *rules*, or by none; `None` where nothing is to be stored."""
    now = latest(states, clock)
    open_ones = _open(rules, states, now, cost)
    if open_ones is not None:
        return _passed(open_ones, now, cost, token)
    found = looks(rules, states, now, cost)
    refusing = [one for one in found if one.ready > now]
    decision = _decision(found, None, now, 0)
    if not tell or any(one.state.told > now for one in refusing):
        return decision, None
    told = [
        one.state._replace(seen=now, told=one.ready) if one.ready > now else one.state
        for one in found
    ]
    return decision._replace(is_news=True), told


def peek(rules: Sequence[Rule], states: Sequence[State | None], clock: int, cost: int) -> Decision:
    """What would be said to who asks whether *cost* may pass, before it does."""
    now = latest(states, clock)
    found = looks(rules, states, now, cost)
    return _decision(found, None, now, now if all(one.ready <= now for one in found) else 0)


def reserve(
    rules: Sequence[Rule],
    states: Sequence[State | None],
    places: Sequence[Place],
    clock: int,
    cost: int,
    patience: int,
) -> tuple[Decision, list[State] | None, list[Place]]:
    """Let *cost* pass as soon as it may, if that is not more than *patience* from now.

    A place that was given back goes to who asks next. What is answered says when: `at`.
    """
    now = latest(states, clock)
    found = looks(rules, states, now, cost)
    last = min(0 if state is None else state.at for state in states)
    left = [place for place in places if now <= place[0] <= last]
    barred = max(one.state.barred for one in found)
    for number, (at, free) in enumerate(left):
        if free >= cost and barred <= at <= now + patience:
            left[number : number + 1] = [(at, free - cost)] if free > cost else []
            return _decision(found, None, now, at), None, left
    at = max(one.ready for one in found)
    if at > now + patience:
        return _decision(found, None, now, 0), None, left
    after = [_spent(one, now, at, cost, "") for one in found]
    return _decision(found, after, now, at), after, left


def give_back(
    rules: Sequence[Rule],
    states: Sequence[State | None],
    places: Sequence[Place],
    clock: int,
    cost: int,
    when: int,
) -> tuple[list[State | None], list[Place]]:
    """Give back the *cost* that passed *when* (0 is just now), or would pass then."""
    now = latest(states, clock)
    when = when or now
    left = [place for place in places if place[0] >= now]
    if when > now and not all(state is not None and state.at == when for state in states):
        # What counts at that moment goes to who asks next. After a reset nothing does.
        if is_held(states, when):
            left = sorted([*left, (when, cost)])
        return list(states), left
    given: list[State | None] = []
    for rule, state in zip(rules, states):
        if state is None:
            given.append(None)
        elif when > now:
            given.append(state._replace(kept=rule.undone(state.kept, cost)))
        else:
            at = max(now, state.at)
            kept = rule.settled(state.kept, state.more, state.at, at)
            kept = rule.refunded(kept, state.more, at, cost, when)
            given.append(state._replace(seen=now, at=at, kept=kept))
    return given, left


def is_held(states: Sequence[State | None], when: int) -> bool:
    """Whether what passes *when* counts still, as far as that can be known."""
    return all(state is not None and state.at >= when for state in states)


def bar(rule: Rule, state: State | None, clock: int, span: int) -> State:
    """Let nothing pass for *span*, or for as long as it is barred already."""
    state = nothing(rule) if state is None else state
    now = max(clock, state.seen)
    return state._replace(seen=now, barred=max(state.barred, now + span))


def held(state: State | None, clock: int, token: str, until: int | None) -> State | None:
    """Have *token* keep its slots *until* then, or give them back; `None` where it has none."""
    if state is None:
        return None
    now = max(clock, state.seen)
    alive = [holder for holder in state.more if holder.until > now]
    if not any(holder.token == token for holder in alive):
        return None
    kept = [holder for holder in alive if holder.token != token]
    if until is not None:
        kept += [Holder(token, now + until)] * (len(alive) - len(kept))
    return state._replace(seen=now, more=tuple(kept))


def ends(rule: Rule, state: State) -> int:
    """When nothing of a meter counts any more."""
    seen, at, barred, told, kept, more = state
    if seen > at:
        kept, at = rule.settled(kept, more, at, seen), seen
    return max(rule.fresh(kept, more, at), barred, told, at)


def _open(
    rules: Sequence[Rule], states: Sequence[State | None], now: int, cost: int
) -> list[tuple[Rule, State, Kept]] | None:
    """The meters and what counts of them *now*, if *cost* may pass by all of them: what `looks`
    finds out as well, in half the time."""
    found = []
    for rule, state in zip(rules, states):
        if state is None:
            state = nothing(rule)
        if state.at > now or state.barred > now:
            return None
        kept = rule.settled(state.kept, state.more, state.at, now)
        if rule.ready(kept, state.more, now, cost) > now:
            return None
        found.append((rule, state, kept))
    return found


def _passed(
    found: Sequence[tuple[Rule, State, Kept]], now: int, cost: int, token: str
) -> tuple[Decision, list[State]]:
    """What is said and kept where *cost* passes *now* by all that was *found*."""
    after, readings = [], []
    for rule, (_, _, barred, told, _, more), kept in found:
        kept, more = rule.spent(kept, more, now, cost, token)
        left, fresh = rule.left(kept, more, now), rule.fresh(kept, more, now)
        # What a call of the class does, without its detour.
        after.append(_new(State, (now, now, barred, told, kept, more)))
        readings.append(_new(Reading, (0, max(0, left), fresh - now)))
    return _new(Decision, (True, now, now, False, readings)), after


def joined(parts: Sequence[tuple[Sequence[int], Decision]]) -> Decision:
    """What all are told together who were asked in *parts*, each by the numbers of its meters.

    It passes where each part lets it pass.
    """
    passed = all(decision.passed for _, decision in parts)
    readings = {
        number: reading
        for numbers, decision in parts
        for number, reading in zip(numbers, decision.readings)
    }
    return Decision(
        passed,
        max(decision.now for _, decision in parts),
        max(decision.at for _, decision in parts) if passed else 0,
        any(decision.is_news for _, decision in parts),
        [readings[number] for number in sorted(readings)],
    )


def taken_back(decision: Decision, cost: int) -> Decision:
    """What a part is told that had let *cost* pass, and to which that was given back."""
    readings = [one._replace(left=one.left + cost) for one in decision.readings]
    return decision._replace(readings=readings)


def _spent(one: Look, now: int, at: int, cost: int, token: str) -> State:
    rule, more = one.rule, one.state.more
    kept = one.kept if at == one.at else rule.settled(one.kept, more, one.at, at)
    kept, more = rule.spent(kept, more, at, cost, token)
    return State(now, at, one.state.barred, one.state.told, kept, more)


def _decision(found: Sequence[Look], after: Sequence[State] | None, now: int, at: int) -> Decision:
    """What is said of what was *found*: how it stands *after* what has passed, if anything."""
    readings = []
    for number, one in enumerate(found):
        kept, more, then = one.kept, one.state.more, one.at
        if after is not None:
            kept, more, then = after[number].kept, after[number].more, after[number].at
        is_open = then == now and one.state.barred <= now
        left = max(0, one.rule.left(kept, more, then)) if is_open else 0
        fresh = max(one.rule.fresh(kept, more, then), one.state.barred)
        readings.append(Reading(max(0, one.ready - now), left, max(0, fresh - now)))
    return Decision(at > 0, now, at, False, readings)
