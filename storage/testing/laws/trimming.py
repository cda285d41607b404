"""Conversations as a room keeps them: what stays, what is read of it, and what many do at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import strategies as st

from ...core.messages import GUARDED, mark
from ...core.picking import recent, unguarded
from ...histories import Appended, Bounds, Entry, Query
from ..clock import Clock
from ..threads import crowd
from .suite import for_all
from .talking import (
    A_CALL,
    ALL,
    FOR_GOOD,
    ITS_RESULT,
    KEPT,
    NOTHING,
    Hear,
    Plain,
    Remembered,
    Say,
    heard,
    messages,
    numbers,
    same,
    says,
    some_bounds,
    timeless,
)


class Trimming(Remembered):
    def test_a_room_keeps_what_is_decided_for_all_rooms(self, talks: Any) -> None:
        """To the last byte, whatever is said and whatever the bounds are."""
        turn = iter(range(10**9))

        def law(script: list[list[Entry]], bounds: Bounds) -> None:
            key, plain, terms = f"{next(turn)}", Plain(), KEPT._replace(bounds=bounds)
            for entries in script:
                assert talks.append(key, entries, terms) == plain.append(entries, terms)
                assert same(self.state_of(talks, key), plain.state)
            records = talks.read(key, ALL).records
            assert timeless(records) == timeless(plain.records)

        batches = st.lists(st.lists(messages(), min_size=1, max_size=4), min_size=1, max_size=8)
        for_all(law, batches, some_bounds())

    def test_what_is_dropped_is_gone(self, say: Say, hear: Hear, talks: Any) -> None:
        for number in range(9):
            say(f"{number}", bounds=Bounds(4))

        assert hear() == ["5", "6", "7", "8"]
        assert numbers(talks.read("k", ALL).records) == [6, 7, 8, 9]
        assert heard(talks.recent("k", Bounds()).records) == hear()

    def test_a_prompt_and_a_pinned_call_stay_with_its_results(self, say: Say, hear: Hear) -> None:
        say(says("prompt", "system"), "one")
        say(says("call", "assistant", calls=["a"], pin=True), ITS_RESULT)
        for number in range(5):
            say(f"{number}", bounds=Bounds(5))

        assert hear() == ["prompt", "call", "result", "3", "4"]

    def test_a_late_result_goes_with_its_call(self, say: Say, hear: Hear, talks: Any) -> None:
        say(A_CALL, "one", "two", bounds=Bounds(2))
        told = say(ITS_RESULT, "three", bounds=Bounds(4))

        assert told == Appended("appended", 4, 5)
        assert hear() == ["one", "two", "three"]
        assert say("four").last == 6

    def test_what_belongs_to_a_message_that_is_gone_goes_too(
        self, say: Say, hear: Hear, talks: Any
    ) -> None:
        few = Bounds(tokens=9)
        say("one", bounds=few)
        say(says("thought", "assistant", tokens=50, leads=True), bounds=few)
        say(says("more", "assistant", leads=True), A_CALL, bounds=few)
        say(ITS_RESULT, bounds=few)

        assert hear() == []
        assert say("two", bounds=few) == Appended("appended", 6, 6)
        assert hear() == ["two"]
        assert self.state_of(talks).opens == []

    def test_what_belongs_to_a_pinned_message_comes_after_it(self, say: Say, hear: Hear) -> None:
        say("one", says("thought", "assistant", tokens=50, leads=True, pin=True))
        say(bounds=Bounds(1))
        say(says("word", "assistant"))

        assert hear() == ["thought", "word"]

    def test_a_lower_bound_is_come_down_to_bit_by_bit(self, say: Say, hear: Hear) -> None:
        for _ in range(5):
            say(*["x"] * 499, A_CALL, ITS_RESULT)
        left = 2505
        while say(bounds=Bounds(501)).more:
            assert 501 < len(hear()) < left
            left = len(hear())

        assert hear() == ["x"] * 499 + ["call", "result"]
        say(bounds=Bounds(1))
        assert hear() == []
        assert say("y").first == 2506

    def test_no_step_of_a_trim_ends_between_a_call_and_its_result(
        self, say: Say, hear: Hear
    ) -> None:
        for before in (998, 999, 1000):
            key = f"{before}"
            for _ in range(2):
                say(*["x"] * (before // 2), key=key)
            say(*["x"] * (before % 2), A_CALL, ITS_RESULT, *["y"] * 100, key=key)
            while say(bounds=Bounds(before + 102 - 1000), key=key).more:
                pass

            assert hear(key)[:1] == (["call"] if before == 1000 else ["y"])


class Reading(Remembered):
    @pytest.fixture
    def spoken(self, say: Say, clock: Clock) -> list[int]:
        """Twelve messages of all roles, a second apart, of which the last are eight, and when they
        came."""
        roles = ["system", "user", "assistant", "critic", "user", "tool"]
        moments = []
        for number in range(12):
            role = roles[number % 6]
            message = says(f"{number + 1}", role, calls=["a"] if role == "assistant" else [])
            if role == "tool":
                message = says(f"{number + 1}", role, answers=["a"])
            moments.append(clock.ms)
            say(message)
            self.tick(clock, 1)
        return moments

    @pytest.mark.usefixtures("spoken")
    def test_so_many_are_read_from_either_end(self, talks: Any, hear: Hear) -> None:
        everything = [f"{number}" for number in range(1, 13)]
        for limit in (1, 5, 11, 12, 13, 1000):
            last = talks.read("k", Query(limit))
            first = talks.read("k", Query(limit, newest=False))
            assert heard(last.records) == everything[-limit:]
            assert heard(first.records) == everything[:limit]
            assert last.more is first.more is (limit < 12)

    def test_every_condition_counts_before_the_number_does(
        self, talks: Any, spoken: list[int]
    ) -> None:
        found = [(mark(raw), raw) for raw in talks.read("k", ALL).records]

        def law(query: Query) -> None:
            wanted = [
                raw
                for one, raw in found
                if (not query.roles or one.role in query.roles)
                and one.seq > query.after
                and (query.before is None or one.seq < query.before)
                and (query.since is None or one.at >= query.since)
                and (query.until is None or one.at < query.until)
            ]
            limit = len(wanted) if query.limit is None else query.limit
            right = wanted[max(0, len(wanted) - limit) :] if query.newest else wanted[:limit]
            told = talks.read("k", query)

            assert told.records == right
            assert told.more is (limit < len(wanted))
            assert told.state is not None or not query.with_state

        seqs = st.integers(1, 14)
        moments = st.sampled_from([at + more for at in spoken for more in (-500, 0, 1, 500)])
        queries = st.builds(
            Query,
            st.none() | st.integers(1, 13),
            st.booleans(),
            st.none() | seqs,
            st.just(0) | seqs,
            st.none() | moments,
            st.none() | moments,
            st.sampled_from([(), ("user",), ("critic", "system"), ("nobody",), ("tool", "\0")]),
        )
        for_all(law, queries, share=5)

    @pytest.mark.usefixtures("spoken")
    def test_pages_lead_to_both_ends(self, talks: Any) -> None:
        for query in (Query(5), Query(3, roles=("user",)), Query(5, newest=False)):
            found: list[int] = []
            while True:
                told = talks.read("k", query)
                seqs = numbers(told.records)
                found = [*found, *seqs] if not query.newest else [*seqs, *found]
                if not told.more:
                    break
                query = (
                    query._replace(before=found[0])
                    if query.newest
                    else query._replace(after=found[-1])
                )
            assert found == numbers(talks.read("k", query._replace(
                limit=None, before=None, after=0)).records)  # fmt: skip

    def test_what_is_trimmed_is_read_over(self, say: Say, hear: Hear) -> None:
        say(says("prompt", "system"))
        for number in range(2, 30):
            say(says(f"{number}", pin=number == 9), bounds=Bounds(6))

        assert hear() == ["prompt", "9", "26", "27", "28", "29"]
        assert hear(limit=3, before=28) == ["9", "26", "27"]
        assert hear(limit=2, newest=False, after=1) == ["9", "26"]
        assert hear(after=5, before=20) == ["9"]
        assert hear(roles=("system",), limit=1) == ["prompt"]

    def test_recent_is_what_is_guarded_and_one_more_than_fit(self, talks: Any) -> None:
        turn = iter(range(10**9))

        def law(script: list[Entry], kept: Bounds, asked: Bounds) -> None:
            key = f"{next(turn)}"
            talks.append(key, script, KEPT._replace(bounds=kept))
            told = talks.recent(key, asked)
            everything = [(mark(raw), raw) for raw in talks.read(key, ALL).records]
            last, more = recent(unguarded(reversed(everything)), asked)
            right = {raw for one, raw in everything if one.flags & GUARDED} | {
                raw for _, raw in last
            }

            assert told.records == [raw for _, raw in everything if raw in right]
            assert told.more is more
            assert (told.state is None) is (not everything and told == NOTHING)

        for_all(
            law,
            st.lists(messages(), min_size=1, max_size=20),
            some_bounds(),
            some_bounds(),
            share=3,
        )

    def test_who_changes_what_was_read_changes_nothing(self, say: Say, talks: Any) -> None:
        say("one", says("two", pin=True), bounds=Bounds(5))
        for call, asked in ((talks.read, ALL), (talks.recent, Bounds())):
            told = call("k", asked)
            right = list(told.records)
            told.records.clear()
            assert call("k", asked).records == right
        entries = [says("three")]
        talks.append("k", entries, FOR_GOOD)
        entries[0] = says("four")
        assert heard(talks.read("k", ALL).records) == ["one", "two", "three"]

    def test_nothing_is_found_where_nothing_is(self, talks: Any) -> None:
        assert talks.read("k", ALL) == NOTHING
        assert talks.recent("k", Bounds(1)) == NOTHING
        assert list(talks.look(["k", "l"])) == [None, None]
        assert list(talks.look([])) == []


class TalkingCrowds(Remembered):
    def test_of_all_who_append_at_once_each_is_kept_together_and_in_order(self, talks: Any) -> None:
        def work(who: int) -> list[Appended]:
            return [
                talks.append("k", [says(f"{who}.{turn}.{part}") for part in range(3)], FOR_GOOD)
                for turn in range(10)
            ]

        told = crowd([partial(work, who) for who in range(8)])
        records = talks.read("k", ALL).records
        texts = heard(records)
        assert numbers(records) == [*range(1, 241)]
        for who, answers in enumerate(told):
            for turn, one in enumerate(answers):
                mine = [f"{who}.{turn}.{part}" for part in range(3)]
                assert texts[one.first - 1 : one.last] == mine
            assert sorted(answers) == answers

    def test_of_all_who_know_the_same_last_number_one_appends(self, talks: Any) -> None:
        for turn in range(5):
            terms = FOR_GOOD._replace(if_seq=turn)
            told = crowd([partial(talks.append, "k", [says(f"{who}")], terms) for who in range(8)])
            outcomes = sorted(one.outcome for one in told)
            assert outcomes == ["appended", *["conflict"] * 7]
        assert len(talks.read("k", ALL).records) == 5

    def test_of_all_who_repeat_each_other_one_appends(self, talks: Any) -> None:
        for turn in range(5):
            terms = FOR_GOOD._replace(note=b"%8d" % turn)
            entries = [says("x"), says("y")]
            told = crowd([partial(talks.append, "k", entries, terms)] * 8)
            assert {one[1:3] for one in told} == {(2 * turn + 1, 2 * turn + 2)}
            assert sorted(one.outcome for one in told) == ["appended", *["repeated"] * 7]
        assert len(talks.read("k", ALL).records) == 10
