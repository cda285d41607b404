"""What a manager does with sessions and messages, wherever they are kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from storage.core.dialog.errors import (
    ConcurrencyError,
    MessageNotFoundError,
    SessionClosedError,
    SessionExistsError,
    SessionNotFoundError,
    TokenBudgetExceededError,
    ValidationError,
)
from storage.core.dialog.records import Participant, Session, TokenBudgetConfig
from tests.continuity.managed import Heard, Managed


def test_a_new_session_is_active_and_empty(everywhere: Managed) -> None:
    manager = everywhere.manager()

    session = manager.create_session()

    assert session == Session(
        id=session.id,
        user_id=None,
        active_agent_id=None,
        status="active",
        metadata={},
        participants=(),
        created_at=everywhere.at(),
        last_activity_at=everywhere.at(),
        expires_at=None,
        token_budget=None,
        compression=None,
        compression_state=None,
        token_count=0,
        message_count=0,
        version=1,
        schema_version=1,
    )
    assert manager.get_session(session.id) == session


def test_what_a_session_is_created_with_is_there_later(everywhere: Managed) -> None:
    session = everywhere.manager().create_session(
        session_id="s",
        user_id="u",
        active_agent_id="a",
        metadata={
            "title": "Hello",
            "tags": ["x", "y"],
            "source": "web",
            "custom": {"n": [1, None]},
        },
        participants=[{"id": "u", "role": "user"}],
        token_budget={"maxTokens": 100, "reserveTokens": 10, "overflowStrategy": "error"},
        compression={"strategy": "sliding_window", "targetTokens": 50},
    )

    found = everywhere.manager().get_session("s")

    assert found == session
    assert (found.id, found.user_id, found.active_agent_id) == ("s", "u", "a")
    assert (found.title, found.tags) == ("Hello", ("x", "y"))
    assert found.metadata["custom"] == {"n": [1, None]}
    assert found.participants == (Participant("u", "user", joined_at=everywhere.at()),)
    assert found.token_budget == TokenBudgetConfig(100, 10, "error")
    assert found.compression.target_tokens == 50


def test_a_session_of_an_id_that_there_is_is_refused(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s", user_id="u")

    with pytest.raises(SessionExistsError, match=r"^Session already exists: s$"):
        manager.create_session(session_id="s")

    assert manager.get_session("s").user_id == "u"


@pytest.mark.parametrize(
    "call",
    [
        lambda manager: manager.get_session("no"),
        lambda manager: manager.update_session("no", status="paused"),
        lambda manager: manager.end_session("no"),
        lambda manager: manager.delete_session("no"),
        lambda manager: manager.pause_session("no"),
        lambda manager: manager.resume_session("no"),
        lambda manager: manager.add_message("no", role="user", content="x"),
        lambda manager: manager.update_message("no", "m", content="x"),
        lambda manager: manager.delete_message("no", "m"),
        lambda manager: manager.delete_all_messages("no"),
        lambda manager: manager.add_participant("no", id="p"),
        lambda manager: manager.remove_participant("no", "p"),
        lambda manager: manager.get_participants("no"),
        lambda manager: manager.handoff_to_agent("no", "a"),
        lambda manager: manager.get_handoffs("no"),
        lambda manager: manager.get_conversation_context("no"),
        lambda manager: manager.get_conversation_context_with_stats("no"),
        lambda manager: manager.compress_context("no"),
    ],
)
def test_a_session_that_there_is_not_is_said_so(managed: Managed, call: Any) -> None:
    manager = managed.manager()
    heard = Heard()
    manager.on("*", heard)

    with pytest.raises(SessionNotFoundError, match=r"^Session not found: no$") as caught:
        call(manager)

    assert caught.value.session_id == "no"
    assert heard.events == []


def test_a_session_that_there_is_not_has_no_messages(everywhere: Managed) -> None:
    assert list(everywhere.manager().get_messages("no")) == []


def test_an_update_is_of_one_version_more_and_activity(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s", user_id="u", metadata={"title": "a"})
    created = everywhere.at()
    everywhere.clock.tick(5)

    changed = manager.update_session("s", status="paused", metadata={"title": "b"})

    assert (changed.version, changed.status, changed.title) == (2, "paused", "b")
    assert (changed.created_at, changed.last_activity_at) == (created, everywhere.at())
    assert changed.user_id == "u"
    assert manager.get_session("s") == changed


def test_what_is_updated_may_be_said_in_either_spelling(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")

    assert manager.update_session("s", {"userId": "u"}).user_id == "u"
    assert manager.update_session("s", {"user_id": "v"}).user_id == "v"
    assert manager.update_session("s", active_agent_id="a").active_agent_id == "a"
    assert manager.update_session("s", {"user_id": None}).user_id is None


def test_an_update_of_another_version_changes_nothing(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    manager.update_session("s", user_id="u", expected_version=1)

    with pytest.raises(ConcurrencyError) as caught:
        manager.update_session("s", user_id="v", expected_version=1)

    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert manager.get_session("s").user_id == "u"


def test_a_session_is_ended_once_and_for_all(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    kept = manager.add_message("s", role="user", content="before")

    assert manager.end_session("s").status == "completed"

    for write in (
        lambda: manager.add_message("s", role="user", content="after"),
        lambda: manager.update_message("s", kept.id, content="after"),
        lambda: manager.update_session("s", user_id="u"),
        lambda: manager.add_participant("s", id="p"),
        lambda: manager.handoff_to_agent("s", "a"),
        lambda: manager.resume_session("s"),
    ):
        with pytest.raises(SessionClosedError, match="Session is completed: s"):
            write()
    assert manager.get_session("s").message_count == 1
    assert [one.content for one in manager.get_messages("s")] == ["before"]
    assert [one.content for one in manager.get_conversation_context("s")] == ["before"]


def test_a_session_that_is_paused_takes_no_messages_until_it_goes_on(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    kept = manager.add_message("s", role="user", content="1")

    assert manager.pause_session("s").status == "paused"
    with pytest.raises(SessionClosedError, match="Session is paused: s") as caught:
        manager.add_message("s", role="user", content="2")
    assert (caught.value.session_id, caught.value.status) == ("s", "paused")
    manager.update_message("s", kept.id, content="one")
    manager.add_participant("s", id="p")

    assert manager.resume_session("s").status == "active"
    manager.add_message("s", role="user", content="3")
    assert [one.content for one in manager.get_messages("s")] == ["one", "3"]


def test_what_is_deleted_is_gone_with_all_its_messages(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s", user_id="u")
    for number in range(3):
        manager.add_message("s", role="user", content=str(number))

    manager.delete_session("s")

    with pytest.raises(SessionNotFoundError):
        manager.get_session("s")
    assert list(manager.get_messages("s")) == list(manager.list_sessions(user_id="u")) == []
    manager.create_session(session_id="s")
    assert manager.get_session("s").message_count == 0
    assert list(manager.get_messages("s")) == []


def test_messages_come_in_their_order_and_are_counted(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")

    first = manager.add_message("s", role="user", content="Hello world")
    second = manager.add_message("s", {"role": "assistant", "content": "How are you? Fine."})

    assert (first.session_id, first.role, first.content) == ("s", "user", "Hello world")
    assert (first.sequence, second.sequence) == (1, 2)
    assert (first.token_count, second.token_count) == (3, 5)
    assert first.created_at == everywhere.at()
    assert list(manager.get_messages("s")) == [first, second]
    session = manager.get_session("s")
    assert (session.message_count, session.token_count) == (2, 8)


def test_a_message_of_blocks_counts_what_is_told_and_shown(managed: Managed) -> None:
    blocks = [
        {"type": "text", "text": "what is"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a-very-long-address.png"}},
        {"type": "text", "text": "this?"},
        {"type": "image_url", "image_url": {"url": "b"}},
    ]
    cheap, dear = managed.manager(), managed.manager(image_token_cost=100)
    cheap.create_session(session_id="s")

    assert cheap.add_message("s", role="user", content=blocks).token_count == 3
    assert dear.add_message("s", role="user", content=blocks).token_count == 203
    assert cheap.get_messages("s")[0].content == blocks


def test_calls_and_results_of_tools_are_counted(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")
    call = {"id": "1", "name": "look", "arguments": '{"a":1}'}

    asked = manager.add_message("s", role="assistant", content="", tool_calls=[call])
    told = manager.add_message(
        "s", role="tool", content="", tool_results=[{"toolCallId": "1", "result": "x" * 40}]
    )

    assert (asked.token_count, told.token_count) == (3, 10)
    assert asked.metadata == {"toolCalls": [call]}
    assert [one.name for one in manager.get_messages("s")[0].tool_calls] == ["look"]
    assert manager.get_messages("s")[1].tool_results[0].result == "x" * 40


def test_what_is_known_of_its_tokens_is_not_counted(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")

    manager.add_message("s", role="user", content="x" * 4000, token_count=7)
    manager.add_message("s", role="user", content="", token_count=0)

    assert manager.get_session("s").token_count == 7


def test_a_plain_function_counts_as_well(managed: Managed) -> None:
    manager = managed.manager(token_counter=lambda text: len(text.split()))
    manager.create_session(session_id="s")

    assert manager.add_message("s", role="user", content="one two three").token_count == 3


def test_a_message_that_was_changed_is_counted_anew(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    first = manager.add_message("s", role="user", content="Hello world")
    manager.add_message("s", role="user", content="How are you?")
    everywhere.clock.tick(1)

    changed = manager.update_message("s", first.id, content="x" * 32, metadata={"a": 1})

    assert (changed.content, changed.token_count, changed.metadata) == ("x" * 32, 8, {"a": 1})
    assert (changed.created_at, changed.updated_at) == (everywhere.at(-1), everywhere.at())
    assert (changed.sequence, changed.role) == (1, "user")
    session = manager.get_session("s")
    assert (session.token_count, session.message_count) == (11, 2)
    assert session.last_activity_at == everywhere.at()
    assert manager.get_messages("s")[0] == changed

    manager.update_message("s", first.id, content="y", token_count=30)

    assert manager.get_session("s").token_count == 33

    manager.update_message("s", first.id, role="assistant")

    assert manager.get_session("s").token_count == 33
    assert manager.get_messages("s")[0].role == "assistant"

    assert manager.update_message("s", first.id, content="z" * 40).token_count == 10
    assert manager.get_session("s").token_count == 13


def test_a_message_that_was_given_calls_is_counted_with_them(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")
    kept = manager.add_message("s", role="assistant", content="x" * 8)

    call = {"id": "1", "name": "look", "arguments": "{}12"}
    changed = manager.update_message("s", kept.id, metadata={"toolCalls": [call]})

    assert (changed.content, changed.token_count) == ("x" * 8, 4)
    assert manager.get_session("s").token_count == 4


def test_a_message_that_was_deleted_counts_no_more(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    first = manager.add_message("s", role="user", content="Hello world")
    second = manager.add_message("s", role="user", content="How are you?")

    assert manager.delete_message("s", first.id) == first

    session = manager.get_session("s")
    assert (session.message_count, session.token_count) == (1, 3)
    assert list(manager.get_messages("s")) == [second]
    with pytest.raises(MessageNotFoundError):
        manager.delete_message("s", first.id)
    assert manager.delete_all_messages("s") == 1
    assert manager.delete_all_messages("s") == 0
    session = manager.get_session("s")
    assert (session.message_count, session.token_count) == (0, 0)
    assert manager.add_message("s", role="user", content="new").sequence == 3


def test_a_message_of_another_session_is_none_of_this(everywhere: Managed) -> None:
    manager = everywhere.manager()
    for name in "ab":
        manager.create_session(session_id=name)
    mine = manager.add_message("a", role="user", content="mine", message_id="m")

    for change in (
        lambda: manager.update_message("b", "m", content="theirs"),
        lambda: manager.delete_message("b", "m"),
        lambda: manager.update_message("a", "dangling", content="x"),
        lambda: manager.delete_message("a", "dangling"),
    ):
        with pytest.raises(MessageNotFoundError, match="Message not found: "):
            change()
    with pytest.raises(ValidationError, match="Message m is one of another session"):
        manager.add_message("b", role="user", content="theirs", message_id="m")
    assert list(manager.get_messages("a")) == [mine]
    assert list(manager.get_messages("b")) == []
    assert manager.get_session("b").message_count == 0


def test_a_message_that_is_added_again_is_there_once(everywhere: Managed) -> None:
    """As somebody does who did not get an answer."""
    manager = everywhere.manager()
    heard = Heard()
    manager.create_session(session_id="s")
    manager.on("message:added", heard)

    first = manager.add_message("s", role="user", content="hello", message_id="m")
    manager.end_session("s")
    again = manager.add_message("s", role="user", content="hello", message_id="m")

    assert again == first
    assert list(manager.get_messages("s")) == [first]
    session = manager.get_session("s")
    assert (session.message_count, session.token_count) == (1, 2)


ASKED: list[tuple[dict[str, Any], str]] = [
    ({}, "01234567"),
    ({"limit": 3}, "012"),
    ({"limit": 0}, ""),
    ({"limit": None}, "01234567"),
    ({"offset": 6}, "67"),
    ({"offset": 8}, ""),
    ({"offset": 2, "limit": 2}, "23"),
    ({"order": "desc", "limit": 3}, "765"),
    ({"order": "desc", "offset": 6}, "10"),
    ({"roles": ["user"]}, "0246"),
    ({"roles": ["user"], "limit": 2}, "02"),
    ({"roles": ["user"], "order": "desc", "offset": 1, "limit": 2}, "42"),
    ({"roles": []}, "01234567"),
]


def test_messages_are_chosen_before_they_are_counted_out(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    for number in range(8):
        manager.add_message("s", role=("user", "assistant")[number % 2], content=str(number))

    for options, found in ASKED:
        assert "".join(one.content for one in manager.get_messages("s", **options)) == found
        assert "".join(one.content for one in manager.get_messages("s", options)) == found


def test_messages_after_and_before_are_without_that_moment(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    for number in range(5):
        manager.add_message("s", role="user", content=str(number))
        everywhere.clock.tick(1)

    def texts(**options: Any) -> str:
        return "".join(one.content for one in manager.get_messages("s", **options))

    assert texts(after=everywhere.at(-4)) == "234"
    assert texts(before=everywhere.at(-4)) == "0"
    assert texts(after=everywhere.at(-4), before=everywhere.at(-1), limit=1) == "2"
    assert texts(after=(everywhere.at(-4)).isoformat()) == "234"


def test_a_budget_that_is_an_error_lets_nothing_in_that_is_too_much(everywhere: Managed) -> None:
    budget = {"max_tokens": 12, "reserve_tokens": 2, "overflow_strategy": "error"}
    by_default = everywhere.manager(token_budget=budget)
    plain = everywhere.manager()
    heard = Heard()
    by_default.on("budget:exceeded", heard)
    plain.create_session(session_id="own", token_budget=budget)
    by_default.create_session(session_id="default")

    for manager, name in ((plain, "own"), (by_default, "default")):
        manager.add_message(name, role="user", content="x" * 32)
        with pytest.raises(TokenBudgetExceededError) as caught:
            manager.add_message(name, role="user", content="x" * 12)
        assert (caught.value.used, caught.value.limit, caught.value.overage) == (8, 10, 1)
        assert manager.get_session(name).token_count == 8
        manager.add_message(name, role="user", content="x" * 8)
        manager.add_message(name, role="user", content="")
        assert manager.get_session(name).message_count == 3
    assert [event.session_id for event in heard.events] == ["default"]
    assert heard.events[0].data["limit"] == 10


def test_a_budget_of_a_manager_counts_for_sessions_without_one(everywhere: Managed) -> None:
    """As others made them. Only one that is an error keeps anything out."""
    budget = {"max_tokens": 12, "reserve_tokens": 2}
    strict = everywhere.manager(token_budget={**budget, "overflow_strategy": "error"})
    cutting = everywhere.manager(token_budget={**budget, "overflow_strategy": "truncate"})
    everywhere.manager().create_session(session_id="s")

    strict.add_message("s", role="user", content="x" * 32)
    with pytest.raises(TokenBudgetExceededError) as caught:
        strict.add_message("s", role="user", content="x" * 12)
    cutting.add_message("s", role="user", content="x" * 12)

    assert (caught.value.used, caught.value.limit, caught.value.overage) == (8, 10, 1)
    assert cutting.get_session("s").token_count == 11
    assert [one.token_count for one in cutting.get_conversation_context("s")] == [3]


def test_all_who_add_at_once_are_heard(everywhere: Managed) -> None:
    managers = [everywhere.manager() for _ in range(2)]
    managers[0].create_session(session_id="s")

    def add(number: int) -> None:
        managers[number % 2].add_message("s", role="user", content="x" * 8, message_id=str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))

    session = managers[0].get_session("s")
    assert (session.message_count, session.token_count) == (40, 80)
    messages = managers[1].get_messages("s")
    assert [one.sequence for one in messages] == list(range(1, 41))
    assert {one.id for one in messages} == {str(number) for number in range(40)}


def test_sessions_are_listed_by_what_they_are(everywhere: Managed) -> None:
    manager = everywhere.manager()
    for number in range(6):
        manager.create_session(
            session_id=str(number),
            user_id="uv"[number % 2],
            active_agent_id="ab"[number // 3],
            metadata={"tags": [f"t{number % 3}", "all"]},
        )
        everywhere.clock.tick(1)
    manager.end_session("4")

    def names(**filters: Any) -> str:
        return "".join(one.id for one in manager.list_sessions(**filters))

    assert names() == "012345"
    assert names(user_id="u") == "024"
    assert names(user_id="u", status="active") == "02"
    assert names(status="completed") == "4"
    assert names(active_agent_id="b") == "345"
    assert names(tags=["t0", "t2"]) == "0235"
    assert names(tags=["t1"], user_id="v") == "1"
    assert names(tags=["all"], limit=2, offset=1) == "12"
    assert names(created_after=everywhere.at(-4)) == "2345"
    assert names(created_before=everywhere.at(-4)) == "012"
    assert names(order="desc", limit=2) == "54"
    assert names(order_by="activity", order="desc", limit=2) == "45"
    assert names(limit=0) == ""
    assert names(offset=6) == ""
    assert [one.id for one in manager.list_sessions({"userId": "v"}, limit=1)] == ["1"]


def test_the_most_recent_sessions_come_page_by_page(everywhere: Managed) -> None:
    manager = everywhere.manager()
    for number in range(7):
        manager.create_session(session_id=str(number), user_id="u")
        everywhere.clock.tick(1)
    manager.create_session(session_id="other", user_id="v")

    found, cursor = [], None
    while True:
        page = manager.recent_sessions(user_id="u", limit=3, cursor=cursor)
        found.append("".join(one.id for one in page.sessions))
        cursor = page.cursor
        if cursor is None:
            break

    assert [name for name in found if name] == ["654", "321", "0"]
    assert [one.id for one in manager.recent_sessions({"userId": "v"}).sessions] == ["other"]
    assert manager.recent_sessions(user_id="nobody") == ((), None)


def test_a_session_that_was_made_long_ago_may_be_the_most_recent(everywhere: Managed) -> None:
    manager = everywhere.manager()
    for number in range(5):
        manager.create_session(session_id=str(number))
        everywhere.clock.tick(1)
    for number in (3, 0, 2):
        manager.add_message(str(number), role="user", content="x")
        everywhere.clock.tick(1)

    found, cursor = "", None
    for _ in range(3):
        page = manager.recent_sessions(limit=2, cursor=cursor)
        found += "".join(one.id for one in page.sessions)
        cursor = page.cursor

    assert (found, cursor) == ("20341", None)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_there_is_a_next_page_where_there_is_something_on_it(
    everywhere: Managed, number: int
) -> None:
    manager = everywhere.manager()
    for one in range(number):
        manager.create_session(session_id=str(one))

    page = manager.recent_sessions(limit=3)

    assert len(page.sessions) == min(number, 3)
    assert (page.cursor is None) is (number <= 3)


@pytest.mark.parametrize(
    "more", [{"offset": 1}, {"limit": 2}, {"order": "asc"}, {"order_by": "created"}]
)
def test_a_page_has_its_own_order_and_length(managed: Managed, more: dict[str, Any]) -> None:
    """What would be passed over is refused."""
    manager = managed.manager()
    name = next(iter(more))

    with pytest.raises(ValidationError, match=f"the filters of a page have no {name}"):
        manager.recent_sessions({"userId": "u", **more})
    if name != "limit":
        with pytest.raises(ValidationError, match=f"the filters of a page have no {name}"):
            manager.recent_sessions(user_id="u", **more)
    assert manager.recent_sessions(managed.half.SessionFilters("u")) == ((), None)
    with pytest.raises(ValidationError, match="the filters of a page have no offset"):
        manager.recent_sessions(managed.half.SessionFilters("u", offset=2))


def test_pages_go_on_while_sessions_change(everywhere: Managed) -> None:
    """What does not change meanwhile is seen, and seen once."""
    manager = everywhere.manager()
    for number in range(8):
        manager.create_session(session_id=str(number))
        everywhere.clock.tick(1)
    first = manager.recent_sessions(limit=3)

    manager.add_message("2", role="user", content="now the newest")
    manager.add_message("6", role="user", content="seen already")
    manager.delete_session("5")
    manager.create_session(session_id="new")
    second = manager.recent_sessions(limit=3, cursor=first.cursor)
    manager.delete_session(second.sessions[-1].id)
    third = manager.recent_sessions(limit=3, cursor=second.cursor)

    assert [one.id for one in first.sessions] == ["7", "6", "5"]
    assert [one.id for one in second.sessions] == ["4", "3", "1"]
    assert [one.id for one in third.sessions] == ["0"]
    assert third.cursor is None


def test_sessions_of_one_moment_are_each_on_one_page(everywhere: Managed) -> None:
    manager = everywhere.manager()
    names = [f"s{number}" for number in range(5)]
    for name in names:
        manager.create_session(session_id=name)

    found, cursor = [], None
    for _ in range(9):
        page = manager.recent_sessions(limit=2, cursor=cursor)
        found += [one.id for one in page.sessions]
        cursor = page.cursor
        if cursor is None:
            break

    assert sorted(found) == names


@pytest.mark.parametrize("cursor", ["", "x", "1", ":", "a:b", 7, "1.5:x"])
def test_a_cursor_that_is_none_is_refused(managed: Managed, cursor: Any) -> None:
    manager = managed.manager()

    with pytest.raises(ValidationError, match="cursor"):
        manager.recent_sessions(cursor=cursor)


def test_a_user_is_forgotten_with_everything(everywhere: Managed) -> None:
    manager = everywhere.manager()
    for number in range(5):
        manager.create_session(session_id=str(number), user_id="uv"[number % 2])
        manager.add_message(str(number), role="user", content="x")
    manager.end_session("2")

    assert manager.erase_user("u") == 3

    assert [one.id for one in manager.list_sessions()] == ["1", "3"]
    assert [one.message_count for one in manager.list_sessions()] == [1, 1]
    assert list(manager.get_messages("0")) == []
    assert manager.erase_user("u") == manager.erase_user("nobody") == 0


@pytest.mark.parametrize("user", ["", None, 7])
def test_nobody_is_no_user_to_forget(managed: Managed, user: Any) -> None:
    """All sessions would be gone."""
    manager = managed.manager()
    manager.create_session(session_id="s")

    with pytest.raises(ValidationError):
        manager.erase_user(user)

    assert len(manager.list_sessions()) == 1


def test_a_session_lives_on_as_long_as_it_is_used(everywhere: Managed) -> None:
    manager = everywhere.manager(session_ttl=10)
    created = manager.create_session(session_id="s")
    assert created.expires_at == everywhere.at(10)

    for _ in range(3):
        everywhere.clock.tick(9)
        kept = manager.add_message("s", role="user", content="x")
        assert manager.get_session("s").expires_at == everywhere.at(10)
    everywhere.clock.tick(9)
    manager.update_message("s", kept.id, content="y")
    assert manager.get_session("s").expires_at == everywhere.at(10)
    everywhere.clock.tick(9)
    assert manager.update_session("s", user_id="u").expires_at == everywhere.at(10)
    everywhere.clock.tick(9)
    manager.add_participant("s", id="p")
    assert manager.get_session("s").expires_at == everywhere.at(10)


def test_a_session_that_is_expired_is_read_and_not_written(everywhere: Managed) -> None:
    manager = everywhere.manager(session_ttl=timedelta(seconds=10))
    manager.create_session(session_id="s")
    kept = manager.add_message("s", role="user", content="x")
    everywhere.clock.tick(10)

    assert manager.get_session("s").message_count == 1
    assert len(manager.get_messages("s")) == len(manager.get_conversation_context("s")) == 1
    for write in (
        lambda: manager.add_message("s", role="user", content="late"),
        lambda: manager.update_message("s", kept.id, content="late"),
        lambda: manager.update_session("s", user_id="u"),
        lambda: manager.add_participant("s", id="p"),
        lambda: manager.handoff_to_agent("s", "a"),
        lambda: manager.resume_session("s"),
    ):
        with pytest.raises(SessionClosedError, match="Session is expired: s") as caught:
            write()
        assert caught.value.status == "expired"
    assert manager.get_session("s").version == 1
    manager.delete_message("s", kept.id)
    assert manager.get_session("s").expires_at == everywhere.at()
    manager.delete_all_messages("s")
    assert manager.get_session("s").expires_at == everywhere.at()
    manager.delete_session("s")
