"""What is kept, maybe by others, is read member by member: what can be read is, what can not be is
told by its name, and a file takes all that can be read."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.codecs import UnreadableError
from storage.core.dialog.file_checks import checked_message, checked_session
from storage.core.dialog.files import HEADER, ending, lines, told
from storage.core.dialog.records import Message
from storage.core.dialog.wire import message, message_fields, session, session_fields
from storage.dialogs import Held
from tests.continuity.managed import Managed

DATE = "2026-06-10T12:00:00.000Z"
FIELDS = {"id": "s", "status": "active", "createdAt": DATE, "lastActivityAt": DATE}


@pytest.mark.parametrize(
    "compression",
    [
        {"strategy": "token_pruning", "targetTokens": 5},
        {"strategy": ["hybrid"]},
        {"strategy": None},
        {"targetTokens": 9},
        {},
    ],
)
def test_a_compression_of_a_strategy_that_nobody_knows_is_none(compression: Any) -> None:
    read = session(Held({**FIELDS, "compression": json.dumps(compression)}))

    assert read.compression is None


STATE = {"strategy": "hybrid", "signature": "s", "compressedTokenCount": 1}


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"tokenBudget": {"maxTokens": "40"}}, "maxTokens of tokenBudget"),
        ({"tokenBudget": {"maxTokens": True}}, "maxTokens of tokenBudget"),
        ({"tokenBudget": {"maxTokens": 4, "reserveTokens": []}}, "reserveTokens of tokenBudget"),
        ({"tokenBudget": {"maxTokens": 4, "overflowStrategy": 1}}, "overflowStrategy of"),
        ({"tokenBudget": {"maxTokens": None}}, "tokenBudget"),
        ({"tokenBudget": [1]}, "tokenBudget"),
        ({"compression": {"strategy": "hybrid", "targetTokens": None}}, "compression"),
        ({"compression": {"strategy": "hybrid", "targetTokens": "4"}}, "targetTokens of"),
        ({"compression": 5}, "compression"),
        ({"participants": [{"id": "p", "role": 5}]}, "participants"),
        ({"participants": [{"id": "p", "metadata": "m"}]}, "participants"),
        ({"participants": [5]}, "participants"),
        ({"state": {**STATE, "keptMessageIds": 5}}, "keptMessageIds of compressionState"),
        ({"state": {**STATE, "keptMessageIds": [5]}}, "keptMessageIds of compressionState"),
        ({"state": {**STATE, "updatedAt": "soon"}}, "updatedAt of compressionState"),
        ({"state": {**STATE, "signature": {}}}, "signature of compressionState"),
        ({"state": {"strategy": "hybrid"}}, "compressionState"),
    ],
)
def test_a_member_of_another_type_is_told_by_its_name(fields: dict[str, Any], match: str) -> None:
    texts = {name: json.dumps(value) for name, value in fields.items()}
    held = Held(FIELDS | texts, compression=texts.pop("state", ""))

    with pytest.raises(UnreadableError, match=match):
        session(held)


def test_what_is_none_is_as_if_it_were_not_there() -> None:
    budget = {"maxTokens": 9.0, "reserveTokens": None, "overflowStrategy": None, "burst": 1}
    config = {"strategy": "hybrid", "targetTokens": 5, "maxMessages": None, "summarizer": {}}
    texts = {"tokenBudget": json.dumps(budget), "compression": json.dumps(config)}

    read = session(Held(FIELDS | texts))

    assert read.token_budget is not None
    assert read.token_budget[:2] == (9, 0)
    assert read.compression is not None
    assert read.compression[:2] == (5, 20)


def test_what_is_no_text_in_a_call_is_read_as_json() -> None:
    metadata = {
        "toolCalls": [{"id": 7, "name": None, "arguments": {"thing": "é", "on": True}}],
        "toolResults": [{"toolCallId": "1", "result": [None, 1.5], "isError": "maybe"}],
    }
    fields = {"id": "m", "role": "tool", "createdAt": DATE, "metadata": json.dumps(metadata)}

    read = message(fields)

    assert read.tool_calls == (("7", "", '{"thing":"é","on":true}'),)
    assert read.tool_results == (("1", "[null,1.5]", None),)


def test_one_that_somebody_else_compresses_is_listed(on_redis: Managed) -> None:
    manager = on_redis.manager()
    manager.create_session(session_id="s", user_id="u")
    told = '{"strategy":"token_pruning","targetTokens":5}'
    on_redis.call("HSET", "session:s", "compression", told)

    assert [one.compression for one in manager.list_sessions()] == [None]
    assert manager.export_sessions(io.BytesIO()) == 1
    assert manager.erase_user("u") == 1


# A file takes what can be read.

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
DATES = st.sampled_from([DATE, "2026-06-10", "20260610T120000,5+01", "0001-01-01T00:00:00Z"])
BLOCKS = st.lists(st.fixed_dictionaries({"type": JSON}, optional={"text": JSON}) | OBJECTS)
CALLS = st.fixed_dictionaries(
    {}, optional={"toolCalls": JSON | BLOCKS, "toolResults": JSON | BLOCKS, "tool_calls": JSON}
)


def objects(*required: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    needed = {name: members.pop(name) for name in required}
    return st.fixed_dictionaries(needed, optional=members).map(json.dumps)


PARTICIPANTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": JSON,
            "role": TEXTS | st.none(),
            "metadata": OBJECTS | st.none(),
            "joinedAt": DATES | st.none() | st.just(""),
            "more": JSON,
        },
    ),
    max_size=3,
)
SESSIONS = st.fixed_dictionaries(
    {"id": st.sampled_from(["s", "a b", "é"]), "status": TEXTS}
    | dict.fromkeys(("createdAt", "lastActivityAt"), DATES),
    optional={
        "userId": TEXTS,
        "activeAgentId": TEXTS,
        "metadata": st.fixed_dictionaries(
            {}, optional={"tags": JSON, "title": JSON, "x": JSON}
        ).map(json.dumps),
        "participants": PARTICIPANTS.map(json.dumps),
        "schemaVersion": st.integers(-5, 5).map(str),
        "version": st.integers(-5, 2**53 - 1).map(str),
        "expiresAt": DATES | st.just(""),
        "title": TEXTS,
        "tokenBudget": objects(
            "maxTokens", maxTokens=NUMBERS, reserveTokens=NUMBERS, overflowStrategy=TEXTS, x=JSON
        ),
        "compression": objects(
            "targetTokens",
            "strategy",
            strategy=st.sampled_from(["sliding_window", "summarization", "hybrid", "zip"]),
            targetTokens=NUMBERS,
            maxMessages=NUMBERS | st.none(),
            summaryOverhead=NUMBERS | st.none(),
            summarizationPrompt=TEXTS | st.none(),
        ),
    },
)
MESSAGES = st.fixed_dictionaries(
    {"id": TEXTS, "role": TEXTS, "createdAt": DATES},
    optional={
        "sessionId": TEXTS,
        "sequence": st.integers(0, 9).map(str),
        "tokenCount": st.integers(-9, 99).map(str) | st.just(""),
        "metadata": (OBJECTS | CALLS).map(json.dumps) | st.just(""),
        "updatedAt": DATES,
    },
)
WHOLE = st.fixed_dictionaries({"content": TEXTS}, optional={"contentType": st.just("string")})
CONTENTS = WHOLE | st.fixed_dictionaries(
    {"content": BLOCKS.map(json.dumps), "contentType": st.just("json")}
)


@given(SESSIONS, MESSAGES, CONTENTS)
def test_a_file_takes_all_that_can_be_read(
    fields: dict[str, str], said: dict[str, str], content: dict[str, str]
) -> None:
    """And it is read as what it was."""
    kept, added = session(Held(fields)), message(said | content)

    (one,) = told([HEADER, *lines(kept, [added]), ending(1)], "a file")

    put, _ = session_fields(one.session)
    again, _ = message_fields({"token_count": None, "metadata": None, **one.messages[0]})
    assert session(Held(put)) == kept._replace(compression_state=None)
    assert message(again) == alone(added)


def alone(message: Message) -> Message:
    """A message that is in no session."""
    return message._replace(session_id="", sequence=None)


def test_a_file_checks_what_it_tells() -> None:
    """By the names of here as well."""
    told_session = checked_session({"id": "s", "user_id": "", "metadata": {"tags": "a,b"}})
    told_message = checked_message({"id": "", "role": "x", "token_count": -1, "updated_at": DATE})

    assert told_session["user_id"] == ""
    assert told_message["content"] == ""
