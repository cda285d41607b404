"""What is not what it has to be is refused before anything is done, and a failure says what failed
and nothing of what was said."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable
from typing import Any, Final

import pytest

from ...core.dialog.errors import SessionError, StorageError, ValidationError
from ...errors import ClosedError
from ...errors import StorageError as AnyStorageError
from .continuity import NAIVE, Continued, Pair, failing, say
from .privacy import SECRET

Call = Callable[[Any], object]

HELLO: Final[dict[str, Any]] = {"role": "user", "content": "hello"}

CALLS: Final[dict[str, tuple[str, Call]]] = {
    "create_session": ("create session", lambda adapter: adapter.create_session({"id": "t"})),
    "get_session": ("get session", lambda adapter: adapter.get_session("s")),
    "update_session": ("update session", lambda adapter: adapter.update_session("s", {})),
    "delete_session": ("delete session", lambda adapter: adapter.delete_session("s")),
    "list_sessions": ("list sessions", lambda adapter: adapter.list_sessions()),
    "list_sessions of a user": (
        "list sessions",
        lambda adapter: adapter.list_sessions({"user_id": "ann"}),
    ),
    "add_message": ("add message", lambda adapter: adapter.add_message("s", HELLO)),
    "list_session_ids": ("list sessions", lambda adapter: adapter.list_session_ids("ann")),
    "get_message": ("get messages", lambda adapter: adapter.get_message("s", "m")),
    "get_messages": ("get messages", lambda adapter: adapter.get_messages("s")),
    "update_message": (
        "update message",
        lambda adapter: adapter.update_message("s", "m", {"content": "new"}),
    ),
    "delete_message": ("delete message", lambda adapter: adapter.delete_message("s", "m")),
    "delete_all_messages": (
        "delete all messages",
        lambda adapter: adapter.delete_all_messages("s"),
    ),
    "get_expired_sessions": (
        "get expired sessions",
        lambda adapter: adapter.get_expired_sessions(),
    ),
}
"""What each method says that it fails to do."""

WRONG_SESSIONS: Final[tuple[Any, ...]] = (
    *(None, "s", 1, [], {"id": ""}, {"id": 1}, {"id": "\ud800"}, {"id": "a:messages"}),
    *({"id": "a:seq"}, {"user_id": ""}, {"user_id": 1}, {"status": "new"}, {"status": None}),
    *({"metadata": None}, {"metadata": []}, {"metadata": {"n": object()}}, {"new": 1}),
    *({"metadata": {"n": {1}}}, {"metadata": {"tags": "a"}}, {"metadata": {"title": 1}}),
    *({"participants": {}}, {"participants": [{}]}, {"participants": [{"id": ""}]}),
    *({"participants": [{"id": "a", "role": "cook"}]}, {"participants": "ann"}),
    *({"token_budget": {}}, {"token_budget": {"max_tokens": 0}}, {"token_budget": 10}),
    *({"token_budget": {"max_tokens": 5, "reserve_tokens": 5}}, {"compression": {}}),
    *({"token_budget": {"max_tokens": 5, "overflow_strategy": "x"}}, {"created_at": "then"}),
    *({"compression": {"strategy": "hope"}}, {"compression": {"strategy": "sliding_window"}}),
    *({"created_at": NAIVE}, {"expires_at": 5}, {"version": 0}),
)

WRONG_MESSAGES: Final[tuple[Any, ...]] = (
    *(None, "hello", [], {}, {"role": "user"}, {"content": "a"}, {**HELLO, "role": "nobody"}),
    *({**HELLO, "content": None}, {**HELLO, "content": 1}, {**HELLO, "content": ["a"]}),
    *({**HELLO, "content": [{"type": "text"}]}, {**HELLO, "content": [{"type": "audio"}]}),
    *({**HELLO, "content": "\ud800"}, {**HELLO, "id": ""}, {**HELLO, "id": 1}),
    *({**HELLO, "token_count": -1}, {**HELLO, "token_count": 1.5}, {**HELLO, "token_count": True}),
    *({**HELLO, "metadata": []}, {**HELLO, "metadata": {"n": {1}}}, {**HELLO, "new": 1}),
    *({**HELLO, "tool_calls": "f"}, {**HELLO, "tool_calls": [{"id": "a"}]}),
    *({**HELLO, "created_at": "then"}, {**HELLO, "created_at": NAIVE}),
)

WRONG_UPDATES: Final[tuple[Any, ...]] = (
    *(None, [], {"id": "t"}, {"version": 5}, {"created_at": "2023-01-01"}, {"message_count": 1}),
    *({"token_count": 1}, {"schema_version": 2}, {"last_activity_at": "2023-01-01"}, {"new": 1}),
    *({"status": "new"}, {"user_id": 1}, {"token_budget": {}}, {"compression": {}}),
    *({"compression_state": {}}, {"compression_state": 1}, {"participants": [{}]}),
)

WRONG_AMENDMENTS: Final[tuple[Any, ...]] = (
    *(None, [], {"id": "n"}, {"session_id": "t"}, {"sequence": 5}, {"created_at": "2023-01-01"}),
    *({"content": None}, {"role": "nobody"}, {"token_count": -1}, {"new": 1}),
)


class Refusing(Continued):
    @pytest.fixture
    def one(self, pair: Pair) -> Any:
        """An adapter with a session that is called `s`, and a message `m`."""
        adapter: Any = pair()[0]
        adapter.create_session({"id": "s"})
        say(adapter, "s", "hello", id="m")
        return adapter

    def test_what_is_not_right_is_refused_and_nothing_is_done(self, one: Any) -> None:
        before = one.get_session("s"), one.get_messages("s")
        for wrong in WRONG_SESSIONS:
            assert_refused(one.create_session, wrong)
        for wrong in WRONG_MESSAGES:
            assert_refused(one.add_message, "s", wrong)
        for wrong in WRONG_UPDATES:
            assert_refused(one.update_session, "s", wrong)
        for wrong in WRONG_AMENDMENTS:
            assert_refused(one.update_message, "s", "m", wrong)

        assert (one.get_session("s"), one.get_messages("s")) == before
        assert len(one.list_sessions()) == 1

    def test_names_and_numbers_that_are_none_are_refused(self, one: Any) -> None:
        names: tuple[Any, ...] = ("", None, 1, b"s", "\ud800")
        for wrong in names:
            for method in (
                *(one.get_session, one.delete_session, one.get_messages),
                one.delete_all_messages,
            ):
                assert_refused(method, wrong)
            assert_refused(one.update_session, wrong, {})
            assert_refused(one.add_message, wrong, HELLO)
            assert_refused(one.update_message, "s", wrong, {})
            assert_refused(one.delete_message, "s", wrong)
        for number in (-1, 1.5, "1", True):
            assert_refused(one.update_session, "s", {}, expected_version=number)
            assert_refused(one.add_message, "s", HELLO, most_tokens=number)
        for moment in ("then", 5, NAIVE):
            assert_refused(one.get_expired_sessions, moment)
            assert_refused(one.delete_session, "s", expired_before=moment)

    def test_an_error_can_be_copied_and_sent(self, one: Any) -> None:
        one.update_session("s", {"status": "completed"})
        calls: list[Call] = [
            lambda it: it.add_message("s", HELLO),
            lambda it: it.update_session("t", {}),
            lambda it: it.update_session("s", {}, expected_version=7),
            lambda it: it.delete_message("s", "x"),
        ]
        for call in calls:
            with pytest.raises(SessionError) as caught:
                call(one)
            for twin in (copy.copy(caught.value), sent(caught.value)):
                assert type(twin) is type(caught.value)
                assert (str(twin), vars(twin)) == (str(caught.value), vars(caught.value))


class Ending(Continued):
    def test_an_adapter_that_is_open_is_healthy(self, adapter: Any) -> None:
        health = adapter.health()

        assert health.status == "healthy"
        assert health.latency >= 0

    def test_a_closed_adapter_refuses_every_method(self, adapter: Any) -> None:
        adapter.create_session({"id": "s", "user_id": "ann"})
        adapter.close()
        adapter.close()

        for what, call in CALLS.values():
            with failing(what, ClosedError):
                call(adapter)
        assert adapter.health().status == "unhealthy"

    def test_an_adapter_is_a_context_manager(self, pair: Pair) -> None:
        adapter = pair()[0]
        with adapter as inner:
            inner.create_session({"id": "s"})

        with pytest.raises(AnyStorageError):
            adapter.get_session("s")

    def test_an_error_in_the_block_comes_through(self, adapter: Any) -> None:
        with pytest.raises(LookupError, match="of the user"), adapter:
            raise LookupError("of the user")
        assert adapter.health().status == "unhealthy"


class Silence(Continued):
    def test_no_error_and_no_log_shows_what_was_said(
        self, adapter: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        secret = {"role": "user", "content": SECRET, "metadata": {SECRET: SECRET}}
        adapter.create_session({"id": "s", "metadata": {SECRET: SECRET}})
        failing: list[Call] = [
            lambda it: it.add_message("t", secret),
            lambda it: it.add_message("s", {**secret, "token_count": 9}, most_tokens=1),
            lambda it: it.create_session({"id": "s", "metadata": {SECRET: SECRET}}),
            lambda it: it.update_session("t", {"metadata": {SECRET: SECRET}}),
            lambda it: it.update_session("s", {"metadata": {"n": {SECRET}}}),
            lambda it: it.update_message("s", "x", {"content": SECRET}),
            lambda it: it.add_message("s", {**secret, "metadata": {"n": {SECRET}}}),
        ]
        with caplog.at_level(logging.DEBUG):
            adapter.add_message("s", {**secret, "id": "m"})
            adapter.update_message("s", "m", secret)
            assert adapter.get_messages("s")[0].content == SECRET
            for call in failing:
                with pytest.raises((StorageError, SessionError)) as caught:
                    call(adapter)
                assert_silent(caught.value)
            adapter.delete_message("s", "m")

        assert SECRET not in caplog.text
        assert SECRET not in repr(adapter)

    def test_nothing_is_logged_unless_it_is_wanted(
        self, adapter: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        adapter.create_session({"id": "s"})
        say(adapter, "s", "hello", id="m")
        with caplog.at_level(logging.INFO):
            for _, call in CALLS.values():
                with_or_without_it(lambda: call(adapter))  # noqa: B023

        assert [one for one in caplog.records if one.name == "storage"] == []


def assert_refused(method: Callable[..., object], *told: Any, **more: Any) -> None:
    """The *method* refuses what it is told."""
    try:
        method(*told, **more)
    except ValidationError:
        return
    pytest.fail(f"{told!r} {more!r} was taken")


def sent(error: BaseException) -> Any:
    """*error* as another process gets it."""
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - it is ours


def assert_silent(error: BaseException | None) -> None:
    """Neither an error nor what led to it shows the secret."""
    while error is not None:
        assert SECRET not in f"{error!s} {error!r}"
        error = error.__cause__ or error.__context__


def with_or_without_it(call: Callable[[], object]) -> None:
    """Do what can be done, after what was done before."""
    try:
        call()
    except SessionError:
        pass
