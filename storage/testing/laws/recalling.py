"""Conversations as a room keeps them: what is appended, and what comes of that."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from ...core.history import MOST_GUARDED, MOST_NOTES, State, packed
from ...core.messages import ORPHAN, mark, record
from ...errors import ClosedError, InvalidKeyError
from ...histories import Alteration, Appended, Bounds
from ..bridge import Bridge
from ..clock import Clock
from ..strategies import NASTY_KEYS
from .privacy import SECRET
from .talking import (
    A_CALL,
    ALL,
    FOR_GOOD,
    ITS_RESULT,
    NOTHING,
    ROLES,
    Hear,
    Plain,
    Remembered,
    Say,
    heard,
    numbers,
    says,
    timeless,
)


class Appending(Remembered):
    def test_what_is_appended_comes_back_in_order_with_rising_numbers(
        self, say: Say, talks: Any, hear: Hear
    ) -> None:
        assert say("one") == Appended("appended", 1, 1)
        assert say("two", "three", "four") == Appended("appended", 2, 4)
        assert say("five") == Appended("appended", 5, 5)

        assert hear() == ["one", "two", "three", "four", "five"]
        assert numbers(talks.read("k", ALL).records) == [1, 2, 3, 4, 5]

    def test_a_message_comes_back_to_the_last_byte(self, talks: Any) -> None:
        bodies = ["", "\0", "\n\r\n", "{}", "\u00e9\U0001f600", "x" * 1_000_000]
        entries = [
            says(body, role, tokens=tokens, calls=calls, answers=[], pin=pin)
            for body in bodies
            for role, tokens in zip(ROLES, [0, 1, 255, 256, 65_536, 2**24 - 1, 9, 7])
            for calls, pin in [([], False), (["a", body[:9]], True)]
        ]
        plain = Plain()
        for place in range(0, len(entries), 24):
            plain.append(entries[place : place + 24], FOR_GOOD)
            talks.append("k", entries[place : place + 24], FOR_GOOD)

        records = talks.read("k", ALL).records
        assert timeless(records) == timeless(plain.records)

    def test_a_message_has_the_time_at_which_it_came(
        self, say: Say, talks: Any, clock: Clock
    ) -> None:
        right = []
        for seconds in (0, 5, 0.001):
            self.tick(clock, seconds)
            right.append(clock.ms)
            say("x")
        times = [mark(raw).at for raw in talks.read("k", ALL).records]

        assert times == pytest.approx(right, rel=0, abs=self.slack_ms)
        assert self.state_of(talks).born == times[0]
        assert self.state_of(talks).at == times[-1]

    def test_the_time_of_a_conversation_never_goes_back(
        self, say: Say, talks: Any, clock: Clock
    ) -> None:
        say("one")
        first = mark(talks.read("k", ALL).records[0]).at
        self.tick(clock, -3600)
        say("two")

        assert [mark(raw).at for raw in talks.read("k", ALL).records] == [first, first]
        assert self.state_of(talks).at == first

    def test_a_conversation_of_nothing_is_none(self, talks: Any) -> None:
        assert talks.append("k", [], FOR_GOOD).outcome == "appended"
        assert talks.append("k", [], FOR_GOOD._replace(bounds=Bounds(1))).more is False

        assert list(talks.look(["k"])) == [None]
        assert talks.read("k", ALL) == talks.recent("k", Bounds()) == NOTHING
        assert list(talks.keys("", None).keys) == []

    def test_who_knows_the_last_number_appends_and_nobody_else(self, say: Say, hear: Hear) -> None:
        assert say("early", if_seq=1) == Appended("conflict", last=0)
        assert say("one", if_seq=0).outcome == "appended"
        assert say("again", if_seq=0) == Appended("conflict", last=1)
        assert say("two", "three", if_seq=1) == Appended("appended", 2, 3)
        for stale in (0, 1, 2, 4):
            assert say("late", if_seq=stale) == Appended("conflict", last=3)

        assert hear() == ["one", "two", "three"]

    def test_what_is_repeated_under_its_key_is_not_appended_again(
        self, say: Say, hear: Hear
    ) -> None:
        assert say("one", "two", note=b"12345678") == Appended("appended", 1, 2)
        say("three")
        for _ in range(2):
            told = say("one", "two", note=b"12345678", if_seq=0)
            assert told == Appended("repeated", 1, 2)

        assert say("four", note=b"1234567\0").outcome == "appended"
        assert hear() == ["one", "two", "three", "four"]

    def test_the_newest_idempotency_keys_are_remembered(self, say: Say) -> None:
        for number in range(MOST_NOTES + 1):
            say("x", note=b"%8d" % number)

        for number in range(MOST_NOTES, 0, -1):
            assert say("x", note=b"%8d" % number).outcome == "repeated"
        assert say("x", note=b"%8d" % 0).outcome == "appended"

    def test_a_result_whose_call_never_came_is_refused_with_all_of_it(
        self, say: Say, hear: Hear
    ) -> None:
        assert say("one", ITS_RESULT) == Appended("orphan", last=0, which=1)
        assert hear() == []
        say("one", A_CALL)
        told = say(ITS_RESULT, "two", says("x", "tool", answers=["b"]), note=b"12345678")

        assert told == Appended("orphan", last=2, which=2)
        assert hear() == ["one", "call"]
        assert say(ITS_RESULT, note=b"12345678") == Appended("appended", 3, 3)
        assert say(ITS_RESULT).outcome == "orphan"

    def test_a_result_whose_call_never_came_is_marked_where_it_is_kept(
        self, say: Say, talks: Any
    ) -> None:
        told = say(A_CALL, ITS_RESULT, ITS_RESULT, "x", keeps_orphans=True)
        flags = [mark(raw).flags & ORPHAN for raw in talks.read("k", ALL).records]

        assert told == Appended("appended", 1, 4)
        assert flags == [0, 0, ORPHAN, 0]

    def test_no_more_are_guarded_than_may(self, say: Say, talks: Any, hear: Hear) -> None:
        most = [says(f"{number}", pin=True) for number in range(MOST_GUARDED - 1)]
        say(*most)

        told = say("x", says("y", pin=True), says("z", pin=True))
        assert told == Appended("full", last=MOST_GUARDED - 1, which=2)
        assert len(hear()) == MOST_GUARDED - 1
        assert say("x", says("y", pin=True)).outcome == "appended"
        assert self.state_of(talks).guards == [*range(1, MOST_GUARDED), MOST_GUARDED + 1]

    def test_a_conversation_is_no_value_and_no_key(self, say: Say, hear: Hear, store: Any) -> None:
        store.set("k", 1)
        say("one")

        assert store.get("k") == 1
        assert list(store.keys()) == ["k"]
        assert list(store.items()) == [("k", 1)]
        store.delete("k")
        assert hear() == ["one"]

    def test_each_key_has_a_conversation_of_its_own(
        self, say: Say, hear: Hear, talks: Any, store: Any
    ) -> None:
        for key in NASTY_KEYS:
            assert say(key[:100], key=key) == Appended("appended", 1, 1)
        for key in NASTY_KEYS:
            assert hear(key) == [key[:100]]
            assert len(talks.recent(key, Bounds()).records) == 1
        assert list(store.keys()) == []
        assert None not in list(talks.look(NASTY_KEYS))
        assert talks.clear(NASTY_KEYS[1:]) == len(NASTY_KEYS) - 1
        assert hear(NASTY_KEYS[0]) == [NASTY_KEYS[0]]

    def test_namespaces_have_conversations_of_their_own(self, base: Any, bridge: Bridge) -> None:
        views = [base, base.namespace("a"), base.namespace("b"), base.namespace("a").namespace("a")]
        for number, view in enumerate(views):
            told = self.talks_of(view, bridge).append("k", [says(f"{number}")], FOR_GOOD)
            assert told.first == 1
        for number, view in enumerate(views):
            talks = self.talks_of(view, bridge)
            assert heard(talks.read("k", ALL).records) == [f"{number}"]
            listed = list(talks.keys("", None).keys)
            assert "k" in listed
            assert len(listed) == 1 or self.verbatim
        assert self.talks_of(views[1], bridge).clear(["k"]) == 1
        assert [list(self.talks_of(view, bridge).look(["k"])) != [None] for view in views] == [
            True, False, True, True,
        ]  # fmt: skip

    def test_conversations_refuse_what_is_no_key(self, talks: Any, hear: Hear) -> None:
        for key in (7, None, "\ud800"):
            for call in _calls(talks, key, several=("fine", key)).values():
                with pytest.raises(InvalidKeyError):
                    call()
        assert hear("fine") == []

    def test_conversations_of_a_closed_store_are_refused(
        self, talks: Any, say: Say, store: Any
    ) -> None:
        say("one")
        store.close()

        for call in _calls(talks, "k").values():
            with pytest.raises(ClosedError):
                call()


class TalkLogs(Remembered):
    def test_the_log_shows_what_was_asked_and_never_what_was_said(
        self, talks: Any, say: Say, caplog: pytest.LogCaptureFixture
    ) -> None:
        say(SECRET, key="the key")
        for name, call in _calls(talks, "the key").items():
            caplog.clear()
            with caplog.at_level(logging.DEBUG, logger="storage"):
                call()

            lines = [one.getMessage() for one in caplog.records if one.name == "storage"]
            assert [line for line in lines if re.search(rf": {name} 'the key\*?' .* ms", line)]
            assert SECRET not in "".join(lines)


def _calls(talks: Any, key: Any, several: tuple[Any, ...] = ()) -> dict[str, Callable[[], object]]:
    """Everything that can be asked about *key*, or about *several*."""
    keys, state = several or (key,), packed(State(1))
    raw = record(says(SECRET), 0, 1, 1)
    return {
        "append": lambda: talks.append(key, [says(SECRET)], FOR_GOOD),
        "read": lambda: talks.read(key, ALL),
        "recent": lambda: talks.recent(key, Bounds()),
        "look": lambda: talks.look(keys),
        "alter": lambda: talks.alter(key, state, Alteration(state), FOR_GOOD),
        "restore": lambda: talks.restore(key, state, [raw], FOR_GOOD),
        "keys": lambda: talks.keys(key, None),
        "clear": lambda: talks.clear(keys),
    }
