"""A session has two ends: from one on it is not written to, and from the other on it is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from ...core.dialog.errors import SessionClosedError, StorageError
from ..clock import Clock
from .continuity import LONG, MILLISECOND, SECOND, Continued, Pair, heard, ids, say

Change = Callable[[Any, dict[str, float]], object]

CHANGES: Final[dict[str, Change]] = {
    "update_session": lambda adapter, told: adapter.update_session("s", {"user_id": "u"}, **told),
    "add_message": lambda adapter, told: adapter.add_message(
        "s", {"role": "user", "content": "new"}, **told
    ),
    "update_message": lambda adapter, told: adapter.update_message(
        "s", "m", {"content": "new"}, **told
    ),
    "delete_message": lambda adapter, told: adapter.delete_message("s", "m", **told),
    "delete_all_messages": lambda adapter, told: adapter.delete_all_messages("s", **told),
}
"""What renews the ends of a session; each is told when it may not be written to any more."""


class Closed(Continued):
    @pytest.fixture
    def two(self, pair: Pair) -> Any:
        """An adapter with a session that is called `s`, of two messages."""
        adapter: Any = pair()[0]
        adapter.create_session({"id": "s"})
        say(adapter, "s", "one", id="m")
        say(adapter, "s", "two", id="n")
        return adapter

    def assert_closed(self, adapter: Any, status: str) -> None:
        """Nothing is written to the session, and everything can be read and taken away."""
        made = adapter.get_session("s")
        for change in list(CHANGES.values())[:3]:
            with pytest.raises(SessionClosedError) as caught:
                change(adapter, {"session_ttl": LONG})
            assert (caught.value.session_id, caught.value.status) == ("s", status)
        say_nothing(adapter)

        assert adapter.get_session("s") == made
        assert list(adapter.list_sessions()) == [made]
        assert heard(adapter, "s") == ["one", "two"]
        assert adapter.delete_message("s", "m").content == "one"
        assert adapter.delete_all_messages("s") == 1
        assert adapter.get_session("s").expires_at == made.expires_at
        assert adapter.get_session("s").status == made.status
        assert adapter.delete_session("s") is True

    @pytest.mark.parametrize("status", ["completed", "expired"])
    def test_a_session_that_is_over_is_not_written_to(self, two: Any, status: str) -> None:
        told = two.update_session("s", {"status": status})

        assert told.status == status
        self.assert_closed(two, status)

    def test_a_session_whose_time_is_over_is_not_written_to(self, two: Any, clock: Clock) -> None:
        two.update_session("s", {}, session_ttl=LONG)
        self.tick(clock, LONG - 0.001)
        say(two, "s", "in time", id="o")
        two.delete_message("s", "o")
        self.tick(clock, 0.001)

        self.assert_closed(two, "expired")

    def test_a_session_whose_time_is_over_is_told_to_be_expired(
        self, two: Any, clock: Clock
    ) -> None:
        """Whatever it was, unless it is completed."""
        two.create_session({"id": "p", "status": "paused"}, session_ttl=LONG)
        two.create_session({"id": "c", "status": "completed"}, session_ttl=LONG)
        two.update_session("s", {}, session_ttl=LONG)
        self.tick(clock, LONG)

        assert ids(two.list_sessions({"status": "expired"})) == ["p", "s"]
        assert ids(two.list_sessions({"status": "completed"})) == ["c"]
        for status in ("active", "paused"):
            assert ids(two.list_sessions({"status": status})) == []
        assert [one.status for one in two.list_sessions()] == ["completed", "expired", "expired"]
        assert two.get_session("p").status == "expired"
        assert two.update_session("p", {"expires_at": None}, quiet=True).status == "paused"
        assert ids(two.list_sessions({"status": "paused"})) == ["p"]

    def test_a_paused_session_takes_no_message_and_everything_else(self, two: Any) -> None:
        two.update_session("s", {"status": "paused"})
        with pytest.raises(SessionClosedError) as caught:
            say(two, "s", "hello")
        assert caught.value.status == "paused"

        two.update_message("s", "m", {"content": "new"})
        two.update_session("s", {"user_id": "ann"})
        two.delete_message("s", "n")
        assert heard(two, "s") == ["new"]
        two.update_session("s", {"status": "active"})
        say(two, "s", "hello")
        assert heard(two, "s") == ["new", "hello"]


class Expiring(Continued):
    def test_a_session_expires_so_long_after_each_change(self, adapter: Any, clock: Clock) -> None:
        made = adapter.create_session({"id": "s"}, session_ttl=LONG)
        assert made.expires_at == made.created_at + LONG * SECOND
        say(adapter, "s", "one", id="m")
        assert adapter.get_session("s").expires_at == made.expires_at

        for number, change in enumerate(CHANGES.values(), 1):
            self.tick(clock, LONG / 2)
            change(adapter, {"session_ttl": LONG + number})
            found = adapter.get_session("s")
            assert found.expires_at == found.last_activity_at + (LONG + number) * SECOND
            self.assert_now(found.last_activity_at, clock)

    def test_a_moment_that_is_told_goes_before_a_lifetime(self, adapter: Any, clock: Clock) -> None:
        ends = clock.now.replace(microsecond=0) + 7 * SECOND
        made = adapter.create_session({"id": "s", "expires_at": ends}, session_ttl=LONG)
        assert made.expires_at == ends
        adapter.update_session("s", {"expires_at": ends + SECOND}, session_ttl=LONG)
        assert adapter.get_session("s").expires_at == ends + SECOND
        adapter.update_session("s", {"expires_at": None}, session_ttl=LONG)
        assert adapter.get_session("s").expires_at is None

    def test_the_expired_ones_are_told(self, adapter: Any, clock: Clock) -> None:
        now = clock.now.replace(microsecond=0)
        for name, seconds in (("long ago", -LONG), ("soon", 10), ("later", 20)):
            adapter.create_session({"id": name, "expires_at": now + seconds * SECOND})
        adapter.create_session({"id": "never"})
        say(adapter, "later", "hello")

        def expired(before: Any = None) -> list[str]:
            return sorted(adapter.get_expired_sessions(before))

        assert expired() == ["long ago"]
        assert expired(now - LONG * SECOND - MILLISECOND) == []
        assert expired(now - LONG * SECOND) == ["long ago"]
        assert expired(now + 10 * SECOND - MILLISECOND) == ["long ago"]
        assert expired(now + 10 * SECOND) == ["long ago", "soon"]
        assert expired(now + timedelta(days=9999)) == ["later", "long ago", "soon"]
        self.tick(clock, 15)
        assert expired() == ["long ago", "soon"]
        adapter.delete_session("soon")
        assert expired() == ["long ago"]
        assert heard(adapter, "later") == ["hello"]

    def test_a_session_that_is_completed_expires_as_well(self, adapter: Any, clock: Clock) -> None:
        adapter.create_session({"id": "s"}, session_ttl=LONG)
        adapter.update_session("s", {"status": "completed"}, session_ttl=LONG)
        self.tick(clock, LONG)

        assert list(adapter.get_expired_sessions()) == ["s"]
        assert adapter.delete_session("s", expired_before=clock.now) is True


class Lasting(Continued):
    @pytest.fixture
    def lasting(self, pair: Pair) -> Any:
        """An adapter that keeps sessions so long, with one that is called `s`."""
        adapter: Any = pair(LONG)[0]
        adapter.create_session({"id": "s", "user_id": "ann"})
        return adapter

    def assert_gone(self, adapter: Any) -> None:
        """The session is not there for any method, and its names are free."""
        assert adapter.get_session("s") is None
        for asked in (None, {"user_id": "ann"}, {"user_id": "u"}, {"status": "active"}):
            assert list(adapter.list_sessions(asked)) == []
        assert list(adapter.get_messages("s")) == []
        assert list(adapter.get_messages("s", {"roles": ["user"]})) == []
        assert list(adapter.get_expired_sessions()) == []
        assert adapter.delete_session("s") is False
        for change in CHANGES.values():
            with failing_at_all():
                change(adapter, {})
        assert adapter.create_session({"id": "s"})[12:14] == (0, 0)
        assert list(adapter.get_messages("s")) == []
        assert adapter.get_session("s").user_id is None
        assert ids(say(adapter, "s", "new", id="m")) == ["m"]
        assert adapter.get_session("s").message_count == 1

    def test_a_session_is_kept_so_long_and_no_longer(self, lasting: Any, clock: Clock) -> None:
        say(lasting, "s", "one", id="m", token_count=5)
        self.tick_to_the_end(clock, LONG)
        assert lasting.get_session("s").message_count == 1
        assert heard(lasting, "s") == ["one"]
        assert ids(lasting.list_sessions({"user_id": "ann"})) == ["s"]
        self.tick_over(clock)

        self.assert_gone(lasting)

    @pytest.mark.parametrize("name", CHANGES)
    def test_every_change_keeps_it_with_all_its_messages(
        self, lasting: Any, clock: Clock, name: str
    ) -> None:
        say(lasting, "s", "one", id="m")
        say(lasting, "s", "two", id="n")
        self.tick_to_the_end(clock, LONG)
        CHANGES[name](lasting, {})
        self.tick_to_the_end(clock, LONG)

        found = lasting.get_session("s")
        assert found is not None
        assert len(lasting.get_messages("s")) == found.message_count
        assert found.message_count == {"delete_all_messages": 0, "add_message": 3}.get(
            name, 1 if name == "delete_message" else 2
        )
        self.tick_over(clock)
        assert lasting.get_session("s") is None
        assert list(lasting.get_messages("s")) == []

    def test_the_first_message_lives_as_long_as_the_last(self, lasting: Any, clock: Clock) -> None:
        told = [f"text {number}" for number in range(20)]
        for text in told:
            say(lasting, "s", text)
            self.tick(clock, LONG / 7)

        assert heard(lasting, "s") == told
        assert lasting.get_session("s").message_count == 20

    def test_neither_reading_nor_a_quiet_change_keeps_it(self, lasting: Any, clock: Clock) -> None:
        say(lasting, "s", "one", id="m")
        for _ in range(4):
            self.tick(clock, LONG / 5)
            lasting.get_session("s")
            lasting.get_messages("s")
            lasting.list_sessions({"user_id": "ann"})
            say_nothing(lasting)
        self.tick(clock, LONG / 5 + 2 * self.slack_ms / 1000)

        self.assert_gone(lasting)

    def test_a_session_lives_for_months(self, pair: Pair, clock: Clock) -> None:
        days = 60
        lasting = pair(timedelta(days=days))[0]
        lasting.create_session({"id": "s"}, session_ttl=timedelta(days=days - 1))
        say(lasting, "s", "one")
        self.tick_to_the_end(clock, days * 86_400)

        assert heard(lasting, "s") == ["one"]
        assert list(lasting.get_expired_sessions()) == ["s"]
        self.tick_over(clock)
        assert lasting.get_session("s") is None

    def test_what_is_for_ever_stays(self, pair: Pair, clock: Clock) -> None:
        lasting = pair()[0]
        lasting.create_session({"id": "s"})
        say(lasting, "s", "one")
        self.tick(clock, 100 * 365 * 86_400)

        assert heard(lasting, "s") == ["one"]
        assert ids(lasting.list_sessions()) == ["s"]
        assert list(lasting.get_expired_sessions()) == []

    def test_only_those_that_are_kept_are_listed(self, lasting: Any, clock: Clock) -> None:
        for number in range(6):
            lasting.create_session({"id": f"s{number}", "user_id": "ann"})
            say(lasting, f"s{number}", "hello")
            self.tick(clock, LONG / 4 + 1)

        for asked in ({}, {"user_id": "ann"}, {"limit": 2}, {"offset": 0}):
            right = ["s3", "s4", "s5"] if "limit" not in asked else ["s3", "s4"]
            assert ids(lasting.list_sessions(asked)) == right
        assert list(lasting.get_expired_sessions()) == []
        assert ids(lasting.list_sessions({"user_id": "ann", "order": "desc"})) == ["s5", "s4", "s3"]

    def test_who_keeps_sessions_for_ever_leaves_the_end_that_another_has_set(
        self, pair: Pair, clock: Clock
    ) -> None:
        brief, other = pair(LONG, None)
        brief.create_session({"id": "s"})
        other.update_session("s", {"user_id": "ann"})
        say(other, "s", "hello")
        self.tick_to_the_end(clock, LONG)
        assert heard(other, "s") == ["hello"]
        self.tick_over(clock)

        for one in (brief, other):
            assert one.get_session("s") is None
            assert list(one.get_messages("s")) == []


def say_nothing(adapter: Any) -> None:
    """A change that is no activity."""
    adapter.update_session("s", {"compression_state": None}, quiet=True)


def failing_at_all() -> Any:
    """The block fails for want of the session."""
    return pytest.raises(StorageError, match="Failed to ")
