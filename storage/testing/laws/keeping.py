"""Sessions are kept as they were told, changed one version at a time, and taken away whole."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import pytest

from ...core.dialog.errors import ConcurrencyError, SessionExistsError, ValidationError
from ...core.dialog.records import (
    CompressionState,
    HybridConfig,
    Participant,
    Session,
    SlidingWindowConfig,
    SummarizationConfig,
    TokenBudgetConfig,
)
from ..clock import Clock
from ..strategies import NASTY_NAMES
from .continuity import LONG, MILLISECOND, SECOND, Continued, Pair, failing, ids, say

THEN: Final = datetime(2023, 1, 2, 3, 4, 5, 678_000, timezone.utc)

WHOLE: Final[dict[str, Any]] = {
    "id": "whole",
    "user_id": "ann",
    "active_agent_id": "helper",
    "status": "paused",
    "metadata": {"title": "A trip", "tags": ["a", "b"], "custom": {"n": [1, None, {"x": 0.5}]}},
    "participants": (
        Participant("ann", "user", {"name": "Ann"}, THEN),
        Participant("helper", "agent", None, THEN, THEN + SECOND),
    ),
    "token_budget": TokenBudgetConfig(1000, 100, "error"),
    "compression": SlidingWindowConfig(500, 2, 20),
    "created_at": THEN,
    "expires_at": datetime(2100, 1, 1, tzinfo=timezone.utc),
}

STATE: Final = CompressionState("hybrid", "3:abc", ("m1", "m2"), "a summary", 7, 30, THEN)

OTHERS: Final[dict[str, Any]] = {
    "user_id": "bob",
    "active_agent_id": "other",
    "status": "active",
    "metadata": {"tags": []},
    "participants": (),
    "token_budget": TokenBudgetConfig(5),
    "compression": HybridConfig(70, 9, None, "short", 5),
    "expires_at": datetime(2101, 1, 1, tzinfo=timezone.utc),
}
"""Something else for each member that can be changed."""


class Making(Continued):
    def test_a_new_session_is_active_and_has_nothing(self, adapter: Any, clock: Clock) -> None:
        made = adapter.create_session({})

        assert type(made) is Session
        assert made.id
        assert (made.status, made.metadata, made.participants) == ("active", {}, ())
        assert (made.version, made.schema_version) == (1, 1)
        assert (made.message_count, made.token_count) == (0, 0)
        assert (made.user_id, made.active_agent_id, made.expires_at) == (None, None, None)
        assert (made.token_budget, made.compression, made.compression_state) == (None, None, None)
        self.assert_now(made.created_at, clock)
        assert made.last_activity_at == made.created_at
        assert adapter.get_session(made.id) == made
        assert adapter.create_session({}).id != made.id

    def test_a_session_that_is_not_there_is_none(self, adapter: Any) -> None:
        adapter.create_session({"id": "s"})

        assert adapter.get_session("t") is None

    def test_what_was_told_of_a_session_comes_back(self, adapter: Any) -> None:
        made = adapter.create_session(WHOLE)

        found = adapter.get_session("whole")
        assert found == made
        assert {name: getattr(found, name) for name in WHOLE} == WHOLE
        assert (found.title, found.tags) == ("A trip", ("a", "b"))

    @pytest.mark.parametrize(
        "config",
        [SlidingWindowConfig(5), SummarizationConfig(9, None, "short", 3), HybridConfig(7, 2)],
    )
    def test_each_strategy_comes_back(self, adapter: Any, config: Any) -> None:
        made = adapter.create_session({"compression": config})

        assert made.compression == config
        assert adapter.get_session(made.id).compression == config

    def test_the_names_of_javascript_mean_the_same(self, adapter: Any) -> None:
        made = adapter.create_session(
            {
                "id": "whole",
                "userId": "ann",
                "activeAgentId": "helper",
                "status": "paused",
                "metadata": WHOLE["metadata"],
                "participants": [
                    {
                        "id": "ann",
                        "role": "user",
                        "metadata": {"name": "Ann"},
                        "joinedAt": "2023-01-02T03:04:05.678Z",
                    },
                    {"id": "helper", "role": "agent", "joinedAt": THEN, "leftAt": THEN + SECOND},
                ],
                "tokenBudget": {
                    "maxTokens": 1000,
                    "reserveTokens": 100,
                    "overflowStrategy": "error",
                },
                "compression": {
                    "strategy": "sliding_window",
                    "targetTokens": 500,
                    "minMessages": 2,
                    "maxMessages": 20,
                },
                "createdAt": "2023-01-02T03:04:05.678Z",
                "expiresAt": "2100-01-01T00:00:00.000Z",
            }
        )

        assert {name: getattr(made, name) for name in WHOLE} == WHOLE

    def test_a_session_of_another_store_is_kept_as_it_is(self, pair: Pair) -> None:
        theirs, ours = pair()[0], pair()[0]
        theirs.create_session(WHOLE | {"status": "active"})
        say(theirs, "whole", "hello", token_count=3)
        theirs.update_session("whole", {"metadata": {"n": 1}})
        told = theirs.get_session("whole")
        assert ours.get_session("whole") is None

        ours.create_session(told)

        found = ours.get_session("whole")
        assert found == told._replace(message_count=0, token_count=0)
        assert ours.get_messages("whole") == []

    def test_a_moment_comes_back_in_utc_to_the_millisecond(self, adapter: Any) -> None:
        east = timezone(timedelta(hours=5, minutes=30))
        told = datetime(2023, 6, 1, 12, 0, 0, 123_456, east)
        adapter.create_session({"id": "s", "created_at": told})

        found = adapter.get_session("s").created_at
        assert found == datetime(2023, 6, 1, 6, 30, 0, 123_000, timezone.utc)
        assert found.utcoffset() == timedelta(0)

    def test_no_session_is_made_over_another(self, adapter: Any) -> None:
        made = adapter.create_session({"id": "s", "user_id": "ann"})
        say(adapter, "s", "hello")
        made = adapter.get_session("s")

        with pytest.raises(SessionExistsError):
            adapter.create_session({"id": "s", "user_id": "bob"})

        assert adapter.get_session("s") == made
        assert len(adapter.get_messages("s")) == 1
        assert adapter.list_sessions({"user_id": "bob"}) == []

    def test_any_text_is_a_name(self, adapter: Any) -> None:
        for name in NASTY_NAMES:
            adapter.create_session({"id": name, "user_id": name, "active_agent_id": name})
            adapter.add_message(name, {"id": name, "role": "user", "content": name})

        for name in NASTY_NAMES:
            found = adapter.get_session(name)
            assert (found.id, found.user_id, found.message_count) == (name, name, 1)
            assert [(one.id, one.content) for one in adapter.get_messages(name)] == [(name, name)]
            assert ids(adapter.list_sessions({"user_id": name})) == [name]
            assert ids(adapter.list_sessions({"active_agent_id": name})) == [name]
        assert len(adapter.list_sessions()) == len(NASTY_NAMES)
        assert all(adapter.delete_session(name) for name in NASTY_NAMES)
        assert adapter.list_sessions() == []


class SessionCopies(Continued):
    def test_what_is_handed_in_and_out_is_nobody_else_s(self, adapter: Any) -> None:
        told: Any = {"id": "s", "metadata": {"custom": {"n": [1]}}, "participants": []}
        right = copy.deepcopy(told["metadata"])
        made = adapter.create_session(told)
        told["metadata"]["custom"]["n"].append(2)
        made.metadata["custom"]["n"].append(3)
        for _ in range(2):
            for found in (adapter.get_session("s"), *adapter.list_sessions()):
                assert found.metadata == right
                found.metadata["custom"]["n"].append(4)

        updates: Any = {"metadata": {"m": [1]}}
        updated = adapter.update_session("s", updates)
        updates["metadata"]["m"].append(2)
        updated.metadata["m"].append(3)
        assert adapter.get_session("s").metadata == {"m": [1]}

    def test_so_are_messages(self, adapter: Any) -> None:
        adapter.create_session({"id": "s"})
        told: Any = {
            "id": "m",
            "role": "user",
            "content": [{"type": "text", "text": "hello"}],
            "metadata": {"n": [1]},
        }
        right = copy.deepcopy((told["content"], told["metadata"]))
        made = adapter.add_message("s", told)
        told["content"].append({"type": "text", "text": "more"})
        told["metadata"]["n"].append(2)
        for found in (made, *(adapter.get_messages("s")[0] for _ in range(2))):
            assert (found.content, found.metadata) == right
            found.content[0]["text"] = "other"
            found.metadata["n"].append(3)

        updated = adapter.update_message("s", "m", {"role": "system"})
        assert (updated.content, updated.metadata) == right
        updated.metadata["n"].append(4)
        assert adapter.delete_message("s", "m").metadata == {"n": [1]}


class Updating(Continued):
    def test_an_update_changes_what_it_says_and_nothing_else(
        self, adapter: Any, clock: Clock
    ) -> None:
        made = adapter.create_session({**WHOLE, "status": "active"})
        for version, (name, value) in enumerate(OTHERS.items(), 2):
            self.tick(clock, 1)

            updated = adapter.update_session("whole", {name: value})

            right = made._replace(
                **{name: value}, version=version, last_activity_at=updated.last_activity_at
            )
            self.assert_now(updated.last_activity_at, clock)
            assert updated == right
            assert adapter.get_session("whole") == right
            made = right

    def test_an_update_takes_away_what_is_none(self, adapter: Any) -> None:
        adapter.create_session({**WHOLE, "status": "active"})
        names = ("user_id", "active_agent_id", "token_budget", "compression", "expires_at")

        adapter.update_session("whole", dict.fromkeys(names))

        found = adapter.get_session("whole")
        assert [getattr(found, name) for name in names] == [None] * len(names)
        assert (found.metadata, found.participants) == (WHOLE["metadata"], WHOLE["participants"])
        assert adapter.list_sessions({"user_id": "ann"}) == []

    def test_an_update_of_the_version_that_was_seen_is_done(self, adapter: Any) -> None:
        adapter.create_session({"id": "s"})

        for version in (1, 2, 3):
            updated = adapter.update_session("s", {"user_id": "ann"}, expected_version=version)
            assert updated.version == version + 1

    def test_an_update_of_another_version_is_a_conflict_and_changes_nothing(
        self, adapter: Any, clock: Clock
    ) -> None:
        adapter.create_session({"id": "s", "user_id": "ann"})
        made = adapter.update_session("s", {"metadata": {"n": 1}})
        self.tick(clock, 1)

        for expected in (1, 3, 0):
            with pytest.raises(ConcurrencyError) as caught:
                adapter.update_session(
                    "s", {"user_id": "bob", "expires_at": None}, expected_version=expected
                )
            assert (caught.value.session_id, caught.value.expected) == ("s", expected)
            assert caught.value.actual == 2

        assert adapter.get_session("s") == made
        assert ids(adapter.list_sessions({"user_id": "ann"})) == ["s"]

    def test_a_quiet_update_is_no_activity_and_no_version(self, adapter: Any, clock: Clock) -> None:
        made = adapter.create_session({"id": "s"})
        adapter.update_session("s", {}, session_ttl=LONG)
        with pytest.raises(ValidationError):
            adapter.update_session("s", {"compression_state": STATE})
        adapter.update_session("s", {"compression_state": STATE}, quiet=True)
        made = adapter.get_session("s")
        assert made.compression_state == STATE
        self.tick(clock, 1)

        other = STATE._replace(summary="another")
        told = adapter.update_session(
            "s", {"compression_state": other}, expected_version=2, session_ttl=2 * LONG, quiet=True
        )

        assert told == adapter.get_session("s") == made._replace(compression_state=other)
        with pytest.raises(ConcurrencyError):
            adapter.update_session("s", {"compression_state": None}, expected_version=1, quiet=True)
        adapter.update_session("s", {"compression_state": None}, quiet=True)
        assert adapter.get_session("s") == made._replace(compression_state=None)

    def test_what_the_messages_were_made_shorter_to_is_over_with_each_change_of_them(
        self, adapter: Any
    ) -> None:
        adapter.create_session({"id": "s"})
        say(adapter, "s", "one", id="m1")
        changes: list[Callable[[], object]] = [
            lambda: say(adapter, "s", "two", id="m2"),
            lambda: adapter.update_message("s", "m1", {"content": "new"}),
            lambda: adapter.delete_message("s", "m1"),
            lambda: adapter.delete_all_messages("s"),
        ]
        for change in changes:
            adapter.update_session("s", {"compression_state": STATE}, quiet=True)
            assert adapter.get_session("s").compression_state == STATE
            change()
            assert adapter.get_session("s").compression_state is None

    def test_another_user_has_the_session_after_an_update(self, adapter: Any) -> None:
        adapter.create_session({"id": "s", "user_id": "ann"})

        adapter.update_session("s", {"user_id": "bob"})

        assert adapter.list_sessions({"user_id": "ann"}) == []
        assert ids(adapter.list_sessions({"user_id": "bob"})) == ["s"]

    def test_no_session_is_made_by_an_update(self, adapter: Any) -> None:
        with failing("update session"):
            adapter.update_session("s", {"user_id": "ann"})
        with failing("update session"):
            adapter.update_session("s", {}, expected_version=1)
        with failing("update session"):
            adapter.update_session("s", {"compression_state": STATE}, quiet=True)

        assert adapter.get_session("s") is None
        assert adapter.list_sessions() == []


class Removing(Continued):
    def test_a_session_goes_with_its_messages(self, adapter: Any) -> None:
        adapter.create_session({"id": "s", "user_id": "ann"})
        adapter.create_session({"id": "t", "user_id": "ann"})
        say(adapter, "s", *"abc", token_count=1)
        (kept,) = say(adapter, "t", "kept")

        assert adapter.delete_session("s") is True
        assert adapter.delete_session("s") is False

        assert adapter.get_session("s") is None
        assert adapter.get_messages("s") == []
        assert ids(adapter.list_sessions({"user_id": "ann"})) == ["t"]
        assert adapter.get_messages("t") == [kept]

    def test_nothing_of_a_session_is_there_when_its_name_is_taken_again(self, adapter: Any) -> None:
        adapter.create_session(WHOLE | {"status": "active"})
        say(adapter, "whole", "one", id="m", token_count=5)
        adapter.update_session("whole", {"compression_state": STATE}, quiet=True)
        adapter.delete_session("whole")
        adapter.create_session({"id": "t"})
        say(adapter, "t", "another", id="m")

        made = adapter.create_session({"id": "whole"})

        assert (made.version, made.message_count, made.token_count) == (1, 0, 0)
        assert made.user_id is made.compression is made.compression_state is None
        assert adapter.get_session("whole") == made
        assert adapter.get_messages("whole") == []
        assert say(adapter, "whole", "first")[0].sequence == 1

    def test_a_session_that_has_to_be_over_stays_where_it_is_not(
        self, adapter: Any, clock: Clock
    ) -> None:
        ends = clock.now + 10 * SECOND
        adapter.create_session({"id": "s", "expires_at": ends})
        adapter.create_session({"id": "for ever"})
        say(adapter, "s", "hello")

        for before in (ends - MILLISECOND, ends, ends + LONG * SECOND):
            assert adapter.delete_session("s", expired_before=before) is False
        self.tick(clock, 10)
        assert adapter.delete_session("s", expired_before=ends - MILLISECOND) is False
        assert adapter.delete_session("for ever", expired_before=ends + LONG * SECOND) is False
        assert len(adapter.get_messages("s")) == 1
        assert adapter.delete_session("s", expired_before=ends) is True
        assert adapter.delete_session("s", expired_before=ends) is False
        assert ids(adapter.list_sessions()) == ["for ever"]
