"""What is kept of a conversation comes back as it was, and nothing else is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from storage.core import history
from storage.core.composing import refused
from storage.core.history import MOST_GUARDED, MOST_NOTES, MOST_SPANS, State, append, packed
from storage.core.messages import (
    ESTIMATED,
    GUARDED,
    LAST_SEQ,
    MOST_TOKENS,
    NOSTART,
    bodies,
    entry,
    mark,
    marks,
    plain_heads,
    record,
    remarked,
    rewritten,
    shortened,
)
from storage.core.trim import Held, may_begin
from storage.histories import Appended, Bounds, Terms
from tests.conversation.oracle import Line
from tests.conversation.scripts import ALL, Act, Kept, acts, bounds, for_all, lines

LONG = 2**32 - 1
LATE = 2**48 - 1

A_HEAD = record(entry("user", 0, 0, (), (), b""), 0, 1, 1000)

IDS = st.lists(st.text(max_size=5), max_size=4, unique=True)
ROLES = st.sampled_from(
    ["system", "developer", "user", "assistant", "tool", "function", "critic", "é" * 100]
)


def fields(state: State) -> list[object]:
    return [getattr(state, name) for name in State.__slots__]


def test_a_state_comes_back_as_it_was() -> None:
    def law(script: list[Act], most: Bounds) -> None:
        kept = Kept()
        for number, line in enumerate(lines(script)):
            kept.say(line, bounds=most, now_ms=1000 + number)
            again = history.unpacked(history.packed(kept.state))
            assert fields(again) == fields(kept.state)

    for_all(law, acts(), bounds())


def test_the_greatest_numbers_come_back_as_they_were() -> None:
    state = State(LATE)
    state.seq = state.first = state.start = LONG
    state.held = Held(LONG, 2**63, 2**62, LONG)
    state.guards = [1, LONG]
    state.opens = [(b"\xff" * 8, LONG)] * 256
    state.spans = [(LONG, LONG)]
    state.notes = [(b"\0" * 8, LONG, LONG)]

    assert fields(history.unpacked(history.packed(state))) == fields(state)


def test_a_copy_of_a_state_changes_by_itself() -> None:
    kept = Kept()
    kept.say(Line("user", calls=("a",), pin=True))
    before = history.packed(kept.state)
    other = kept.state.copy()
    append(other, [Line("tool", answers=("a",)).entry()], Terms(note=b"8 bytes!"), 5000)

    assert history.packed(kept.state) == before != history.packed(other)


def test_a_state_that_is_cut_off_is_refused() -> None:
    kept = Kept()
    kept.say(Line("system"), Line("user", calls=("a", "b")), Line("user"))
    kept.say(Line("tool", answers=("a",)))
    kept.state.notes = [(b"8 bytes!", 1, 2)]
    whole = history.packed(kept.state)

    for end in range(len(whole)):
        with pytest.raises(ValueError, match=r"state of a conversation|cut off"):
            history.unpacked(whole[:end])


@pytest.mark.parametrize("start", [b"\1", b"[", b"\0\0", b'{"role":', b"\0\x02"])
def test_what_is_no_state_is_refused(start: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it (does not begin with|was written in version 2)"):
        history.unpacked(start + history.packed(State(0))[len(start) :])


def test_a_record_says_what_it_was_made_of() -> None:
    def law(
        role: str, calls: list[str], answers: list[str], tokens: int, seq: int, at: int
    ) -> None:
        one = entry(role, GUARDED, tokens, calls, answers, b'{"role":1}')
        raw = record(one, one.flags | NOSTART, seq, at)
        told = mark(raw)

        assert (told.seq, told.at, told.role) == (seq, at, role)
        assert told.tokens == min(tokens, MOST_TOKENS)
        assert told.calls == tuple(map(shortened, calls))
        assert told.answers == tuple(map(shortened, answers))
        assert told.flags & (GUARDED | NOSTART) == GUARDED | NOSTART
        assert raw[told.body :] == b'{"role":1}'

    numbers = st.integers(0, 2 * MOST_TOKENS)
    for_all(law, ROLES, IDS, IDS, numbers, st.integers(1, LONG), st.integers(0, LATE), share=3)


def test_a_record_whose_head_is_cut_off_is_refused() -> None:
    one = Line("critic", calls=("a", "b"), answers=("c",)).entry()
    raw = record(one, one.flags, 7, 8)

    for end in range(mark(raw).body):
        with pytest.raises(ValueError, match="no record"):
            mark(raw[:end])


def test_whatever_the_bytes_are_they_are_a_record_or_refused() -> None:
    def law(raw: bytes) -> None:
        for read in (mark, history.unpacked):
            try:
                read(raw)
            except ValueError:
                pass

    for_all(law, st.binary(max_size=80), share=5)


def test_records_that_are_not_in_order_are_refused() -> None:
    one = Line("user").entry()
    raws = [record(one, 0, seq, 0) for seq in (1, 3, 3, 2)]

    assert [told.seq for told in marks(raws[:2])] == [1, 3]
    for wrong in (raws[1:3], raws[2:]):
        with pytest.raises(ValueError, match="not in order"):
            marks(wrong)


def test_what_is_written_anew_keeps_its_number_and_its_time() -> None:
    old = Line("user", 5).entry()
    raw = record(old, old.flags, 7, LATE)

    told = mark(remarked(raw, GUARDED))
    assert told == mark(raw)._replace(flags=GUARDED)
    new = entry("critic", 0, 9, ["a"], [], b"{}")
    told = mark(rewritten(raw, new, new.flags | ESTIMATED))
    assert (told.seq, told.at, told.tokens, told.role) == (7, LATE, 9, "critic")


def test_an_id_that_is_said_twice_is_one() -> None:
    kept = Kept()
    kept.say(Line("assistant", calls=("a", "a")), Line("tool", answers=("a", "a")))

    assert [(one.calls, one.answers) for one in kept.marks] == [
        ((shortened("a"),), ()),
        ((), (shortened("a"),)),
    ]
    assert kept.state.opens == []


def said(state: State, *said: Line, now_ms: int = 1000, **terms: object) -> Appended:
    entries = [line.entry() for line in said]
    return append(state, entries, Terms(**terms), now_ms)[0]  # type: ignore[arg-type]


def test_no_more_are_guarded_than_may() -> None:
    state = State(1000)
    assert said(state, *[Line("user", pin=True)] * MOST_GUARDED).outcome == "appended"
    before = state.copy()

    told = said(state, Line("user"), Line("user", pin=True))
    assert (told.outcome, told.which, told.last) == ("full", 1, MOST_GUARDED)
    assert said(before, Line("user")).outcome == "appended"


def test_a_prompt_that_never_ends_is_refused_where_too_many_would_be_guarded() -> None:
    state = State(1000)
    said(state, *[Line("system")] * MOST_GUARDED)

    assert said(state, Line("system")).outcome == "full"


@pytest.mark.parametrize(
    "raw", [b"", b"\1", b"\0" * 20, b"\7" + A_HEAD[1:], A_HEAD[:5] + bytes(14)]
)
def test_what_has_no_head_is_read_by_nobody(raw: bytes) -> None:
    for one in (raw, raw + b"{}"):
        for read in (mark, lambda one: bodies([one])):
            with pytest.raises(ValueError, match="no record"):
                read(one)
        assert plain_heads([one]) is None
    assert bodies([A_HEAD + b"{}"]) == [b"{}"]
    assert plain_heads([A_HEAD]) == [(1, 0)]


def test_no_number_is_given_that_is_none() -> None:
    state = State(1000)
    state.seq = LAST_SEQ - 3
    told = said(state.copy(), *[Line("user")] * 5)
    assert told == Appended("full", last=LAST_SEQ - 3, which=3)
    assert said(state, *[Line("user")] * 3, note=b"12345678") == Appended(
        "appended", LAST_SEQ - 2, LAST_SEQ
    )

    before = packed(state)
    assert said(state, Line("user")) == Appended("full", last=LAST_SEQ)
    assert said(state) == Appended("appended", LAST_SEQ + 1, LAST_SEQ)
    assert said(state, Line("user"), note=b"12345678").outcome == "repeated"
    assert packed(state) == before
    error = refused(Appended("full", last=LAST_SEQ), None, "memory", "k", several=False)
    assert "numbers left" in str(error)


def test_so_many_idempotency_keys_are_remembered() -> None:
    state = State(1000)
    for number in range(MOST_NOTES + 1):
        said(state, Line("user"), Line("user"), note=b"%8d" % number)

    assert said(state, Line("user"), note=b"%8d" % 1) == Appended("repeated", 3, 4)
    assert said(state, Line("user"), note=b"%8d" % MOST_NOTES)[:3] == ("repeated", 65, 66)
    assert said(state, Line("user"), note=b"%8d" % 0).outcome == "appended"


def test_who_repeats_is_answered_before_anything_else_is_asked() -> None:
    state = State(1000)
    told = said(state, Line("user"), note=b"8 bytes!", if_seq=0)

    again = said(state, Line("tool", answers=("x",)), note=b"8 bytes!", if_seq=0)
    assert again == told._replace(outcome="repeated")


def test_time_never_goes_back() -> None:
    kept = Kept()
    for now in (5000, 3000, 6000, 1000):
        kept.say(Line("user"), now_ms=now)

    assert [one.at for one in kept.marks] == [5000, 5000, 6000, 6000]


def test_nothing_begins_within_any_of_many_pairs() -> None:
    """However many late results there are, and what is known of them is bounded."""
    kept = Kept()
    many = 3 * MOST_SPANS
    for number in range(many):
        kept.say(Line("assistant", calls=(f"{number}",)), Line("user"))
        kept.say(Line("tool", answers=(f"{number}",)), Line("user"))

    assert len(kept.state.spans) == MOST_SPANS
    for one in kept.marks:
        if one.seq % 4 in (2, 3):
            assert not may_begin(one, kept.state.spans)
    free = [one.seq for one in kept.marks if may_begin(one, kept.state.spans)]
    assert (
        free[-2 * (MOST_SPANS - 1) :]
        == [seq for seq in range(1, many * 4 + 1) if seq % 4 in (0, 1)][-2 * (MOST_SPANS - 1) :]
    )
    kept.say(bounds=Bounds(6))
    assert kept.seqs == [*range(many * 4 - 4, many * 4 + 1)]


def test_an_estimate_is_told_from_what_is_known() -> None:
    kept = Kept()
    kept.say(Line("user", 3))
    told = entry("user", ESTIMATED, 4, (), (), b"{}")
    append(kept.state, [told], Terms(ALL), 1000)

    assert kept.state.held == (2, 7, 4, 1)
