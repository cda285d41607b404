"""What an edit makes of a conversation is what there would be if it had always been so."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import strategies as st

from storage.core.edits import edited, replayed
from storage.core.history import LEADING, LED, State, packed, unpacked
from storage.core.messages import ESTIMATED, GUARDED, LEADS, entry, is_by_name, mark, shortened
from storage.core.pairs import group, pairs
from storage.core.picking import picked
from storage.core.plans import Delete, Edit, Pin, Plan, Pop, Truncate, Undo, seen
from storage.core.trim import held, window
from storage.histories import Bounds, Query, Stretch
from tests.conversation.oracle import Line
from tests.conversation.scripts import ALL, Act, Kept, acts, bounds, for_all, lines

EDITS: dict[str, Callable[[int], Edit]] = {
    "pop": lambda _: Pop(),
    "undo": lambda number: Undo(1 + number % 2),
    "truncate": Truncate,
    "delete": Delete,
    "pin": lambda seq: Pin(seq, stays=True),
    "unpin": lambda seq: Pin(seq, stays=False),
}


class Step(NamedTuple):
    kind: str
    which: int


STEPS = st.lists(st.builds(Step, st.sampled_from([*EDITS, "edit"]), st.integers(0, 30)), max_size=6)


class Edited(Kept):
    """A conversation that is edited."""

    def plan(self, edit: Edit, width: int) -> Plan | None:
        """What *edit* makes of it that looks at so many messages."""
        asked = edit.query(width)
        told = list(zip(self.marks, self.records))
        found, more = picked(reversed(told) if asked.newest else told, asked)
        return edit.plan(seen(Stretch(packed(self.state), found, more), asked))

    def do(self, plan: Plan) -> None:
        if plan.alteration is None:
            return
        self.state = unpacked(plan.alteration.state)
        removed = plan.alteration.removed
        new = {seq: after for seq, _, after in plan.alteration.replaced}
        assert all(before in self.records for _, before, _ in plan.alteration.replaced)
        self.records = [
            new.get(mark(raw).seq, raw) for raw in self.records if mark(raw).seq not in removed
        ]

    def step(self, step: Step) -> None:
        seqs = self.seqs
        seq = seqs[step.which % len(seqs)] if seqs else 1
        if step.kind != "edit":
            plan = self.plan(EDITS[step.kind](seq), 10_000)
            assert plan is not None
            self.do(plan)
        elif seqs:
            raw = self.records[seqs.index(seq)]
            old = mark(raw)
            new = entry("", old.flags & ~ESTIMATED, step.which, (), (), b"")
            self.do(Plan(edited(self.state, raw, old, new._replace(role=raw[0], rest=b"")), []))

    def assert_sound(self) -> None:
        """What is known is what would be known if nothing else had ever been there."""
        again = replayed(self.marks, self.state.born)
        there = set(self.seqs)
        assert self.state.held == again.held == held(self.marks)
        assert self.state.guards == again.guards
        opens = {one for one in self.state.opens if one[1] in there}
        assert opens <= set(again.opens)
        assert all(is_by_name(name) for name, _ in set(again.opens) - opens)
        for one in self.marks:
            assert one.flags & GUARDED or one.seq >= self.state.first
        assert all(pair.call is not None for pair in pairs(self.marks))


def edited_talk(script: list[Act], most: Bounds, steps: list[Step]) -> Edited:
    kept = Edited()
    for line in lines(script):
        kept.say(line, bounds=most)
    for step in steps:
        if step.kind != "edit":
            kept.step(step)
    return kept


def test_what_is_known_after_edits_is_what_there_is() -> None:
    def law(script: list[Act], most: Bounds, steps: list[Step]) -> None:
        kept = edited_talk(script, most, [])
        for step in steps:
            if step.kind != "edit":
                kept.step(step)
                kept.assert_sound()

    for_all(law, acts(), bounds(), STEPS, share=5)


def test_no_number_is_given_again_and_no_state_comes_again() -> None:
    def law(script: list[Act], most: Bounds, steps: list[Step]) -> None:
        kept = edited_talk(script, most, [])
        known, last = {packed(kept.state)}, kept.state.seq
        for step in steps * 3:
            before = kept.records
            kept.step(step)
            state = packed(kept.state)
            assert kept.state.seq == last
            assert (state in known) is (kept.records == before)
            known.add(state)

    steps = STEPS.map(lambda steps: [step for step in steps if step.kind != "edit"])
    for_all(law, acts(), bounds(), steps, share=2)


def test_who_looks_at_a_few_decides_as_who_looks_at_all() -> None:
    """Or sees that it has to look further."""

    def law(script: list[Act], most: Bounds, steps: list[Step], step: Step, width: int) -> None:
        kept = edited_talk(script, most, steps)
        seqs = kept.seqs
        if step.kind == "edit" or not seqs:
            return
        edit = EDITS[step.kind](seqs[step.which % len(seqs)])
        few = kept.plan(edit, width)
        assert few is None or few == kept.plan(edit, 10_000)

    one = st.builds(Step, st.sampled_from([*EDITS]), st.integers(0, 30))
    for_all(law, acts(), bounds(), STEPS, one, st.integers(1, 5), share=10)


def test_who_looks_far_enough_decides() -> None:
    def law(script: list[Act], step: Step) -> None:
        kept = edited_talk(script, ALL, [])
        edit = EDITS[step.kind](step.which)
        assert kept.plan(edit, 100) is not None

    for_all(law, acts(), st.builds(Step, st.sampled_from([*EDITS]), st.integers(0, 30)), share=3)


def test_a_call_and_its_results_are_one_group_from_whichever_it_is_asked() -> None:
    def law(script: list[Act]) -> None:
        kept = edited_talk(script, ALL, [])
        for one in kept.marks:
            members, is_whole = group(kept.marks, one.seq)
            assert is_whole
            for member in members:
                assert group(kept.marks, member.seq)[0] == members

    for_all(law, acts())


def test_a_model_is_shown_whole_pairs_after_any_edits() -> None:
    def law(script: list[Act], most: Bounds, steps: list[Step], asked: Bounds) -> None:
        kept = edited_talk(script, most, steps)
        shown, _ = window(kept.marks, asked, kept.state.spans, kept.state.opens)
        calls = {call for one in shown for call in one.calls}
        results = {call for one in shown for call in one.answers}
        turns = [one.seq for one in shown if one.role == "user" and not one.answers]

        assert results <= calls
        for one in shown:
            assert results.issuperset(one.calls) or not turns or one.seq > turns[-1]

    for_all(law, acts(), bounds(), STEPS, bounds(), share=5)


def test_trimming_goes_on_after_any_edits() -> None:
    def law(script: list[Act], most: Bounds, steps: list[Step], more: list[Act]) -> None:
        kept = edited_talk(script, ALL, steps)
        for number, line in enumerate(lines(more)):
            calls = tuple(f"again {call}" for call in line.calls)
            answers = tuple(f"again {call}" for call in line.answers)
            kept.say(Line(line.role, line.tokens, calls, answers, line.leads), bounds=most)
            kept.assert_sound()
            messages, tokens, _, _ = kept.state.held
            if len(kept.state.guards) < len(kept.records):
                assert most.messages is None or messages <= most.messages
                assert most.tokens is None or tokens <= most.tokens
            assert number < kept.state.seq

    for_all(law, acts(), bounds(), STEPS, acts(), share=3)


def said(*lines: Line) -> Edited:
    kept = Edited()
    kept.say(*lines)
    return kept


A_CALL = Line("assistant", 3, calls=("a", "b"))


def do(kept: Edited, edit: Edit) -> None:
    plan = kept.plan(edit, 100)
    assert plan is not None
    kept.do(plan)


def test_a_call_whose_result_is_taken_away_waits_again() -> None:
    kept = said(Line("user"), A_CALL, Line("tool", answers=("a",)), Line("tool", answers=("b",)))
    do(kept, Pop())
    assert kept.state.opens == [(shortened("b"), 2)]
    do(kept, Pop())
    assert sorted(kept.state.opens) == sorted([(shortened("a"), 2), (shortened("b"), 2)])
    kept.say(Line("tool", answers=("a", "b")))

    assert (kept.seqs, kept.state.opens) == ([1, 2, 5], [])


def test_who_deletes_a_result_deletes_its_call_and_all_results() -> None:
    for seq in (2, 3, 5):
        kept = said(Line("user"), A_CALL, Line("tool", answers=("a",)), Line("user"))
        kept.say(Line("tool", answers=("b",)))
        do(kept, Delete(seq))
        assert (kept.seqs, kept.state.opens) == ([1, 4], [])


def test_the_results_of_a_pinned_call_are_pinned_and_later_ones_too() -> None:
    kept = said(Line("user"), A_CALL, Line("tool", answers=("a",)))
    do(kept, Pin(3, stays=True))
    kept.say(Line("user"), Line("tool", answers=("b",)), Line("user"), bounds=Bounds(4))
    assert kept.seqs == [2, 3, 5, 6]
    do(kept, Pin(5, stays=False))
    assert kept.seqs == [6]


def test_a_late_result_of_a_pinned_call_goes_with_it_when_it_is_let_go() -> None:
    kept = said(Line("user"), Line("assistant", calls=("a",), pin=True), Line("user"))
    kept.say(Line("tool", answers=("a",)), Line("user"))
    do(kept, Pin(2, stays=False))
    assert kept.seqs == [1, 2, 3, 4, 5]
    kept.say(bounds=Bounds(3))

    assert kept.seqs == [5]


def test_a_pinned_turn_is_no_turn_until_it_is_let_go() -> None:
    kept = said(Line("user"), Line("assistant"), Line("user"), Line("assistant"))
    do(kept, Pin(1, stays=True))
    assert kept.state.held.turns == 1
    do(kept, Pin(1, stays=False))
    assert kept.state.held.turns == 2


def test_the_first_turn_is_undone_where_fewer_are_there_than_asked_for() -> None:
    kept = said(Line("system"), Line("user"), Line("assistant"), Line("user"), Line("assistant"))
    do(kept, Undo(9))

    assert kept.seqs == [1]


def test_the_prompt_may_go_on_when_all_is_taken_away() -> None:
    kept = said(Line("user"), Line("assistant"))
    do(kept, Truncate(0))
    assert (kept.seqs, kept.state.flags & (LEADING | LED)) == ([], LEADING)
    kept.say(Line("system"))

    assert (kept.seqs, kept.state.guards) == ([3], [3])


def test_what_follows_belongs_to_the_last_message_that_is_left() -> None:
    kept = said(Line("user"), Line("assistant", leads=True), Line("assistant"))
    assert not kept.state.flags & LED
    do(kept, Pop())
    assert kept.state.flags & LED
    do(kept, Pop())
    assert not kept.state.flags & LED


@pytest.mark.parametrize(("tokens", "flags"), [(3, 0), (3, ESTIMATED), (0, 0), (700, ESTIMATED)])
def test_a_message_that_is_written_anew_counts_as_it_is_now(tokens: int, flags: int) -> None:
    kept = said(Line("user"), A_CALL, Line("user", 4))
    raw = kept.records[1]
    old = mark(raw)
    new = entry("assistant", LEADS | flags, tokens, ["a", "b"], [], b"new")
    before = packed(kept.state)
    kept.do(Plan(edited(kept.state, raw, old, new), []))

    kept.assert_sound()
    assert kept.state.held[1:3] == (4 + tokens, tokens if flags else 0)
    assert packed(kept.state) != before
    assert mark(kept.records[1]).calls == old.calls
    assert kept.records[1].endswith(b"new")


def test_what_is_replayed_is_as_it_was_said() -> None:
    """The same state, and not only one that does as well."""

    def law(script: list[Act]) -> None:
        kept = edited_talk(script, ALL, [])
        again = replayed(kept.marks, kept.state.born)
        for name in State.__slots__:
            if name != "first" and kept.seqs[-1:] == [kept.state.seq]:
                assert getattr(again, name) == getattr(kept.state, name), name

    for_all(law, acts(), share=3)


def test_a_query_of_an_edit_asks_for_as_many_as_it_looks_at() -> None:
    assert Pop().query(16) == Query(16)
    assert Truncate(20).query(16).after == 4


THOUGHT = Line("assistant", leads=True)


@pytest.mark.parametrize("which", [2, 3, 4, 5])
def test_what_leads_to_a_call_is_taken_away_and_pinned_with_it(which: int) -> None:
    lines = [Line("user"), THOUGHT, THOUGHT, Line("assistant", calls=("a",))]
    for edit in (Delete(which), Pin(which, stays=True)):
        kept = said(*lines, Line("tool", answers=("a",)), Line("user"), Line("assistant"))
        for width in (1, 2, 3):
            assert kept.plan(edit, width) in (None, kept.plan(edit, 100))
        do(kept, edit)
        kept.say(bounds=Bounds(4))
        assert kept.seqs == ([1, 6, 7] if type(edit) is Delete else [2, 3, 4, 5])
        kept.assert_sound()


def test_what_leads_on_belongs_to_what_is_said_next_when_that_was_taken_away() -> None:
    kept = said(Line("user"), THOUGHT, Line("assistant"))
    do(kept, Pop())
    kept.say(Line("assistant"), Line("user"))
    assert [one.seq for one in window(kept.marks, ALL, (), ())[0]] == [1, 2, 4, 5]

    do(kept, Delete(4))
    assert kept.seqs == [1, 5]
