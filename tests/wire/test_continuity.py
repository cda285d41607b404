"""The keys that session-continuity writes, read and written by us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import storage.aio.continuity
import storage.continuity
from storage.testing import Bridge
from tests.continuity.ground import held_still
from tests.servers import Server

HALVES = [storage.continuity, storage.aio.continuity]
GOLDEN: dict[str, Any] = json.loads(
    Path(__file__).with_name("continuity.json").read_text(encoding="utf-8")
)["entries"]
WHEN = datetime(2026, 11, 21, 1, 46, 25, 460_000, timezone.utc)
SUMMARIZER, OVERHEAD = ',"summarizer":{}', ',"summaryOverhead":50'
"""What the other side makes of a function, which is not written here, and what it takes for
granted, which is."""


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    """A server at the moment at which the golden keys were written."""
    held_still(valkey)
    valkey.hold(round(WHEN.timestamp() * 1000))
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture(params=HALVES, ids=["blocking", "aio"])
def adapter(request: pytest.FixtureRequest, server: Server) -> Iterator[Any]:
    with Bridge() as bridge:
        adapter = bridge.driven(request.param.RedisAdapter(server.url))
        yield adapter
        adapter.close()


def as_it_lies(server: Server, key: str) -> Any:
    """What is stored under a key, in the form of the golden ones."""
    wanted = GOLDEN[key]
    if isinstance(wanted, dict):
        words = [one.decode() for one in server.call("HGETALL", key)]
        return dict(zip(words[::2], words[1::2]))
    if isinstance(wanted, str):
        return server.call("GET", key).decode()
    if isinstance(wanted[0], str):
        return sorted(one.decode() for one in server.call("SMEMBERS", key))
    words = server.call("ZRANGE", key, 0, -1, "WITHSCORES")
    return [[name.decode(), int(score)] for name, score in zip(words[::2], words[1::2])]


def lay(server: Server) -> None:
    """Write the golden keys, as the other side does."""
    for key, told in GOLDEN.items():
        if isinstance(told, dict):
            server.call("HSET", key, *[word for pair in told.items() for word in pair])
        elif isinstance(told, str):
            server.call("SET", key, told)
        elif isinstance(told[0], str):
            server.call("SADD", key, *told)
        else:
            server.call("ZADD", key, *[word for name, score in told for word in (score, name)])


def test_we_write_what_the_other_side_writes(adapter: Any, server: Server) -> None:
    session = {
        "id": "s1",
        "userId": "u1",
        "metadata": {"title": "t", "tags": ["a", "b"]},
        "participants": [{"id": "p", "role": "user", "joinedAt": WHEN}],
        "tokenBudget": {"maxTokens": 40, "reserveTokens": 0, "overflowStrategy": "compress"},
        "compression": {"strategy": "summarization", "targetTokens": 30},
    }
    calls = {"toolCalls": [{"id": "1", "name": "f", "arguments": "{}"}]}
    blocks = [{"type": "text", "text": "hi"}]
    first = {"id": "m1", "role": "user", "content": "hello", "tokenCount": 2}
    second = {"id": "m2", "role": "assistant", "content": blocks, "metadata": calls}

    adapter.create_session(session, session_ttl=3600)
    for message in (first, second):
        adapter.add_message("s1", message)

    for key, told in GOLDEN.items():
        found, wanted = as_it_lies(server, key), told
        if key == "session:s1":
            wanted = {**told, "compression": told["compression"].replace(SUMMARIZER, OVERHEAD)}
        assert found == wanted, key
    assert sorted(server.call("KEYS", "*")) == sorted(
        [*(key.encode() for key in GOLDEN), b"session:s1:messages:state"]
    )


def test_we_read_what_the_other_side_writes(adapter: Any, server: Server) -> None:
    lay(server)

    session = adapter.get_session("s1")
    first, second = adapter.get_messages("s1")

    assert (session.user_id, session.status, session.version) == ("u1", "active", 1)
    assert session.metadata == {"title": "t", "tags": ["a", "b"]}
    assert [(one.id, one.role, one.joined_at) for one in session.participants] == [
        ("p", "user", WHEN)
    ]
    assert (session.created_at, session.last_activity_at) == (WHEN, WHEN)
    assert (session.expires_at - WHEN).total_seconds() == 3600
    assert session.token_budget.max_tokens == 40
    assert session.compression.target_tokens == 30
    assert (session.message_count, session.token_count) == (2, 2)
    assert (first.id, first.content, first.token_count, first.sequence) == ("m1", "hello", 2, 1)
    assert (second.role, second.token_count, second.tool_calls[0].name) == ("assistant", None, "f")
    assert [one.id for one in adapter.list_sessions({"user_id": "u1"})] == ["s1"]
    assert list(adapter.list_session_ids("u1")) == ["s1"]
    for key, told in GOLDEN.items():
        assert as_it_lies(server, key) == told, key
