"""What is handed over and can not be is refused, with a word on what is wrong, and nothing of it
is done."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import Any

import pytest

from storage.core.dialog.errors import ValidationError
from tests.continuity.managed import HALVES, Heard, Managed

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - that is what is wrong with it
SURROGATE = "\ud800"


def a_call(**members: Any) -> dict[str, Any]:
    """A message with a call, of which *members* are others."""
    call = {"id": "1", "name": "f", "arguments": "{}", **members}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def a_result(**members: Any) -> dict[str, Any]:
    result = {"tool_call_id": "1", "result": "x", **members}
    return {"role": "tool", "content": "", "tool_results": [result]}


@pytest.mark.parametrize(
    ("message", "match"),
    [
        ({"content": "x"}, "Message role is required"),
        ({"role": None, "content": "x"}, "Message role is required"),
        ({"role": "user"}, "Message content is required"),
        ({"role": "user", "content": None}, "Message content is required"),
        ({"role": "bot", "content": "x"}, "role must be one of user, assistant, system, tool"),
        ({"role": "USER", "content": "x"}, "role must be one of"),
        ({"role": 7, "content": "x"}, "role must be one of"),
        ({"role": "user", "content": 7}, "a text or blocks, not int"),
        ({"role": "user", "content": b"x"}, "a text or blocks, not bytes"),
        ({"role": "user", "content": {"type": "text", "text": "x"}}, "a text or blocks"),
        ({"role": "user", "content": SURROGATE}, "lone surrogate"),
        ({"role": "user", "content": [{"type": "text", "text": SURROGATE}]}, "lone surrogate"),
        ({"role": "user", "content": ["x"]}, r"content\[0\]"),
        ({"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "audio"}]}, r"\[1\]"),
        ({"role": "user", "content": [{"type": "text"}]}, r"content\[0\]"),
        ({"role": "user", "content": [{"type": []}]}, r"content\[0\] must be a block"),
        ({"role": "user", "content": [{"text": "x"}]}, r"content\[0\] must be a block"),
        ({"role": "user", "content": [{"type": "text", "text": 7}]}, r"content\[0\].text"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {1, 2}}]}, "content"),
        ({"role": "user", "content": "x", "token_count": -1}, "token_count"),
        ({"role": "user", "content": "x", "token_count": 1.5}, "token_count"),
        ({"role": "user", "content": "x", "token_count": True}, "token_count"),
        ({"role": "user", "content": "x", "token_count": 2**53}, "token_count"),
        ({"role": "user", "content": "x", "metadata": "m"}, "metadata"),
        ({"role": "user", "content": "x", "metadata": {"a": object()}}, "metadata"),
        ({"role": "user", "content": "x", "metadata": {"a": float("inf")}}, "metadata"),
        ({"role": "user", "content": "x", "metadata": {"toolCalls": "c"}}, "toolCalls"),
        ({"role": "user", "content": "x", "metadata": {"toolCalls": [{"id": "1"}]}}, "toolCalls"),
        ({"role": "user", "content": "x", "tool_results": [{"x": 1}]}, "toolResults"),
        (a_call(arguments={"thing": "e"}), "arguments in toolCalls must be a str, not dict"),
        (a_call(arguments=None), "arguments in toolCalls must be a str, not None"),
        (a_call(name=7), "name in toolCalls must be a str, not int"),
        (a_call(id=None), "id in toolCalls must be a str, not None"),
        (a_call(arguments=SURROGATE), "arguments in toolCalls can not hold a lone surrogate"),
        (a_result(result=12), "result in toolResults must be a str, not int"),
        (a_result(is_error="maybe"), "isError in toolResults must be a bool, not str"),
        (a_result(tool_call_id=None), "toolCallId in toolResults must be a str, not None"),
        ({"role": "user", "content": "x", "tool_calls": [7]}, "toolCalls must be objects, not int"),
        ({"role": "user", "content": "x", "id": ""}, "id is required"),
        ({"role": "user", "content": "x", "id": 7}, "id must be a str"),
        ({"role": "user", "content": "x", "colour": "red"}, "a message has no colour"),
        ("hello", "a message must be a mapping"),
        (7, "a message must be a mapping"),
        (None, "Message role is required|a message must be"),
    ],
)
def test_a_message_that_is_none(managed: Managed, message: Any, match: str) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")
    heard = Heard()
    manager.on("*", heard)

    with pytest.raises(ValidationError, match=match):
        manager.add_message("s", message)

    assert manager.get_session("s").message_count == 0
    assert heard.events == []


@pytest.mark.parametrize(
    ("updates", "match"),
    [
        ({"role": "bot"}, "role must be one of"),
        ({"content": None}, "Message content is required"),
        ({"content": 7}, "a text or blocks"),
        ({"id": "n"}, "id is kept by the store"),
        ({"sessionId": "t"}, "session_id is kept by the store"),
        ({"sequence": 9}, "sequence is kept by the store"),
        ({"createdAt": "2026-01-01T00:00:00Z"}, "created_at is kept by the store"),
        ({"token_count": -1}, "token_count"),
        ({"metadata": {"a": object()}}, "metadata"),
        ({"colour": "red"}, "has no colour"),
        (7, "updates must be a mapping"),
    ],
)
def test_a_change_of_a_message_that_is_none(managed: Managed, updates: Any, match: str) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")
    kept = manager.add_message("s", role="user", content="x", message_id="m")

    with pytest.raises(ValidationError, match=match):
        manager.update_message("s", "m", updates)

    assert list(manager.get_messages("s")) == [kept]


@pytest.mark.parametrize(
    ("session", "match"),
    [
        ({"session_id": ""}, "the id of a session is required"),
        ({"session_id": 7}, "the id of a session must be a str"),
        ({"session_id": SURROGATE}, "lone surrogate"),
        ({"session_id": "a:messages"}, "can not hold ':messages'"),
        ({"session_id": "a:messages:b"}, "can not hold ':messages'"),
        ({"session_id": "a:seq"}, "end with ':seq'"),
        ({"user_id": ""}, "user_id is required"),
        ({"user_id": 7}, "user_id must be a str"),
        ({"active_agent_id": b"a"}, "active_agent_id must be a str"),
        ({"metadata": []}, "metadata must be a mapping"),
        ({"metadata": {"a": object()}}, "metadata"),
        ({"metadata": {"tags": "a"}}, "tags in metadata must be a list of texts"),
        ({"metadata": {"tags": [1]}}, "tags in metadata must be a list of texts"),
        ({"metadata": {"title": 7}}, "the title in metadata"),
        ({"participants": "p"}, "participants? must be a "),
        ({"participants": 7}, "participants must be a list"),
        ({"token_budget": {}}, "max_tokens"),
        ({"token_budget": {"max_tokens": 0}}, "max_tokens must be an int of 1 or more"),
        ({"token_budget": {"max_tokens": -5}}, "max_tokens"),
        ({"token_budget": {"max_tokens": 1.5}}, "max_tokens"),
        ({"token_budget": {"max_tokens": True}}, "max_tokens"),
        ({"token_budget": {"max_tokens": 10, "reserve_tokens": -1}}, "reserve_tokens"),
        ({"token_budget": {"max_tokens": 10, "reserve_tokens": 10}}, "less than max_tokens"),
        ({"token_budget": {"max_tokens": 10, "overflow_strategy": "burst"}}, "overflow_strategy"),
        ({"token_budget": {"max_tokens": 10, "most": 3}}, "there is no most in token_budget"),
        ({"compression": {"target_tokens": 10}}, "Unsupported compression strategy"),
        (
            {"compression": {"strategy": "zip"}},
            "Unsupported compression strategy, none of sliding_",
        ),
        ({"compression": {"strategy": ["zip"]}}, "Unsupported compression strategy"),
        ({"compression": {"strategy": "hybrid"}}, "target_tokens"),
        ({"compression": {"strategy": "hybrid", "target_tokens": 0}}, "target_tokens"),
        (
            {"compression": {"strategy": "sliding_window", "target_tokens": 1, "max_messages": 0}},
            "max",
        ),
        (
            {"compression": {"strategy": "hybrid", "target_tokens": 9, "summarizer": 7}},
            "summarizer",
        ),
        (
            {"compression": {"strategy": "hybrid", "target_tokens": 9, "min_messages": 1}},
            "min_mess",
        ),
    ],
)
def test_a_session_that_is_none(managed: Managed, session: Any, match: str) -> None:
    manager = managed.manager()
    heard = Heard()
    manager.on("*", heard)

    with pytest.raises(ValidationError, match=match):
        manager.create_session(**session)

    assert list(manager.list_sessions()) == []
    assert heard.events == []


@pytest.mark.parametrize(
    ("updates", "match"),
    [
        ({"status": "asleep"}, "status must be one of active, paused, completed, expired"),
        ({"status": None}, "status must be one of"),
        ({"id": "t"}, "id is kept by the store"),
        ({"createdAt": "2026-01-01T00:00:00Z"}, "created_at is kept"),
        ({"lastActivityAt": "2026-01-01T00:00:00Z"}, "last_activity_at is kept"),
        ({"version": 9}, "version is kept"),
        ({"tokenCount": 9}, "token_count is kept"),
        ({"message_count": 9}, "message_count is kept"),
        ({"metadata": None}, "metadata must be a mapping"),
        ({"compression_state": None}, "compression_state is kept by the store"),
        ({"compressionState": {"strategy": "x"}}, "compression_state is kept by the store"),
        ({"expires_at": NAIVE}, "expires_at: it needs a time zone"),
        ({"expires_at": "tomorrow"}, "expires_at: it is no ISO date"),
        ({"expires_at": 1_700_000_000}, "expires_at must be a datetime"),
        ({"user_id": ""}, "user_id is required"),
        ({"colour": "red"}, "a session has no colour"),
        (7, "updates must be a mapping"),
    ],
)
def test_a_change_of_a_session_that_is_none(managed: Managed, updates: Any, match: str) -> None:
    manager = managed.manager()
    created = manager.create_session(session_id="s")

    with pytest.raises(ValidationError, match=match):
        manager.update_session("s", updates)

    assert manager.get_session("s") == created


@pytest.mark.parametrize("version", [-1, 1.0, True, "1"])
def test_a_version_that_is_none(managed: Managed, version: Any) -> None:
    manager = managed.manager()
    created = manager.create_session(session_id="s")

    with pytest.raises(ValidationError, match="expected_version"):
        manager.update_session("s", {"user_id": "u"}, expected_version=version)

    assert manager.get_session("s") == created


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"limit": -1}, "limit must be an int of 0 or more"),
        ({"limit": 1.5}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": "3"}, "limit"),
        ({"offset": -1}, "offset"),
        ({"order": "up"}, "order must be one of asc, desc"),
        ({"after": NAIVE}, "after: it needs a time zone"),
        ({"after": "soon"}, "after: it is no ISO date"),
        ({"before": 7}, "before must be a datetime"),
        ({"roles": "user"}, "roles must be a list, not str"),
        ({"roles": 5}, "roles must be a list, not int"),
        ({"roles": ["bot"]}, "roles must be one of"),
        ({"colour": "red"}, "there is no colour in options"),
    ],
)
def test_a_question_for_messages_that_is_none(managed: Managed, options: Any, match: str) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")

    with pytest.raises(ValidationError, match=match):
        manager.get_messages("s", options)
    with pytest.raises(ValidationError, match=match):
        manager.get_messages("s", **options)


@pytest.mark.parametrize(
    ("filters", "match"),
    [
        ({"limit": -1}, "limit"),
        ({"offset": -1}, "offset"),
        ({"offset": 1.5}, "offset"),
        ({"status": "asleep"}, "status must be one of"),
        ({"user_id": ""}, "user_id is required"),
        ({"user_id": 7}, "user_id must be a str"),
        ({"tags": "a"}, "tags must be a list, not str"),
        ({"tags": 5}, "tags must be a list, not int"),
        ({"tags": [1]}, "tags must be a list of texts"),
        ({"created_after": NAIVE}, "created_after: it needs a time zone"),
        ({"created_before": "9999-99-99"}, "created_before: "),
        ({"order_by": "size"}, "order_by must be one of created, activity"),
        ({"order": "up"}, "order must be one of"),
        ({"colour": "red"}, "there is no colour in filters"),
    ],
)
def test_a_question_for_sessions_that_is_none(managed: Managed, filters: Any, match: str) -> None:
    manager = managed.manager()

    with pytest.raises(ValidationError, match=match):
        manager.list_sessions(filters)
    with pytest.raises(ValidationError, match=match):
        manager.list_sessions(**filters)
    if not {"limit", "offset", "order", "order_by"} & set(filters):
        with pytest.raises(ValidationError, match=match):
            manager.recent_sessions(**filters)


@pytest.mark.parametrize("limit", [-1, 0.5, True, "20"])
def test_a_length_of_a_page_that_is_none(managed: Managed, limit: Any) -> None:
    with pytest.raises(ValidationError, match="limit"):
        managed.manager().recent_sessions(limit=limit)


@pytest.mark.parametrize("name", ["", None, 7, SURROGATE, b"s"])
@pytest.mark.parametrize(
    "call",
    [
        "get_session",
        "end_session",
        "delete_session",
        "pause_session",
        "resume_session",
        "get_messages",
        "delete_all_messages",
        "get_participants",
        "get_handoffs",
        "get_conversation_context",
        "compress_context",
    ],
)
def test_a_name_that_is_none(managed: Managed, call: str, name: Any) -> None:
    with pytest.raises(ValidationError, match="the id of a session"):
        getattr(managed.manager(), call)(name)


@pytest.mark.parametrize(
    "options",
    [
        {"token_counter": 7},
        {"token_budget": 100},
        {"token_budget": {"max_tokens": 0}},
        {"compression": "hybrid"},
        {"compression": {"strategy": "zip"}},
        {"summarizer": "gpt"},
        {"summarizer_timeout": 0},
        {"summarizer_timeout": -1},
        {"summarizer_timeout": float("nan")},
        {"image_token_cost": -1},
        {"image_token_cost": 1.5},
        {"session_ttl": 0},
        {"session_ttl": -1},
        {"session_ttl": float("nan")},
        {"session_ttl": True},
        {"cleanup_interval": -1},
        {"cleanup_interval": float("nan")},
    ],
)
def test_a_manager_that_is_none(managed: Managed, options: dict[str, Any]) -> None:
    """Said when it is made, and not later."""
    adapter = managed.by_calls(managed.adapter())

    with pytest.raises((ValueError, TypeError)) as caught:
        managed.half.SessionManager(managed.adapter(), **options)

    assert str(caught.value)
    assert list(adapter.list_sessions()) == []


@pytest.mark.parametrize("adapter", [None, 7, {}, "redis://localhost", object()])
def test_an_adapter_that_is_none(managed: Managed, adapter: Any) -> None:
    with pytest.raises(
        ValidationError, match=r"storage must be a storage.*ContinuityAdapter, not "
    ):
        managed.half.SessionManager(adapter)


def test_an_adapter_of_the_other_colour(managed: Managed) -> None:
    """Before it has done anything that nobody could await."""
    other = import_module(next(name for name in HALVES if name != managed.half.__name__))

    with pytest.raises(ValidationError, match=managed.half.__name__) as caught:
        managed.half.SessionManager(other.MemoryAdapter())

    assert "not MemoryAdapter" in str(caught.value)


MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789_000, tzinfo=timezone.utc)

FORMS = [
    (MOMENT, MOMENT),
    (MOMENT.astimezone(timezone(timedelta(hours=-9, minutes=-30))), MOMENT),
    ("2026-02-03T04:05:06.789Z", MOMENT),
    ("2026-02-03T04:05:06.789+00:00", MOMENT),
    ("2026-02-03T05:05:06.789+01:00", MOMENT),
    ("2026-02-03T05:05:06.789+01", MOMENT),
    ("2026-02-02T18:35:06.789-0930", MOMENT),
    ("2026-02-03T04:05:06.789", MOMENT),
    ("2026-02-03 04:05:06.789999Z", MOMENT),
    ("20260203T040506.789Z", MOMENT),
    ("2026-02-03T04:05:06,789z", MOMENT),
    ("2026-02-03T04:05:06Z", MOMENT.replace(microsecond=0)),
    ("2026-02-03T04:05Z", MOMENT.replace(second=0, microsecond=0)),
    ("2026-02-03", MOMENT.replace(hour=0, minute=0, second=0, microsecond=0)),
]


def test_a_moment_in_every_form(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    manager.add_message("s", role="user", content="x")

    for form, moment in FORMS:
        assert manager.update_session("s", expires_at=form).expires_at == moment
        assert manager.get_session("s").expires_at == moment
        assert [one.id for one in manager.list_sessions(created_before=form)] == ["s"]
        assert list(manager.list_sessions(created_after=form)) == []
        assert len(manager.get_messages("s", before=form)) == 1
        assert len(manager.get_messages("s", after=form)) == 0


@pytest.mark.parametrize(
    "form",
    [
        "",
        "now",
        "2026-02-30",
        "2026-13-01",
        "2026-02-03T25:00:00Z",
        "2026-02-03T04:05:60.5Z1",
        "2026-02-03T04:05:06+99:00",
        "2026-2-3",
        "1700000000000",
        "0001-01-01T00:00:00+01:00",
        "2026-02-03T04:05:06.789Z\n",
        "\uff12\uff10\uff12\uff16-02-03",
    ],
)
def test_a_moment_in_no_form(managed: Managed, form: str) -> None:
    manager = managed.manager()
    created = manager.create_session(session_id="s")

    with pytest.raises(ValidationError, match="expires_at"):
        manager.update_session("s", expires_at=form)

    assert manager.get_session("s") == created


TEXTS = ("", "\0", "é😀", "a\r\nb", "x" * 10_000, "[1]", '{"a":1}', "  ")


def test_a_text_is_kept_as_it_is(everywhere: Managed) -> None:
    manager = everywhere.manager()
    for text in TEXTS:
        name, message, told = f"s{text}", f"m{text}", {"custom": {text: text}}
        block = [{"type": "text", "text": text}]
        manager.create_session(session_id=name, user_id=f"u{text}", metadata=told)
        manager.add_message(
            name, role="user", content=text, message_id=message, metadata={"a": text}
        )
        manager.add_message(name, role="user", content=block)

        whole, blocks = manager.get_messages(name)
        assert (whole.id, whole.content, whole.metadata) == (message, text, {"a": text})
        assert blocks.content == block
        [session] = manager.list_sessions(user_id=f"u{text}")
        assert (session.id, session.metadata) == (name, told)


def test_a_user_whose_name_is_a_pattern(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="theirs", user_id="ab")

    for user in ("*", "a*", "[ab]", "a?", "\\", "a\\*"):
        manager.create_session(session_id="mine", user_id=user)
        assert [one.id for one in manager.list_sessions(user_id=user)] == ["mine"]
        assert manager.erase_user(user) == 1
        assert [one.id for one in manager.list_sessions()] == ["theirs"]


def test_what_is_handed_over_and_given_back_is_nobody_elses(managed: Managed) -> None:
    manager = managed.manager()
    tags, inner, blocks = ["a"], {"n": [1]}, [{"type": "text", "text": "x"}]
    manager.create_session(session_id="s", metadata={"tags": tags, "custom": inner})
    manager.add_message("s", role="user", content=blocks, metadata={"a": inner})

    tags.append("b")
    inner["n"].append(2)
    blocks[0]["text"] = "y"
    manager.get_session("s").metadata["tags"].append("c")
    manager.get_messages("s")[0].content.append({})
    manager.get_messages("s")[0].metadata["a"]["n"].append(3)

    assert manager.get_session("s").metadata == {"tags": ["a"], "custom": {"n": [1]}}
    [message] = manager.get_messages("s")
    assert message.content == [{"type": "text", "text": "x"}]
    assert message.metadata == {"a": {"n": [1]}}


STATE = {"strategy": "hybrid", "signature": "s", "kept_message_ids": ["m"], "summary": "x"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": {1}},
        {"strategy": None},
        {"signature": 7},
        {"kept_message_ids": [1]},
        {"kept_message_ids": 5},
        {"kept_message_ids": "m"},
        {"summary": b"x"},
        {"summary_token_count": "9"},
        {"compressed_token_count": -1},
        {"updated_at": "garbage"},
        {"colour": "red"},
    ],
)
def test_a_state_of_a_compression_that_is_none(everywhere: Managed, wrong: dict[str, Any]) -> None:
    """It is what a manager keeps of a context, and nothing else of the session changes with it."""
    adapter = everywhere.by_calls(everywhere.adapter())
    adapter.create_session({"id": "s"})
    kept = adapter.update_session("s", {"compression_state": STATE}, quiet=True)

    with pytest.raises(ValidationError):
        adapter.update_session("s", {"compression_state": {**STATE, **wrong}}, quiet=True)
    with pytest.raises(ValidationError, match="kept by the store"):
        adapter.update_session("s", {"compression_state": STATE})

    assert adapter.get_session("s") == kept
    assert kept.compression_state.kept_message_ids == ("m",)
    assert list(adapter.list_sessions()) == [kept]


@pytest.mark.parametrize("cursor", ["", "1", ":s", "x:s", "\u0661:s", "9" * 5000 + ":s", 7, b"1:s"])
def test_a_cursor_that_is_none(managed: Managed, cursor: Any) -> None:
    with pytest.raises(ValidationError, match="a cursor is what a page"):
        managed.manager().recent_sessions(cursor=cursor)


SECRET = "my secret"


@pytest.mark.parametrize(
    "call",
    [
        lambda manager: manager.add_message("s", role=SECRET, content="x"),
        lambda manager: manager.add_message("s", {"role": "user", "content": "x", SECRET: 1}),
        lambda manager: manager.add_message("s", role="user", content="x", token_count=SECRET),
        lambda manager: manager.add_message("s", role="user", content=[{"type": SECRET}]),
        lambda manager: manager.add_message("s", role="tool", content="", tool_calls=[SECRET]),
        lambda manager: manager.get_messages("s", limit=SECRET),
        lambda manager: manager.get_messages("s", {"roles": [SECRET]}),
        lambda manager: manager.get_messages("s", {SECRET: 1}),
        lambda manager: manager.get_messages("s", after=SECRET),
        lambda manager: manager.list_sessions(status=SECRET),
        lambda manager: manager.recent_sessions(cursor=SECRET),
        lambda manager: manager.update_session("s", status=SECRET),
        lambda manager: manager.update_session("s", {SECRET: 1}),
        lambda manager: manager.create_session(compression={"strategy": SECRET}),
        lambda manager: manager.create_session(token_budget={"max_tokens": SECRET}),
        lambda manager: manager.add_participant("s", id="p", role=SECRET),
    ],
)
def test_no_error_shows_what_was_handed_over(managed: Managed, call: Any) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")

    with pytest.raises(ValidationError) as caught:
        call(manager)

    assert SECRET not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_what_nobody_here_knows_of_stays_as_it_is(everywhere: Managed) -> None:
    """Members of calls, results and blocks that are those of a provider."""
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    call = {"type": "function", "createdAt": 1, "id": "1", "name": "f", "arguments": "{}"}
    result = {"x": {"y": None}, "toolCallId": "1", "result": "r", "isError": False}
    block = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}

    manager.add_message("s", role="assistant", content=[block], tool_calls=[call])
    manager.add_message("s", role="tool", content="", metadata={"toolResults": [result]})
    for one in manager.get_messages("s"):
        manager.update_message("s", one.id, metadata={**one.metadata, "more": 1})

    first, second = manager.get_messages("s")
    assert first.content == [block]
    assert first.metadata == {"toolCalls": [call], "more": 1}
    assert second.metadata == {"toolResults": [result], "more": 1}
    assert (second.tool_results[0].result, second.tool_results[0].is_error) == ("r", False)


def test_a_message_that_was_read_can_be_handed_over(everywhere: Managed) -> None:
    """What only a message that is kept has is told anew; under its id it is there but once."""
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    call = {"id": "1", "name": "f", "arguments": "{}"}
    manager.add_message("s", role="assistant", content="x", tool_calls=[call], message_id="m")
    manager.add_message("s", role="user", content="y", message_id="n")
    kept = manager.update_message("s", "n", content="z")

    assert manager.add_message("s", kept) == kept
    manager.delete_message("s", "n")
    everywhere.clock.tick(1)
    again = manager.add_message("s", kept)

    assert again == kept._replace(sequence=3, updated_at=None)


def test_somebody_who_takes_part_from_the_beginning_is_there_once(managed: Managed) -> None:
    manager = managed.manager()
    gone = {"id": "b", "left_at": "2026-01-01"}

    session = manager.create_session(participants=[{"id": "a"}, {"id": "a"}, gone, {"id": "b"}])

    assert [(one.id, one.left_at is None) for one in session.participants] == [
        ("a", True),
        ("b", False),
        ("b", True),
    ]


def test_the_text_of_a_message_is_that_of_its_content(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")
    blocks = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}]
    call = {"id": "1", "name": "f", "arguments": "{}"}

    whole = manager.add_message("s", role="assistant", content="x", tool_calls=[call])
    parts = manager.add_message("s", role="user", content=[*blocks, {"type": "text", "text": "b"}])

    assert (whole.text, parts.text) == ("x", "ab")
