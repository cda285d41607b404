"""What is decided about rate limits is what an account of everything that passed says."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf, nan
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.core.algorithms import RULES, Log, Rule, Slots
from storage.core.limits import Algorithm, Limit
from storage.core.meters import packed, packed_places, unpacked, unpacked_places
from storage.core.window import (
    State,
    bar,
    ends,
    give_back,
    held,
    hit,
    nothing,
    peek,
    reserve,
)
from storage.records import Decision
from tests.limits.oracle import Book, Shelf
from tests.limits.programs import KINDS, Group, Program, Step, programs, spans

EXACT = 2**53
"""Up to here a double is a whole number like any other."""

LATEST = 2**51
"""The year 2041."""


class Run:
    """A program, on the states of meters and on the account."""

    def __init__(self, rules: Sequence[Rule], start: int) -> None:
        self.rules = rules
        self.clock = start
        self.states: list[State | None] = [None] * len(rules)
        self.places: dict[Group, list[tuple[int, int]]] = {}
        self.shelf = Shelf(
            *(Book(KINDS[rule.code], _count(rule), rule.per, rule.burst) for rule in rules)
        )
        self.granted: list[tuple[Group, int, int]] = []
        self.passed: list[Counter[int]] = [Counter() for _ in rules]
        """What passed when, and was not given back."""
        self.is_generous = False
        """Whether more was given back than had passed."""
        self.next = start
        self.counted: Counter[str] = Counter()

    def go(self, program: list[Step]) -> None:
        for step in program:
            getattr(self, f"do_{step.what}")(step)

    def kept(self, group: Group) -> list[State | None]:
        """What is kept and counts still."""
        return [self.there(one) for one in group]

    def there(self, one: int) -> State | None:
        state = self.states[one]
        if state is None or ends(self.rules[one], state) <= self.clock:
            return None
        # The transition may change the moments of a log where they stand.
        return unpacked(self.rules[one], packed(self.rules[one], state))

    def keep(self, group: Group, states: Sequence[State | None] | None) -> None:
        for one, state in zip(group, states or ()):
            if state is not None and state != (self.there(one) or nothing(self.rules[one])):
                raw = packed(self.rules[one], state)
                assert unpacked(self.rules[one], raw) == state
                assert all(-1 < number < EXACT for number in (*state[:4], *state.kept))
                self.states[one] = state
                self.check_end(one, state)

    def check_end(self, one: int, state: State) -> None:
        shelf, book = self.shelf, self.shelf.books[one]
        least = max(shelf.seen[one], shelf.at[one], shelf.barred[one], shelf.told[one])
        end = ends(self.rules[one], state)
        assert end >= least
        assert not book.counts(end)
        assert end == least or book.counts(end - 1)

    def cost(self, step: Step) -> int:
        most = min(self.rules[one].most for one in step.group)
        if any(isinstance(self.rules[one], (Log, Slots)) for one in step.group):
            most = min(most, 20)
        return min(step.cost, most)

    def of(self, group: Group) -> list[Rule]:
        return [self.rules[one] for one in group]

    def do_hit(self, step: Step, *, tell: bool = False) -> None:
        group, cost, shelf = step.group, self.cost(step), self.shelf
        now = shelf.now(group, self.clock)
        refusing = [one for one in group if not shelf.may(one, now, cost)]
        told, after = hit(
            self.of(group), self.kept(group), self.clock, cost, token=step.token, tell=tell
        )
        assert (told.passed, told.now, told.at) == (not refusing, now, 0 if refusing else now)
        for one, reading in zip(group, told.readings):
            shelf.check(one, now, cost, reading.wait)
        is_news = tell and bool(refusing) and all(shelf.told[one] <= now for one in refusing)
        assert told.is_news is is_news
        if told.passed:
            self.grant(group, now, now, cost, step.token)
        elif is_news:
            for one in refusing:
                shelf.seen[one] = now
                shelf.told[one] = now + told.readings[group.index(one)].wait
        else:
            assert after is None
        self.keep(group, after)
        self.finish(group, told, cost)

    def do_tell(self, step: Step) -> None:
        self.do_hit(step, tell=True)

    def do_peek(self, step: Step) -> None:
        group, cost, shelf = step.group, self.cost(step), self.shelf
        now = shelf.now(group, self.clock)
        told = peek(self.of(group), self.kept(group), self.clock, cost)
        may = all(shelf.may(one, now, cost) for one in group)
        assert (told.passed, told.now, told.at, told.is_news) == (may, now, may * now, False)
        for one, reading in zip(group, told.readings):
            shelf.check(one, now, cost, reading.wait)
        self.finish(group, told, cost)

    def do_reserve(self, step: Step) -> None:
        group, cost, shelf = step.group, self.cost(step), self.shelf
        if any(isinstance(self.rules[one], Slots) for one in group):
            return
        patience = [0, 1, 2**40, self.rules[group[0]].per][step.number % 4]
        now = shelf.now(group, self.clock)
        told, after, left = reserve(
            self.of(group), self.kept(group), self.places.get(group, []), self.clock, cost, patience
        )
        for one, reading in zip(group, told.readings):
            shelf.check(one, now, cost, reading.wait)
        places = [place for place in shelf.places.get(group, []) if place[0] >= now]
        free = [
            place
            for place in places
            if place[1] >= cost
            and max(shelf.barred[one] for one in group) <= place[0] <= now + patience
        ]
        at = now + max(reading.wait for reading in told.readings)
        if free:
            at, size = min(free)
            places.remove((at, size))
            places += [(at, size - cost)] if size > cost else []
            self.granted.append((group, at, cost))
            assert after is None
            self.counted["took a place"] += 1
        elif at <= now + patience:
            self.grant(group, now, at, cost)
        else:
            at = 0
        assert (told.passed, told.now, told.at, told.is_news) == (at > 0, now, at, False)
        shelf.places[group] = sorted(places)
        assert left == shelf.places[group]
        self.places[group] = unpacked_places(packed_places(left))
        self.keep(group, after)
        self.finish(group, told, cost)

    def do_refund(self, step: Step) -> None:
        """Something that passed is given back, once."""
        if self.granted:
            self.give_back(*self.granted.pop(-1 - step.number % len(self.granted)))

    def do_forgive(self, step: Step) -> None:
        """Something is given back as if it had passed just now."""
        if step.number == 0:
            self.is_generous = True
            self.give_back(step.group, 0, self.cost(step))

    def give_back(self, group: Group, when: int, cost: int) -> None:
        shelf = self.shelf
        now, states = shelf.now(group, self.clock), self.kept(group)
        places = self.places.get(group, [])
        given, left = give_back(self.of(group), states, places, self.clock, cost, when)
        when = when or now
        shelf.places[group] = [place for place in shelf.places.get(group, []) if place[0] >= now]
        is_last = all(state is not None and shelf.at[one] == when for one, state in
                      zip(group, states))  # fmt: skip
        if when > now and not is_last:
            shelf.places[group] = sorted([*shelf.places[group], (when, cost)])
            assert [*given] == states
            self.counted["gave back a place"] += 1
        else:
            for one, state in zip(group, states):
                if state is None:
                    continue
                self.passed[one][when] -= 0 if isinstance(self.rules[one], Slots) else cost
                if when > now:
                    shelf.books[one].undo(when, cost)
                else:
                    at = max(now, shelf.at[one])
                    shelf.books[one].refund(at, cost, when)
                    shelf.seen[one], shelf.at[one] = now, at
            self.counted["gave back the last place" if when > now else "refunded"] += 1
        assert left == shelf.places[group]
        self.places[group] = left
        self.keep(group, given)

    def do_block(self, step: Step) -> None:
        shelf = self.shelf
        for one in step.group:
            span = spans(self.rules[one].per)[step.number % 9]
            now = max(self.clock, shelf.seen[one])
            state = bar(self.rules[one], self.there(one), self.clock, span)
            shelf.seen[one] = now
            shelf.barred[one] = max(shelf.barred[one], now + span)
            self.keep((one,), [state])

    def do_renew(self, step: Step) -> None:
        for one in step.group:
            if isinstance(self.rules[one], Slots):
                self.hold(one, step.token, self.rules[one].per)

    def do_release(self, step: Step) -> None:
        for one in step.group:
            if isinstance(self.rules[one], Slots):
                self.hold(one, step.token, None)

    def hold(self, one: int, token: str, until: int | None) -> None:
        book = self.shelf.books[one]
        now = max(self.clock, self.shelf.seen[one])
        after = held(self.there(one), self.clock, token, until)
        assert (after is not None) is book.has(token, now)
        if after is None:
            return
        self.counted["held"] += 1
        self.shelf.seen[one] = now
        if until is None:
            book.release(token)
        else:
            book.renew(token, now)
        self.keep((one,), [after])

    def do_move(self, step: Step) -> None:
        span = spans(self.rules[step.group[0]].per)[step.number]
        self.clock = max(1, min(self.clock + span, LATEST))

    def do_wait(self, step: Step) -> None:
        """To the moment at which something may pass, or around it."""
        self.clock = max(1, min(self.next + step.number % 3 - 1, LATEST))

    def grant(self, group: Group, now: int, at: int, cost: int, token: str = "") -> None:
        self.shelf.spend(group, now, at, cost, token)
        self.granted.append((group, at, cost))
        for one in group:
            self.passed[one][at] += cost

    def finish(self, group: Group, told: Decision, cost: int) -> None:
        self.counted["passed" if told.passed else "refused"] += 1
        for one, reading in zip(group, told.readings):
            self.shelf.check_standing(one, told.now, reading.left, reading.fresh)
        if not told.passed:
            self.next = told.now + max(reading.wait for reading in told.readings)

    def check_all_that_passed(self) -> None:
        """No time holds more than a limit says, by any order of what was done."""
        for rule, passed in zip(self.rules, self.passed):
            if self.is_generous:
                continue
            moments = sorted(when for when, cost in passed.items() if cost > 0)
            if isinstance(rule, Log):
                for end in moments:
                    inside = sum(passed[one] for one in moments if end - rule.per < one <= end)
                    assert inside <= rule.count
            elif KINDS[rule.code] == "aligned":
                windows = Counter[int]()
                for one in moments:
                    windows[one // rule.per] += passed[one]
                assert max(windows.values(), default=0) <= rule.count
            elif KINDS[rule.code] == "gcra":
                book = Book("gcra", _count(rule), rule.per, rule.burst)
                for one in moments:
                    book.spend(one, passed[one], "")
                    assert book.weight(one) <= rule.burst


def for_all(law: Callable[..., None], *inputs: st.SearchStrategy[Any], share: float) -> None:
    """Run *law* on a *share* of the examples of the present Hypothesis profile."""
    examples = max(1, round(settings().max_examples * share))
    settings(deadline=None, max_examples=examples)(given(*inputs)(law))()


def _count(rule: Rule) -> int:
    return rule.count


def run(program: Program) -> Run:
    made = Run(program.rules, program.start)
    made.go(program.steps)
    made.check_all_that_passed()
    return made


CAME_TO = {"passed", "refused", "took a place", "gave back a place", "gave back the last place",
           "refunded", "held"}  # fmt: skip


@pytest.mark.parametrize("huge", [False, True])
@pytest.mark.parametrize("meters", [1, 3])
def test_what_is_decided_is_what_the_account_says(meters: int, huge: bool) -> None:
    """By any order of hits, looks, waiting, refunds, blocks and clocks that are moved."""
    counted: Counter[str] = Counter()

    def law(program: Program) -> None:
        counted.update(run(program).counted)

    for_all(law, programs(meters, huge=huge), share=5)
    print(counted)  # noqa: T201 - pytest shows it with -rP, and where a test fails
    assert CAME_TO - counted.keys() == set()


SMALL = st.integers(0, 4).map(float)
ODD = st.one_of(st.sampled_from([-1.0, 0.5, 2.0**53, 1e300, inf, nan]), st.floats())
HEADS = st.one_of(*[st.lists(one, min_size=8, max_size=8) for one in (SMALL, SMALL, SMALL | ODD)])
TAILS = st.one_of(
    st.just(b""),
    st.just(b""),
    st.lists(SMALL | ODD, max_size=6).map(lambda told: struct.pack(f"<{len(told)}d", *told)),
    st.binary(max_size=80),
)


@pytest.mark.parametrize("code", RULES)
def test_what_is_not_of_a_meter_is_refused(code: int) -> None:
    """Bytes that are refused are refused with a `ValueError`; what is not can be gone on with."""
    rule = RULES[code](3, 5000, 3, "3")
    counted: Counter[bool] = Counter()

    def law(head: list[float], tail: bytes, cut: int, is_ours: bool) -> None:
        head[0] = float(code) if is_ours else head[0]
        raw = (struct.pack("<8d", *head) + tail)[cut:]
        try:
            state = unpacked(rule, raw)
        except ValueError:
            counted[False] += 1
            return
        counted[True] += 1
        assert all(0 <= number <= EXACT for number in (*state[:4], *state.kept))
        for done in (hit, peek):
            decision = done([rule], [state], 1_700_000_000_000_000, 1)
            assert decision
        assert ends(rule, state) >= state.seen
        assert reserve([rule], [state], [], 5, 1, 10**9)
        assert give_back([rule], [state], [], 5, 1, 5)

    cuts = st.sampled_from([0] * 8 + [1, 63])
    for_all(law, HEADS, TAILS, cuts, st.sampled_from([True, True, True, False]), share=5)
    assert counted[True]
    assert counted[False]


@given(TAILS)
def test_what_is_not_of_places_is_refused(raw: bytes) -> None:
    try:
        places = unpacked_places(raw)
    except ValueError:
        return
    assert all(type(number) is int for place in places for number in place)


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_a_limit_that_could_not_be_counted_exactly_is_refused(algorithm: Algorithm) -> None:
    """A few of its times after now are whole numbers for everybody who keeps them."""
    for hits in (1, 10_000, 2**40, 2**53, 2**80):
        for per in (0.001, 1, 10**6, 10**9, 2**51 / 10**6, 2**52 / 10**6, 10**10, 2e11, 1e300):
            try:
                rule = Limit(hits, per, algorithm=algorithm).rule
            except ValueError:
                continue
            state = hit([rule], [None], LATEST, rule.most if hits < 20_000 else 1)[1]
            assert state
            told = peek([rule], state, LATEST, 1)
            for number in (*rule.numbers, *state[0].kept, ends(rule, state[0])):
                assert number < EXACT
            assert LATEST + told.readings[0].wait < EXACT
