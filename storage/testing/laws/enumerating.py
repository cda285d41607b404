"""Which sessions and which messages are given when some are asked for: every condition counts
before the number does, and the order is always the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import pytest
from hypothesis import strategies as st

from ...core.dialog.errors import ValidationError
from ...core.dialog.queries import cursor_after
from ...core.dialog.records import Message, MessageQueryOptions, Session, SessionFilters
from ..clock import Clock
from .continuity import MILLISECOND, NAIVE, SECOND, Continued, contents, heard, ids, say
from .suite import for_all

T = TypeVar("T", Session, Message)

SOME: Final = 9

BOUNDS: Final = st.none() | st.integers(-1, SOME)
"""Nothing, or a moment among those at which something was made."""

LIMITS: Final = st.none() | st.integers(0, SOME + 2)
FAR: Final = 2**53 - 1


def sliced(found: Sequence[T], offset: int, limit: int | None) -> list[T]:
    """What is left of what was found."""
    return list(found[offset:])[:limit]


class Listing(Continued):
    def some_sessions(self, adapter: Any, clock: Clock) -> list[Session]:
        """Sessions of several users, made two in a second, the earlier the less active."""
        self.tick(clock, 0.1)
        for number in range(SOME):
            adapter.create_session(
                {
                    "id": f"s{number * 7 % SOME}",
                    "user_id": (None, "ann", "bob")[number % 3],
                    "active_agent_id": (None, "helper")[number % 2],
                    "status": ("active", "active", "paused", "completed")[number % 4],
                    "metadata": {"tags": ["abc"[number % 3], "xy"[number % 2]][: number % 4]},
                }
            )
            self.tick(clock, number % 2)
        for name in ("s1", "s4", "s0"):
            adapter.delete_all_messages(name)  # which is activity
            self.tick(clock, 1)
        return [adapter.get_session(f"s{number}") for number in range(SOME)]

    def test_sessions_are_listed_in_the_order_of_their_making(
        self, adapter: Any, clock: Clock
    ) -> None:
        for name in ("c", "a", "b"):
            adapter.create_session({"id": name})
            self.tick(clock, 0.001)

        assert ids(adapter.list_sessions()) == ["c", "a", "b"]
        assert ids(adapter.list_sessions({"order": "desc"})) == ["b", "a", "c"]
        adapter.update_session("a", {})
        activity: dict[str, Any] = {"order_by": "activity"}
        assert ids(adapter.list_sessions(activity)) == ["c", "b", "a"]
        assert ids(adapter.list_sessions({**activity, "order": "desc"})) == ["a", "b", "c"]

    def test_those_of_one_moment_are_in_the_order_of_their_names(
        self, adapter: Any, clock: Clock
    ) -> None:
        then = clock.now
        for name in ("b", "B", "\u00e9", "a", "\U0001f600", "\uffff", "a1"):
            adapter.create_session({"id": name, "created_at": then, "last_activity_at": then})
        right = ["B", "a", "a1", "b", "\u00e9", "\uffff", "\U0001f600"]

        for by in ("created", "activity"):
            for order in ("asc", "desc"):
                assert ids(adapter.list_sessions({"order_by": by, "order": order})) == right

    def test_a_session_is_listed_as_it_is_found(self, adapter: Any) -> None:
        adapter.create_session({"id": "s", "user_id": "ann", "metadata": {"tags": ["a"]}})
        say(adapter, "s", "hello", token_count=3)

        for asked in (None, {"user_id": "ann"}, {"tags": ["a"]}):
            assert adapter.list_sessions(asked) == [adapter.get_session("s")]

    def test_the_names_of_the_sessions_of_a_user_are_told(self, adapter: Any) -> None:
        for name, user in (("a", "ann"), ("b", "ann"), ("c", "bob"), ("d", None)):
            adapter.create_session({"id": name, "user_id": user})
        adapter.update_session("b", {"status": "completed"})
        say(adapter, "a", "hello")

        assert sorted(adapter.list_session_ids("ann")) == ["a", "b"]
        assert list(adapter.list_session_ids("bob")) == ["c"]
        assert list(adapter.list_session_ids("nobody")) == []
        adapter.delete_session("a")
        adapter.update_session("c", {"user_id": "ann"})
        assert sorted(adapter.list_session_ids("ann")) == ["b", "c"]
        with pytest.raises(ValidationError):
            adapter.list_session_ids("")

    def test_there_are_no_sessions_in_the_beginning(self, adapter: Any) -> None:
        for asked in (None, {}, {"user_id": "ann"}, {"status": "active"}, SessionFilters()):
            assert list(adapter.list_sessions(asked)) == []

    def test_sessions_that_were_made_then_are_made_after_and_before_it(
        self, adapter: Any, clock: Clock
    ) -> None:
        then = adapter.create_session({"id": "s"}).created_at
        for name, apart, is_there in (
            ("created_after", -1, True),
            ("created_after", 0, True),
            ("created_after", 1, False),
            ("created_before", -1, False),
            ("created_before", 0, True),
            ("created_before", 1, True),
        ):
            found = adapter.list_sessions({name: then + apart * MILLISECOND})
            assert bool(found) is is_there, (name, apart)

    def test_what_is_asked_for_is_what_is_listed(self, adapter: Any, clock: Clock) -> None:
        """Every condition, together with every other one."""
        sessions = self.some_sessions(adapter, clock)
        moments = sorted(one.created_at for one in sessions)

        def law(asked: SessionFilters) -> None:
            told = asked._replace(
                created_after=_moment(asked.created_after, moments),
                created_before=_moment(asked.created_before, moments),
            )
            assert list(adapter.list_sessions(told)) == listed(sessions, told)

        for_all(law, filters(), share=2)

    def test_pages_are_all_that_there_is(self, adapter: Any, clock: Clock) -> None:
        sessions = self.some_sessions(adapter, clock)
        for asked in (
            SessionFilters(),
            SessionFilters(order="desc", order_by="activity"),
            SessionFilters(tags=["x"], user_id="ann"),
        ):
            right = listed(sessions, asked)
            for size in (1, 2, SOME, FAR):
                found: list[Session] = []
                for _ in range(len(right) + 1):
                    asking = asked._replace(limit=size, offset=len(found))
                    found += adapter.list_sessions(asking)
                assert found == right
            assert list(adapter.list_sessions(asked._replace(offset=len(right)))) == []
            assert list(adapter.list_sessions(asked._replace(offset=FAR))) == []
            assert list(adapter.list_sessions(asked._replace(limit=0))) == []

    @pytest.mark.parametrize("by", ["created", "activity"])
    @pytest.mark.parametrize("order", ["asc", "desc"])
    def test_a_cursor_goes_on_after_a_session_whatever_came_and_went(
        self, adapter: Any, clock: Clock, by: Any, order: Any
    ) -> None:
        asked = SessionFilters(order_by=by, order=order)
        right = listed(self.some_sessions(adapter, clock), asked)
        early = {"created_at": right[0].created_at - SECOND, "id": "new"}
        cursor, found = None, []
        for turn in range(SOME):
            (one,) = adapter.list_sessions(asked._replace(limit=1), cursor=cursor)
            found.append(one)
            cursor = cursor_after(one, by)
            if turn == 2:
                adapter.delete_session(found[0].id)
                adapter.delete_session(found[2].id)
            if turn == 3 and order == "asc" and by == "created":
                adapter.create_session(early)

        assert found == right
        assert list(adapter.list_sessions(asked, cursor=cursor)) == []
        rest = adapter.list_sessions(
            asked._replace(limit=2, offset=1), cursor=cursor_after(right[3], by)
        )
        assert list(rest) == right[5:7]

    def test_wrong_questions_are_refused(self, adapter: Any) -> None:
        adapter.create_session({"id": "s"})
        wrong: tuple[dict[str, Any], ...] = (
            *({"limit": -1}, {"offset": -1}, {"limit": 1.5}, {"limit": True}, {"limit": "1"}),
            *({"status": "new"}, {"order": "up"}, {"order_by": "id"}, {"tags": "a"}, {"user": "u"}),
            *({"created_after": "then"}, {"created_before": NAIVE}, {"user_id": 1}),
        )
        for asked in wrong:
            with pytest.raises(ValidationError):
                adapter.list_sessions(asked)
        for cursor in ("", "x", "1", ":s"):
            with pytest.raises(ValidationError):
                adapter.list_sessions(cursor=cursor)


class Hearing(Continued):
    """Which messages of a session are given."""

    def some_messages(self, adapter: Any, clock: Clock) -> list[Message]:
        """Messages of all roles, two or three in a second."""
        adapter.create_session({"id": "s"})
        adapter.create_session({"id": "another"})
        for number in range(SOME):
            role = ("system", "user", "assistant", "user", "tool")[number % 5]
            adapter.add_message("s", {"role": role, "content": f"{number}"})
            say(adapter, "another", "not asked for")
            self.tick(clock, number % 3 % 2)
        return [*adapter.get_messages("s")]

    def test_messages_come_in_the_order_in_which_they_were_added(self, adapter: Any) -> None:
        adapter.create_session({"id": "s"})
        told = [f"text {number}" for number in range(12)]
        say(adapter, "s", *told)

        assert heard(adapter, "s") == told
        assert heard(adapter, "s", order="desc") == told[::-1]
        assert heard(adapter, "s", limit=5) == told[:5]
        assert heard(adapter, "s", limit=5, order="desc") == told[:-6:-1]
        assert heard(adapter, "s", offset=10) == told[10:]

    def test_a_moment_that_is_told_changes_nothing_of_the_order(
        self, adapter: Any, clock: Clock
    ) -> None:
        adapter.create_session({"id": "s"})
        say(adapter, "s", "first")
        say(adapter, "s", "from before", created_at=clock.now - 10 * SECOND)
        say(adapter, "s", "last")

        assert heard(adapter, "s") == ["first", "from before", "last"]
        assert adapter.get_messages("s")[1].created_at == clock.now - 10 * SECOND
        assert heard(adapter, "s", before=clock.now - SECOND) == ["from before"]

    def test_messages_that_were_made_then_are_neither_after_nor_before_it(
        self, adapter: Any
    ) -> None:
        adapter.create_session({"id": "s"})
        (one,) = say(adapter, "s", "then")
        for name, apart, is_there in (
            ("after", -1, True),
            ("after", 0, False),
            ("before", 0, False),
            ("before", 1, True),
        ):
            options = {name: one.created_at + apart * MILLISECOND}
            assert bool(heard(adapter, "s", **options)) is is_there, (name, apart)

    def test_what_is_asked_for_is_what_is_given(self, adapter: Any, clock: Clock) -> None:
        messages = self.some_messages(adapter, clock)
        assert contents(messages) == [f"{number}" for number in range(SOME)]
        moments = [one.created_at for one in messages]

        def law(asked: MessageQueryOptions) -> None:
            told = asked._replace(
                after=_moment(asked.after, moments), before=_moment(asked.before, moments)
            )
            right = [
                one
                for one in messages
                if (told.after is None or one.created_at > told.after)
                and (told.before is None or one.created_at < told.before)
                and (not told.roles or one.role in told.roles)
            ]
            right = right[::-1] if told.order == "desc" else right
            found = adapter.get_messages("s", told)
            assert list(found) == sliced(right, told.offset, told.limit)

        for_all(law, options(), share=2)

    def test_pages_of_messages_are_all_of_them(self, adapter: Any, clock: Clock) -> None:
        messages = self.some_messages(adapter, clock)
        for roles in ((), ("user", "tool")):
            right = [one for one in messages if not roles or one.role in roles]
            for size in (1, 2, SOME, FAR):
                found: list[Message] = []
                for _ in range(len(right) + 1):
                    asking = {"limit": size, "offset": len(found), "roles": roles}
                    found += adapter.get_messages("s", asking)
                assert found == right
            for nothing in ({"offset": len(right)}, {"offset": FAR}, {"limit": 0}):
                assert heard(adapter, "s", roles=roles, **nothing) == []

    def test_a_session_that_is_not_there_has_no_messages(self, adapter: Any) -> None:
        adapter.create_session({"id": "s"})
        say(adapter, "s", "hello")

        assert list(adapter.get_messages("t")) == []
        assert list(adapter.get_messages("t", {"limit": 0})) == []

    def test_wrong_questions_about_messages_are_refused(self, adapter: Any) -> None:
        adapter.create_session({"id": "s"})
        wrong: tuple[dict[str, Any], ...] = (
            *({"limit": -1}, {"offset": -1}, {"limit": 1.5}, {"limit": False}, {"order": "up"}),
            *({"roles": "user"}, {"roles": ["nobody"]}, {"after": 5}, {"from": 1}),
            {"before": NAIVE},
        )
        for asked in wrong:
            with pytest.raises(ValidationError):
                adapter.get_messages("s", asked)


def listed(sessions: Sequence[Session], asked: SessionFilters) -> list[Session]:
    """What of *sessions* is asked for."""
    right = [one for one in sessions if _is_wanted(one, asked)]
    by: Callable[[Session], datetime] = (
        (lambda one: one.created_at)
        if asked.order_by == "created"
        else (lambda one: one.last_activity_at)
    )
    right.sort(key=lambda one: one.id)
    right.sort(key=by, reverse=asked.order == "desc")  # those of one moment stay as they are
    return sliced(right, asked.offset, asked.limit)


def filters() -> st.SearchStrategy[Any]:
    """What sessions can be asked for; the numbers of moments stand for these."""
    return st.builds(
        SessionFilters,
        st.sampled_from([None, None, "ann", "bob", "nobody"]),
        st.sampled_from([None, None, "active", "paused", "completed", "expired"]),
        st.sampled_from([None, None, "helper", "nobody"]),
        st.lists(st.sampled_from("abcxyz"), max_size=2),
        BOUNDS,
        BOUNDS,
        LIMITS,
        st.integers(0, SOME),
        st.sampled_from(["created", "activity"]),
        st.sampled_from(["asc", "desc"]),
    )


def options() -> st.SearchStrategy[Any]:
    """What messages can be asked for."""
    roles = st.lists(st.sampled_from(["system", "user", "assistant", "tool"]), max_size=2)
    return st.builds(
        MessageQueryOptions,
        LIMITS,
        st.integers(0, SOME),
        st.sampled_from(["asc", "desc"]),
        BOUNDS,
        BOUNDS,
        roles,
    )


def _moment(number: Any, moments: Sequence[datetime]) -> datetime | None:
    """The moment that a number stands for; -1 is before all of them."""
    if number is None:
        return None
    return moments[0] - SECOND if number < 0 else moments[min(number, len(moments) - 1)]


def _is_wanted(one: Session, asked: SessionFilters) -> bool:
    return (
        asked.user_id in (None, one.user_id)
        and asked.status in (None, one.status)
        and asked.active_agent_id in (None, one.active_agent_id)
        and (not asked.tags or bool({*asked.tags} & {*one.tags}))
        and (asked.created_after is None or one.created_at >= asked.created_after)
        and (asked.created_before is None or one.created_at <= asked.created_before)
    )
