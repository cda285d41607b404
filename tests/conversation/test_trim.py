"""What stays of a conversation and what a model is shown of it, beside who tries all of it out."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import strategies as st

from storage.core import history
from storage.core.edits import replayed
from storage.core.messages import GUARDED, Mark, plain_heads
from storage.core.pairs import pairs
from storage.core.picking import recent, unguarded
from storage.core.trim import cut, held, plain_window, window
from storage.histories import Bounds
from tests.conversation.oracle import Line, Talk
from tests.conversation.scripts import NAMED, Act, Kept, acts, bounds, for_all, lines, seqs

PLAIN = ("user", "assistant")
PROMPT = Line("system", 2)


def numbers(found: Iterable[Mark]) -> list[int]:
    return [one.seq for one in found]


def said(*tokens: int) -> list[Line]:
    return [Line(("user", "assistant")[place % 2], one) for place, one in enumerate(tokens)]


def test_the_longest_end_stays_that_fits_and_may_begin_where_it_does() -> None:
    def law(script: list[Act], most: Bounds) -> None:
        kept, talk = Kept(), Talk()
        for line in lines(script):
            kept.say(line, bounds=most)
            talk.say(line)
            talk.trim(most)
            assert kept.seqs == seqs(talk.said)
            assert kept.state.seq == talk.seq
            assert kept.state.guards == [one.seq for one in talk.said if one.is_guarded]

    for_all(law, acts(), bounds(), share=10)


def test_what_is_known_is_what_there_is() -> None:
    def law(script: list[Act], most: Bounds) -> None:
        kept = Kept()
        for line in lines(script):
            kept.say(line, bounds=most)
            assert kept.state.held == held(kept.marks)

    for_all(law, acts(), bounds(), share=2)


def test_nothing_is_beyond_the_bounds_but_what_is_guarded() -> None:
    def law(script: list[Act], most: Bounds) -> None:
        kept = Kept()
        for line in lines(script):
            kept.say(line, bounds=most)
            messages, tokens, _, _ = held(kept.marks)
            if any(not one.flags & GUARDED for one in kept.marks):
                assert most.messages is None or messages <= most.messages
                assert most.tokens is None or tokens <= most.tokens

    for_all(law, acts(), bounds(), share=2)


def test_the_prompt_and_what_is_pinned_stay_in_their_order() -> None:
    def law(script: list[Act], most: Bounds) -> None:
        kept, whole = Kept(), Kept()
        for line in lines(script):
            kept.say(line, bounds=most)
            whole.say(line)
        guarded = [raw for raw, one in zip(whole.records, whole.marks) if one.flags & GUARDED]

        assert kept.seqs == sorted(set(kept.seqs))
        assert set(guarded) <= set(kept.records) <= set(whole.records)

    for_all(law, acts(), bounds(), share=2)


def test_a_call_stays_with_all_its_results_or_goes_with_all_of_them() -> None:
    def law(script: list[Act], most: Bounds) -> None:
        kept, whole = Kept(), Talk()
        for line in lines(script):
            kept.say(line, bounds=most)
            whole.say(line)
            there = set(kept.seqs)
            for one in whole.said:
                for call, _ in one.calls:
                    assert (one.seq in there) is (call in there)

    for_all(law, acts(), bounds(), share=2)


def test_what_belongs_to_another_message_stays_as_long_as_that() -> None:
    def law(script: list[Act], most: Bounds) -> None:
        script = [act._replace(pin=False) for act in script]
        kept, said = Kept(), lines(script)
        for line in said:
            kept.say(line, bounds=most)
            there = set(kept.seqs)
            for seq in there:
                if seq > 1 and said[seq - 2].leads:
                    assert seq - 1 in there

    for_all(law, acts("user", "reasoning", "calls", "result", "assistant"), bounds(), share=2)


def test_who_trims_again_changes_nothing() -> None:
    def law(script: list[Act], most: Bounds) -> None:
        kept = Kept()
        for line in lines(script):
            kept.say(line, bounds=most)
            before = history.packed(kept.state), list(kept.records)
            kept.say(bounds=most)
            assert (history.packed(kept.state), kept.records) == before

    for_all(law, acts(), bounds(), share=2)


def test_who_trims_at_the_end_keeps_what_is_kept_by_who_trims_each_time() -> None:
    """But for late results, which go with a call that is gone, and otherwise keep it."""

    def law(script: list[Act], most: Bounds) -> None:
        kept, whole, batch = Kept(), Kept(), Kept()
        for line in lines(script):
            kept.say(line, bounds=most)
            whole.say(line)
        whole.say(bounds=most)
        batch.say(*lines(script), bounds=most)

        assert kept.seqs == whole.seqs == batch.seqs

    for_all(law, acts("user", "assistant", "system", "reasoning", "calls"), bounds(), share=2)


def test_a_lower_bound_drops_what_it_would_have_dropped_before() -> None:
    def law(script: list[Act], most: Bounds, fewer: Bounds) -> None:
        kept = Kept()
        kept.say(*lines(script), bounds=most)
        before = Talk()
        for line in lines(script):
            before.say(line)
        before.trim(most)
        before.trim(fewer)
        kept.say(bounds=fewer)

        assert kept.seqs == seqs(before.said)

    for_all(law, acts(), bounds(), bounds(), share=2)


def test_a_trim_in_many_steps_drops_what_it_drops_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_AT_ONCE", 2)

    def law(script: list[Act], most: Bounds) -> None:
        kept, talk = Kept(), Talk()
        for line in lines(script):
            kept.say(line)
            talk.say(line)
        kept.say(bounds=most)
        talk.trim(most)

        assert kept.seqs == seqs(talk.said)

    for_all(law, acts(), bounds(), share=5)


def test_one_step_drops_no_more_than_it_may() -> None:
    kept = Kept()
    kept.say(*said(*[1] * 30))

    head, left, more = cut(kept.marks, kept.state.held, Bounds(4), [], 10)
    assert (head and head.seq, left.messages, more) == (11, 20, True)
    head, left, more = cut(kept.marks[10:], left, Bounds(4), [], 16)
    assert (head and head.seq, left.messages, more) == (27, 4, False)


def original(history: list[Line], line: Line, most: int) -> list[Line]:
    """Append and trim as it was done before there were tools."""
    history = [*history, line]
    if len(history) <= most:
        return history
    system = history[:1] if history[0].role == "system" else []
    return [*system, *history[len(history) - (most - len(system)) :]]


@pytest.mark.parametrize("prompt", [[], [PROMPT]], ids=["alone", "with a prompt"])
@pytest.mark.parametrize("most", [2, 3, 4, 20])
def test_a_plain_talk_is_trimmed_as_it_always_was(prompt: list[Line], most: int) -> None:
    def law(script: list[Act]) -> None:
        kept, before = Kept(), list[Line]()
        all_of_it = [*prompt, *lines(script)]
        for line in all_of_it:
            kept.say(line, bounds=Bounds(most))
            before = original(before, line, most)
            assert [all_of_it[seq - 1] for seq in kept.seqs] == before

    for_all(law, acts(*PLAIN, pins=False))


TABLE = {
    "as many as may": ([PROMPT, *said(1, 1, 1)], Bounds(4), [1, 2, 3, 4]),
    "one more": ([PROMPT, *said(1, 1, 1, 1)], Bounds(4), [1, 3, 4, 5]),
    "a prompt alone": ([PROMPT, *said(1, 1)], Bounds(1), [1]),
    "no prompt, and one": (said(1, 1, 1), Bounds(1), [3]),
    "a prompt of the whole budget": ([Line("system", 9), *said(1, 1)], Bounds(tokens=9), [1]),
    "a prompt beyond the budget": ([Line("system", 10), *said(0, 1)], Bounds(tokens=9), [1]),
    "as many tokens as may": (said(4, 3, 2), Bounds(tokens=9), [1, 2, 3]),
    "a token more": (said(5, 3, 2), Bounds(tokens=9), [2, 3]),
    "a message beyond the budget": (said(1, 10, 0, 2), Bounds(tokens=9), [3, 4]),
    "two prompts": ([PROMPT, PROMPT, *said(1, 1, 1)], Bounds(3), [1, 2, 5]),
    "a prompt and that of a developer": (
        [PROMPT, Line("developer"), *said(1, 1)],
        Bounds(2),
        [1, 2],
    ),
    "a late prompt": ([*said(1), PROMPT, *said(1, 1)], Bounds(2), [3, 4]),
    "turns": ([PROMPT, *said(1, 1, 1, 1, 1)], Bounds(turns=2), [1, 4, 5, 6]),
    "half a turn": ([Line("assistant"), *said(1, 1)], Bounds(turns=1), [2, 3]),
    "a pin": ([Line("user", pin=True), *said(1, 1, 1)], Bounds(2), [1, 4]),
    "a pin begins no turn": ([Line("user", pin=True), *said(1, 1)], Bounds(turns=1), [1, 2, 3]),
    "a call at the edge": (
        [*said(1), Line("assistant", calls=("a",)), Line("tool", answers=("a",)), *said(1, 1)],
        Bounds(3),
        [4, 5],
    ),
    "a call with a late result": (
        [Line("assistant", calls=("a",)), *said(1, 1), Line("tool", answers=("a",)), *said(1)],
        Bounds(4),
        [5],
    ),
    "parallel calls": (
        [
            Line("assistant", calls=("a", "b")),
            Line("tool", answers=("a",)),
            Line("tool", answers=("b",)),
            *said(1),
        ],
        Bounds(3),
        [4],
    ),
    "a pinned call and its results": (
        [
            Line("assistant", calls=("a",), pin=True),
            Line("tool", answers=("a",)),
            *said(1, 1, 1),
        ],
        Bounds(3),
        [1, 2, 5],
    ),
    "reasoning": (
        [*said(1), Line("assistant", leads=True), Line("assistant"), *said(1)],
        Bounds(2),
        [4],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_of_each_of_these_that_stays(name: str) -> None:
    lines, most, right = TABLE[name]
    kept, batch = Kept(), Kept()
    for line in lines:
        kept.say(line, bounds=most)
    batch.say(*lines, bounds=most)

    assert kept.seqs == batch.seqs == right


def test_a_result_comes_too_late_for_a_call_that_is_gone() -> None:
    kept = Kept()
    kept.say(Line("assistant", calls=("a", "b")), Line("tool", answers=("a",)), bounds=Bounds(2))
    kept.say(*said(1, 1), bounds=Bounds(2))
    done = kept.say(Line("tool", answers=("b",)), bounds=Bounds(2))

    assert (done.first, done.last) == (5, 5)
    assert (kept.seqs, kept.state.seq, kept.state.opens) == ([3, 4], 5, [])


def test_what_belongs_to_a_message_that_is_gone_goes_too() -> None:
    kept, most = Kept(), Bounds(tokens=9)
    kept.say(*said(1), bounds=most)
    kept.say(Line("assistant", 50, leads=True), bounds=most)
    kept.say(Line("assistant", calls=("a",)), bounds=most)
    kept.say(Line("tool", answers=("a",)), bounds=most)
    assert (kept.seqs, kept.state.seq) == ([], 4)

    kept.say(*said(1, 1), bounds=most)
    assert kept.seqs == [5, 6]


def test_a_model_is_shown_the_longest_end_that_is_whole() -> None:
    def law(script: list[Act], most: Bounds, asked: Bounds) -> None:
        kept, talk = Kept(), Talk()
        for line in lines(script):
            kept.say(line, bounds=most)
            talk.say(line)
            talk.trim(most)
        found, cut_short = window(kept.marks, asked, kept.state.spans, kept.state.opens)
        right = talk.shown(asked)

        assert numbers(found) == seqs(right)
        assert cut_short is (len(right) < len(talk.shown(Bounds())))

    for_all(law, acts(), bounds(), bounds(), share=10)


def test_a_model_is_shown_no_result_without_its_call_and_no_call_without_its_results() -> None:
    def law(script: list[Act], asked: Bounds) -> None:
        kept = Kept()
        kept.say(*lines(script))
        found, _ = window(kept.marks, asked, kept.state.spans, kept.state.opens)
        calls = {call for one in found for call in one.calls}
        results = {call for one in found for call in one.answers}
        turns = [one.seq for one in found if one.role == "user" and not one.answers]

        assert results <= calls
        for one in found:
            if turns and one.seq < turns[-1]:
                assert results.issuperset(one.calls)

    for_all(law, acts(), bounds(), share=4)


def test_what_is_seen_without_a_look_at_what_belongs_together_is_the_same() -> None:
    def law(script: list[Act], asked: Bounds) -> None:
        kept = Kept()
        kept.say(*lines(script))
        heads = plain_heads(kept.records)
        if heads is not None:
            places, cut_short = plain_window(heads, asked)
            shown, right = window(kept.marks, asked, kept.state.spans, kept.state.opens)
            assert [kept.marks[place] for place in places] == shown
            assert cut_short is right

    for_all(law, acts("user", "assistant", "system", "critic"), bounds(), share=3)
    for_all(law, acts(), bounds(), share=3)


def test_the_last_messages_are_enough_to_see_what_a_model_is_shown() -> None:
    """Where they are not, as some of them are left out, that is seen."""

    def law(script: list[Act], asked: Bounds) -> None:
        kept = Kept()
        kept.say(*lines(script))
        told = list(zip(kept.marks, kept.records))
        whole = window(kept.marks, asked, kept.state.spans, kept.state.opens)
        last, more = recent(unguarded(reversed(told)), asked)
        guarded = [one for one in kept.marks if one.flags & GUARDED]
        some = sorted([*guarded, *(one for one, _ in last)])
        found = window(some, asked, kept.state.spans, kept.state.opens)

        is_enough = found[1] or not more
        assert found == whole or not is_enough
        assert is_enough or len(found[0]) < len(some)

    for_all(law, acts(pins=False), bounds(), share=10)


def test_what_still_goes_on_is_shown_and_what_was_never_answered_is_not() -> None:
    kept = Kept()
    kept.say(*said(1), Line("assistant", leads=True), Line("assistant", calls=("a", "b")))
    kept.say(Line("tool", answers=("a",)))
    assert numbers(window(kept.marks, Bounds(), kept.state.spans, kept.state.opens)[0]) == [
        1,
        2,
        3,
        4,
    ]

    kept.say(*said(1))
    assert numbers(window(kept.marks, Bounds(), kept.state.spans, kept.state.opens)[0]) == [1, 5]


def test_a_call_that_was_never_answered_keeps_nothing_out_of_a_window() -> None:
    kept = Kept()
    kept.say(*said(1), Line("assistant", calls=("a", "b")), Line("user"))
    kept.say(Line("tool", answers=("a",)), Line("user"))

    assert numbers(window(kept.marks, Bounds(2), kept.state.spans, kept.state.opens)[0]) == [3, 5]


def test_what_messages_say_together_is_what_was_known_all_along() -> None:
    def law(script: list[Act], most: Bounds) -> None:
        kept = Kept()
        kept.say(*lines(script), bounds=most)
        state, again = kept.state, replayed(kept.marks, kept.state.born)
        there = set(kept.seqs)

        assert again.held == state.held
        assert again.guards == state.guards
        assert again.opens == [one for one in state.opens if one[1] in there]
        assert again.at == state.at or not there

    for_all(law, acts(), bounds(), share=4)


ANSWER_TO_BOTH = Line("user", answers=("a", "b"))
BY_NAME = Line("assistant", calls=(NAMED,))

UNWHOLE = {
    "a result of two calls of which one is gone": (
        [
            *(Line("assistant", calls=("a",)), *said(1, 1, 1), Line("assistant", calls=("b",))),
            *(ANSWER_TO_BOTH, *said(1)),
        ],
        Bounds(4),
        [4, 7],
    ),
    "a result of two calls of which the second is pinned": (
        [
            *(Line("assistant", calls=("a",)), Line("assistant", calls=("b",), pin=True)),
            *(ANSWER_TO_BOTH, *said(1, 1)),
        ],
        Bounds(4),
        [4, 5],
    ),
    "a call and its result where another call of that is broken": (
        [
            *(Line("assistant", calls=("a", "c")), Line("assistant", calls=("b",))),
            *(ANSWER_TO_BOTH, *said(1, 1)),
        ],
        Bounds(),
        [4, 5],
    ),
    "a call which is itself a result that is left out": (
        [
            *(Line("assistant", calls=("a", "c")), Line("assistant", answers=("a",), calls=("b",))),
            *(Line("tool", answers=("b",)), *said(1)),
        ],
        Bounds(),
        [4],
    ),
    "what leads to nothing": (
        [Line("assistant", leads=True, pin=True), Line("assistant"), *said(1, 1)],
        Bounds(2),
        [4],
    ),
}


@pytest.mark.parametrize("name", UNWHOLE)
def test_of_each_of_these_a_model_is_shown_only_what_is_whole(name: str) -> None:
    lines, most, right = UNWHOLE[name]
    kept = Kept()
    for line in lines:
        kept.say(line, bounds=most)

    for asked in (Bounds(), most):
        shown, _ = window(kept.marks, asked, kept.state.spans, kept.state.opens)
        assert numbers(shown) == right


def test_a_pinned_call_is_not_shown_where_its_result_is_also_that_of_one_with_no_room() -> None:
    lines, most, right = UNWHOLE["a result of two calls of which the second is pinned"]
    kept = Kept()
    kept.say(*lines)
    shown, is_cut = window(kept.marks, most, kept.state.spans, kept.state.opens)

    assert (numbers(shown), is_cut) == (right, True)


def test_a_result_is_never_that_of_an_older_call_which_is_pinned() -> None:
    kept = Kept()
    kept.say(Line("assistant", calls=(NAMED,), pin=True), *said(1, 1))
    kept.say(BY_NAME, Line("function", answers=(NAMED,)), *said(1))
    assert numbers(window(kept.marks, Bounds(), (), kept.state.opens)[0]) == [2, 3, 4, 5, 6]
    some = [kept.marks[0], *kept.marks[4:]]

    assert [pair.call for pair in pairs(some)] == [None]
    assert numbers(window(some, Bounds(), (), kept.state.opens)[0]) == [6]


def test_a_model_is_shown_whole_pairs_where_results_are_those_of_several_messages() -> None:
    """Whatever was trimmed, pinned or not looked at."""

    def law(script: list[Act], most: Bounds, asked: Bounds, skipped: int) -> None:
        kept, waiting = Kept(), list[str]()
        for line, act in zip(lines(script), script):
            waiting += line.calls
            if act.kind == "all results" and waiting:
                line = Line("user", act.tokens, answers=tuple(waiting[-2 - act.which :: 2]))
                waiting = [call for call in waiting if call not in line.answers]
            elif line.answers:
                continue
            kept.say(line, bounds=most)
        some = kept.marks
        some = [one for one in some if one.flags & GUARDED or one in some[skipped:]]
        found, _ = window(some, asked, kept.state.spans, kept.state.opens)
        calls = {call for one in found for call in one.calls}
        results = {call for one in found for call in one.answers}
        turns = [one.seq for one in found if one.role == "user" and not one.answers]

        assert results <= calls
        for one in found:
            if turns and one.seq < turns[-1]:
                assert results.issuperset(one.calls)

    kinds = ("user", "calls", "parallel calls", "all results", "all results", "assistant")
    for_all(law, acts(*kinds), bounds(), bounds(), st.integers(0, 6), share=10)
