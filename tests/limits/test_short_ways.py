"""What is decided the short way is what is decided the long way."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from storage.core.limits import Limit
from storage.core.window import State, bar, ends, give_back, held, hit, reserve
from tests.limits.ground import TOKEN

RULES = [
    *(Limit(3, 1, algorithm=kind).rule for kind in ("log", "window", "aligned", "counter")),
    Limit(3, 1, algorithm="gcra").rule,
    Limit(2, 1, algorithm="gcra", burst=5).rule,
    Limit(3, 1, algorithm="slots").rule,
    Limit(12, 1).rule,
]

SECOND = 1_000_000


def programs() -> st.SearchStrategy[list[tuple[str, int, int]]]:
    what = st.sampled_from(["hit", "hit", "hit", "tell", "reserve", "bar", "back", "held"])
    return st.lists(st.tuples(what, st.integers(-SECOND, 2 * SECOND), st.integers(1, 2)))


def some() -> st.SearchStrategy[list[int]]:
    numbers = st.integers(0, len(RULES) - 1)
    return st.lists(numbers, min_size=1, max_size=3, unique=True)


class Meters:
    """Some meters, to which one thing after the other is done."""

    def __init__(self, numbers: list[int]) -> None:
        self.rules = [RULES[number] for number in numbers]
        self.states: list[State | None] = [None] * len(numbers)
        self.clock = 1_700_000_000 * SECOND

    def copied(self) -> list[Any]:
        """What is kept, for one who may change the moments of a log in place."""
        return copy.deepcopy(self.states)

    def do(self, what: str, cost: int) -> None:
        rules, states, clock = self.rules, self.copied(), self.clock
        if what in ("hit", "tell"):
            _, after = hit(rules, states, clock, cost, tell=what == "tell")
        elif what == "reserve":
            _, after, _ = reserve(rules, states, [], clock, cost, SECOND)
        elif what == "bar":
            after = [bar(rule, one, clock, SECOND) for rule, one in zip(rules, states)]
        elif what == "held":
            after = [self._held(one) or one for one in states]
        else:
            after, _ = give_back(rules, states, [], clock, cost, clock - SECOND // 2)
        self.states = states if after is None else list(after)

    def _held(self, state: State | None) -> State | None:
        is_slots = state is not None and isinstance(state.more, tuple)
        return held(state, self.clock, "", SECOND) if is_slots else None


@given(numbers=some(), program=programs())
def test_who_has_no_patience_reserves_as_others_hit(
    numbers: list[int], program: list[tuple[str, int, int]]
) -> None:
    meters = Meters(numbers)
    for what, span, cost in program:
        meters.clock += span
        decision, after = hit(meters.rules, meters.copied(), meters.clock, cost)
        other, kept, _ = reserve(meters.rules, meters.copied(), [], meters.clock, cost, 0)

        assert (decision, after) == (other, kept)
        assert decision.passed is (after is not None)
        meters.do(what, cost)


@given(numbers=some(), program=programs())
def test_what_is_kept_is_settled(numbers: list[int], program: list[tuple[str, int, int]]) -> None:
    meters = Meters(numbers)
    for what, span, cost in program:
        meters.clock += span
        meters.do(what, cost)
        for rule, state in zip(meters.rules, meters.states):
            if state is None:
                continue
            at = max(state.seen, state.at)
            kept = rule.settled(state.kept, state.more, state.at, at)
            end = max(rule.fresh(kept, state.more, at), state.barred, state.told, at)

            assert ends(rule, state) == end


def test_a_slot_is_its_takers() -> None:
    rule = RULES[6]
    decision, after = hit([rule], [None], SECOND, 1, token=TOKEN)

    assert decision.passed
    assert after is not None
    assert [holder.token for holder in after[0].more] == [TOKEN]
