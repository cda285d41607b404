"""Conversations as a room keeps them: how they are altered, restored, listed and forgotten."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...core.edits import pinned, replayed, without
from ...core.history import State, packed, unpacked
from ...core.messages import GUARDED, mark, marks, remarked
from ...histories import Alteration, Appended, Bounds, Query, Standing
from ..bridge import Bridge
from ..clock import Clock
from ..strategies import NASTY_KEYS
from ..threads import crowd
from .talking import (
    ALL,
    FOR_GOOD,
    NOTHING,
    Hear,
    Remembered,
    Say,
    heard,
    numbers,
    says,
)

MANY = 600
"""More than stand on a page, or are looked through at once."""

LASTING = 100_000


class Altered(Remembered):
    def known(self, talks: Any, key: str = "k") -> bytes:
        """What is known of a conversation, as bytes."""
        (standing,) = talks.look([key])
        state: bytes = standing.state
        return state

    def without(self, talks: Any, *seqs: int, key: str = "k") -> Alteration:
        """The conversation without the messages that have these numbers."""
        found = marks(talks.read(key, ALL).records)
        removed = [one for one in found if one.seq in seqs]
        return without(unpacked(self.known(talks, key)), removed, [])


class Altering(Altered):
    def test_messages_are_taken_away_from_anywhere(self, say: Say, talks: Any, hear: Hear) -> None:
        say(*[f"{number}" for number in range(1, 13)])
        left = [*range(1, 13)]
        for seqs in ([12], [1], [5], [3, 4], [10, 11], [2, 7, 9]):
            known, alteration = self.known(talks), self.without(talks, *seqs)
            assert talks.alter("k", known, alteration, FOR_GOOD) is True
            left = [number for number in left if number not in seqs]
            assert hear() == [f"{number}" for number in left]
            assert self.known(talks) == alteration.state
        assert left == [6, 8]

    def test_a_number_is_never_given_twice(self, say: Say, talks: Any, hear: Hear) -> None:
        say("one", "two", "three")
        talks.alter("k", self.known(talks), self.without(talks, 2, 3), FOR_GOOD)
        assert say("four") == Appended("appended", 4, 4)
        talks.alter("k", self.known(talks), self.without(talks, 1, 4), FOR_GOOD)

        assert hear() == []
        assert self.state_of(talks).seq == 4
        assert say("five", if_seq=4) == Appended("appended", 5, 5)

    def test_a_message_is_written_anew_in_its_place(self, say: Say, talks: Any, hear: Hear) -> None:
        say(*[f"{number}" for number in range(1, 8)])
        for seq in (1, 4, 7):
            known = self.known(talks)
            (raw,) = talks.read("k", Query(after=seq - 1, before=seq + 1)).records
            new = raw[: mark(raw).body] + b"\0another, and longer" * 9
            changed = Alteration(self.without(talks).state, replaced=((seq, raw, new),))
            assert talks.alter("k", known, changed, FOR_GOOD) is True
            assert talks.read("k", Query(after=seq - 1, before=seq + 1)).records == [new]
        assert numbers(talks.read("k", ALL).records) == [1, 2, 3, 4, 5, 6, 7]
        assert [text[:2] for text in hear()] == ["\0a", "2", "3", "\0a", "5", "6", "\0a"]

    def test_what_is_pinned_stays_from_then_on(self, say: Say, talks: Any, hear: Hear) -> None:
        say(*[f"{number}" for number in range(1, 7)])
        records = talks.read("k", ALL).records
        members = [mark(records[1]), mark(records[4])]
        state = self.state_of(talks)
        alteration = pinned(state, {one.seq: records[one.seq - 1] for one in members}, members)
        assert alteration
        assert talks.alter("k", self.known(talks), alteration, FOR_GOOD) is True
        say("7", bounds=Bounds(4))

        assert hear() == ["2", "5", "6", "7"]
        assert heard(talks.recent("k", Bounds(messages=0)).records) == ["2", "5", "7"]

    def test_a_pin_that_is_old_is_taken_away_and_written_anew(
        self, say: Say, talks: Any, hear: Hear
    ) -> None:
        say(says("prompt", "system"), says("1", pin=True), says("2", pin=True))
        for number in range(3, 9):
            say(f"{number}", bounds=Bounds(5))
        assert hear() == ["prompt", "1", "2", "7", "8"]
        raw = talks.read("k", Query(after=1, before=3)).records[0]
        new = remarked(raw, GUARDED) + b"!"
        alteration = self.without(talks, 3)._replace(replaced=((2, raw, new),))
        assert talks.alter("k", self.known(talks), alteration, FOR_GOOD) is True

        assert hear() == ["prompt", "1!", "7", "8"]
        say("9", "10", bounds=Bounds(4))
        assert hear() == ["prompt", "1!", "9", "10"]

    def test_nothing_is_altered_where_another_state_is_known(
        self, say: Say, talks: Any, hear: Hear
    ) -> None:
        say("one", "two")
        known, alteration = self.known(talks), self.without(talks, 1)
        say("three")

        assert talks.alter("k", known, alteration, FOR_GOOD) is False
        assert talks.alter("k", b"", alteration, FOR_GOOD) is False
        assert talks.alter("other", known, alteration, FOR_GOOD) is False
        assert hear() == ["one", "two", "three"]
        assert list(talks.look(["other"])) == [None]

    def test_nothing_is_altered_where_another_message_is_known(
        self, say: Say, talks: Any, hear: Hear
    ) -> None:
        """Though what is known of the conversation is the same."""
        say("one", "two", "three")
        known, records = self.known(talks), talks.read("k", ALL).records
        for old in (records[2], records[1] + b"!", records[1][:-1], b""):
            both = ((1, records[0], records[0] + b"!"), (2, old, records[1] + b"?"))
            changed = Alteration(self.without(talks, 3).state, (3,), both)
            assert talks.alter("k", known, changed, FOR_GOOD) is False
            assert (self.known(talks), talks.read("k", ALL).records) == (known, records)

    def test_of_all_who_alter_at_once_one_does(self, say: Say, talks: Any) -> None:
        left = 0
        for turn in range(5):
            say(*["x"] * 8)
            left += 7
            known = self.known(talks)
            made = [self.without(talks, 8 * turn + who) for who in range(1, 9)]
            told = crowd([partial(talks.alter, "k", known, one, FOR_GOOD) for one in made])
            assert sorted(told) == [*[False] * 7, True]
            assert len(talks.read("k", ALL).records) == left


class Restoring(Altered):
    def test_a_conversation_is_restored_where_none_is(
        self, say: Say, talks: Any, hear: Hear
    ) -> None:
        say(says("prompt", "system"), "one", "two", "three")
        talks.alter("k", self.known(talks), self.without(talks, 3), FOR_GOOD)
        records = talks.read("k", ALL).records
        state = packed(replayed(marks(records), 1000))

        assert talks.restore("other", state, records, FOR_GOOD) is True
        assert talks.restore("other", state, records[:1], FOR_GOOD) is False
        assert talks.restore("k", state, records[:1], FOR_GOOD) is False
        for key in ("k", "other"):
            assert talks.read(key, ALL).records == records
        assert list(talks.look(["other"])) == [Standing(state, None)]
        assert say("four", key="other", bounds=Bounds(3)).first == 5
        assert hear("other") == ["prompt", "three", "four"]
        assert hear() == ["prompt", "one", "three"]

    def test_what_is_guarded_and_old_is_restored_as_such(
        self, say: Say, talks: Any, hear: Hear
    ) -> None:
        say(says("prompt", "system"), says("pin", pin=True), *[f"{n}" for n in range(9)])
        say(bounds=Bounds(4))
        stretch = talks.read("k", ALL)

        assert talks.restore("other", stretch.state, stretch.records, FOR_GOOD) is True
        say("9", key="other", bounds=Bounds(4))
        assert hear("other") == ["prompt", "pin", "8", "9"]

    def test_much_is_restored_in_one_step(self, talks: Any, hear: Hear) -> None:
        state, records = State(1000), []
        for number in range(2500):
            one = says(f"{number}")
            records.append(one.packed()[:5] + (number + 1).to_bytes(4, "little") + bytes(6)
                           + one.packed()[5:])  # fmt: skip
        state = replayed(marks(records), 1000)
        talks.restore("k", packed(state), records, FOR_GOOD)

        assert hear() == [f"{number}" for number in range(2500)]
        assert hear(limit=2, before=1002) == ["999", "1000"]

    def test_of_all_who_restore_at_once_one_does(self, say: Say, talks: Any, hear: Hear) -> None:
        say("one", "two")
        stretch = talks.read("k", ALL)
        told = crowd(
            [partial(talks.restore, "other", stretch.state, stretch.records, FOR_GOOD)] * 8
        )

        assert sorted(told) == [*[False] * 7, True]
        assert hear("other") == ["one", "two"]

    def test_a_conversation_gives_way_to_another_one_as_a_whole(
        self, say: Say, talks: Any, hear: Hear
    ) -> None:
        say("one", "two", "three", key="from")
        new = talks.read("from", ALL)
        for _ in range(4):
            talks.clear(["k"])
            say("old", says("older", "system", pin=True), ttl_ms=LASTING)
            old = talks.read("k", ALL)
            replace = partial(talks.restore, "k", new.state, new.records, FOR_GOOD, True)
            told = crowd([*[partial(talks.read, "k", ALL)] * 4, replace, replace])
            assert [one for one in told if one is not True and one not in (old, new)] == []
            assert told.count(True) == 2

        assert list(talks.look(["k"])) == [Standing(new.state, None)]
        assert say("four", if_seq=3).first == 4
        assert hear() == ["one", "two", "three", "four"]
        assert talks.restore("none", new.state, new.records, FOR_GOOD, True) is True
        assert hear("none") == ["one", "two", "three"]

    def test_a_conversation_of_no_messages_is_one(self, talks: Any, say: Say) -> None:
        state = State(1000)
        state.seq, state.first = 7, 8
        assert talks.restore("k", packed(state), [], FOR_GOOD) is True

        assert talks.read("k", ALL) == NOTHING._replace(state=packed(state))
        assert talks.restore("k", packed(state), [], FOR_GOOD) is False
        assert say("x", if_seq=7).first == 8


class Forgetting(Altered):
    def test_what_is_cleared_is_gone(self, say: Say, talks: Any, hear: Hear) -> None:
        for key in ("a", "b", "c"):
            say("one", "two", key=key)

        assert talks.clear(["a", "none", "b"]) == 2
        assert talks.clear(["a", "b"]) == 0
        assert talks.clear([]) == 0
        assert (hear("a"), hear("c")) == ([], ["one", "two"])
        assert say("new", key="a", if_seq=0) == Appended("appended", 1, 1)
        assert hear("a") == ["new"]

    def test_what_is_not_known_any_more_is_not_cleared(
        self, say: Say, talks: Any, hear: Hear
    ) -> None:
        for key in ("a", "b", "c"):
            say("one", key=key)
        states = [self.known(talks, key) for key in ("a", "b", "c")]
        say("two", key="b")

        assert talks.clear(["a", "b", "none", "c"], [*states[:2], b"", states[2]]) == 2
        assert [hear(key) for key in ("a", "b", "c")] == [[], ["one", "two"], []]

    def test_all_are_looked_at_in_the_order_of_their_keys(self, say: Say, talks: Any) -> None:
        for key in ("a", "b"):
            say(*["x"] * (ord(key) - 96), key=key)
        told = talks.look(["b", "none", "a", "b"])

        assert [one and unpacked(one.state).seq for one in told] == [2, None, 1, 2]

    def test_all_keys_are_listed_once_on_pages(self, say: Say, talks: Any) -> None:
        right = {f"user:{number}" for number in range(MANY)}
        for key in sorted(right):
            say("x", key=key)
        say("x", key="another")

        assert sorted(self.listed(talks, "user:")) == sorted(right)
        assert sorted(self.listed(talks)) == ["another", *sorted(right)]
        assert self.listed(talks, "user:599") == ["user:599"]
        assert self.listed(talks, "nobody") == []

    def test_keys_are_listed_by_how_they_begin_whatever_they_are(
        self, say: Say, talks: Any, store: Any
    ) -> None:
        store.set("a value", 1)
        for key in NASTY_KEYS:
            say("x", key=key)

        for prefix in ("", *NASTY_KEYS):
            right = [key for key in NASTY_KEYS if key.startswith(prefix)]
            assert sorted(self.listed(talks, prefix)) == sorted(right)

    def test_what_is_forgotten_is_not_listed(self, say: Say, talks: Any, clock: Clock) -> None:
        say("x", key="a", ttl_ms=LASTING)
        say("x", key="b")
        say("x", key="c")
        talks.clear(["c"])
        assert sorted(self.listed(talks)) == ["a", "b"]
        self.tick_ms(clock, LASTING + self.slack_ms)

        assert self.listed(talks) == ["b"]

    def test_namespaces_forget_their_own(self, base: Any, bridge: Bridge) -> None:
        rooms = [self.talks_of(base.namespace(name), bridge) for name in ("a", "b")]
        for room in rooms:
            room.append("k", [says("x")], FOR_GOOD)
        state = rooms[0].read("k", ALL).state

        assert rooms[0].clear(["k"]) == 1
        assert rooms[0].restore("k", state, [], FOR_GOOD) is True
        assert rooms[1].append("k", [], FOR_GOOD).outcome == "appended"
        assert heard(rooms[1].read("k", ALL).records) == ["x"]

    def listed(self, talks: Any, prefix: str = "") -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            page = talks.keys(prefix, cursor)
            found += page.keys
            cursor = page.cursor
            if cursor is None:
                break
        # A scan may show a key again, as that of entries may.
        return sorted(set(found))
