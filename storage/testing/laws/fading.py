"""Conversations as a room keeps them: when they are over, by a clock that is turned by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ...histories import Appended, Bounds
from ..clock import Clock
from .amending import LASTING, Altered
from .talking import ALL, FOR_GOOD, NOTHING, Hear, Say, says

MANY = 1000


class Fading(Altered):
    def test_it_is_over_when_nothing_was_appended_for_so_long(
        self, say: Say, talks: Any, clock: Clock
    ) -> None:
        say("one", ttl_ms=LASTING)
        self.tick_ms(clock, LASTING // 2)
        say("two", ttl_ms=LASTING)

        self.assert_lasts(talks, clock, LASTING)

    def test_it_is_over_so_long_after_it_began(self, say: Say, talks: Any, clock: Clock) -> None:
        say("one", max_age_ms=LASTING)
        self.tick_ms(clock, LASTING // 2)
        say("two", max_age_ms=LASTING)

        self.assert_lasts(talks, clock, LASTING - LASTING // 2)

    def test_it_is_over_when_the_first_of_both_is(self, say: Say, talks: Any, clock: Clock) -> None:
        for _ in range(4):
            say("one", ttl_ms=LASTING // 2, max_age_ms=LASTING)
            (standing,) = talks.look(["k"])
            born = self.state_of(talks).born
            right = min(clock.ms + LASTING // 2, born + LASTING)
            assert standing.ends == pytest.approx(right, rel=0, abs=self.slack_ms)
            self.tick_ms(clock, LASTING // 5)
        self.assert_lasts(talks, clock, LASTING // 5)

    def test_it_is_never_over_where_nobody_says_when(
        self, say: Say, talks: Any, clock: Clock, hear: Hear
    ) -> None:
        say("one")
        (standing,) = talks.look(["k"])
        assert standing.ends is None
        self.tick(clock, 100 * 365 * 86_400)

        assert hear() == ["one"]

    def test_who_reads_renews_nothing(self, say: Say, talks: Any, clock: Clock) -> None:
        say("one", ttl_ms=LASTING)
        self.tick_ms(clock, LASTING // 2)
        talks.read("k", ALL)
        talks.recent("k", Bounds())
        talks.look(["k"])
        talks.keys("", None)

        self.assert_lasts(talks, clock, LASTING - LASTING // 2)

    def test_who_is_refused_or_repeats_renews_nothing(
        self, say: Say, talks: Any, clock: Clock
    ) -> None:
        say("one", ttl_ms=LASTING, note=b"12345678")
        known, alteration = self.known(talks), self.without(talks, 1)
        say("two", ttl_ms=LASTING)
        self.tick_ms(clock, LASTING // 2)
        long = FOR_GOOD._replace(ttl_ms=9 * LASTING)
        assert say("one", note=b"12345678", ttl_ms=9 * LASTING).outcome == "repeated"
        assert say("x", if_seq=0, ttl_ms=9 * LASTING).outcome == "conflict"
        assert say(says("x", "tool", answers=["a"]), ttl_ms=9 * LASTING).outcome == "orphan"
        assert talks.alter("k", known, alteration, long) is False
        assert talks.restore("k", known, [], long) is False

        self.assert_lasts(talks, clock, LASTING - LASTING // 2)

    def test_who_alters_renews(self, say: Say, talks: Any, clock: Clock) -> None:
        say("one", ttl_ms=LASTING)
        self.tick_ms(clock, LASTING // 2)
        terms = FOR_GOOD._replace(ttl_ms=LASTING, max_age_ms=9 * LASTING)
        talks.alter("k", self.known(talks), self.without(talks, 1), terms)

        self.assert_lasts(talks, clock, LASTING)

    def test_it_lasts_as_long_as_it_did_where_nobody_says_otherwise(
        self, say: Say, talks: Any, clock: Clock
    ) -> None:
        say("one", ttl_ms=LASTING)
        self.tick_ms(clock, LASTING // 2)
        say("two", bounds=Bounds(1))
        talks.alter("k", self.known(talks), self.without(talks, 2), FOR_GOOD)

        self.assert_lasts(talks, clock, LASTING - LASTING // 2)

    def test_what_is_restored_lasts_from_then_and_from_its_beginning(
        self, say: Say, talks: Any, clock: Clock
    ) -> None:
        say("one")
        stretch = talks.read("k", ALL)
        self.tick_ms(clock, LASTING // 2)
        talks.restore("idle", stretch.state, stretch.records, FOR_GOOD._replace(ttl_ms=LASTING))
        talks.restore("old", stretch.state, stretch.records, FOR_GOOD._replace(max_age_ms=LASTING))

        (standing,) = talks.look(["idle"])
        assert standing.ends == pytest.approx(clock.ms + LASTING, rel=0, abs=2 * self.slack_ms)
        self.assert_lasts(talks, clock, LASTING - LASTING // 2, "old")

    def test_what_is_over_is_absent_to_every_method(
        self, say: Say, talks: Any, clock: Clock, hear: Hear
    ) -> None:
        keys = ("append", "alter", "restore", "clear", "note")
        for key in keys:
            say("one", "two", key=key, ttl_ms=LASTING, note=b"12345678")
        known, alteration = self.known(talks, "alter"), self.without(talks, 1, key="alter")
        records = talks.read("alter", ALL).records
        self.tick_ms(clock, LASTING + self.slack_ms)

        for key in keys:
            assert talks.read(key, ALL) == talks.recent(key, Bounds()) == NOTHING
        assert list(talks.look(keys)) == [None] * len(keys)
        assert list(talks.keys("", None).keys) == []
        assert talks.alter("alter", known, alteration, FOR_GOOD) is False
        assert talks.clear(["clear"]) == talks.clear(["clear"], [known]) == 0
        assert talks.restore("restore", known, records[:1], FOR_GOOD) is True
        assert say("new", key="append", if_seq=0) == Appended("appended", 1, 1)
        assert say("new", key="note", note=b"12345678") == Appended("appended", 1, 1)
        assert (hear("append"), hear("note"), hear("restore")) == (["new"], ["new"], ["one"])
        for key in ("append", "note", "restore"):
            (standing,) = talks.look([key])
            assert standing.ends is None

    def test_many_are_over_beside_one_that_is_not(
        self, say: Say, talks: Any, clock: Clock, hear: Hear
    ) -> None:
        for number in range(MANY):
            say("x", key=f"{number}", ttl_ms=LASTING)
        self.tick_ms(clock, LASTING + self.slack_ms)
        for number in range(MANY - 50, MANY + 50):
            say("y", key=f"{number}")

        assert (hear("0"), hear(f"{MANY - 1}")) == ([], ["y"])
        standings = talks.look([f"{number}" for number in range(MANY + 50)])
        assert sum(one is not None for one in standings) == 100
