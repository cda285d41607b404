"""What `docs/design.md` says of the cost of session continuity is so."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from storage import continuity
from storage.continuity import SessionManager
from tests.docs.test_trips import Counted
from tests.house.tree import ROOT
from tests.servers import Server
from tests.servers.counting import counted

ROW = re.compile(r"^\| (.*?) \| (\d+) \| (\d+) \|$", re.MULTILINE)
BUDGET = {"max_tokens": 40, "overflow_strategy": "compress"}
SUMMING = continuity.SummarizationConfig(target_tokens=20)
IDS = ("a", "b", "c")


def written(manager: SessionManager) -> bytes:
    """A file of three sessions with a message each."""
    file = io.BytesIO()
    manager.export_sessions(file)
    for name in IDS:
        manager.delete_session(name)
    return file.getvalue()


Work = Callable[[SessionManager, bytes], object]

OPERATIONS: dict[str, list[Work]] = {
    "`create_session`": [lambda m, _: m.create_session(user_id="ann")],
    "`get_session`, `get_participants`, `get_handoffs`": [
        lambda m, _: m.get_session("a"),
        lambda m, _: m.get_participants("a"),
        lambda m, _: m.get_handoffs("a"),
    ],
    "`update_session`, `pause_session`, `resume_session`, `end_session`": [
        lambda m, _: m.update_session("a", active_agent_id="desk", expected_version=1),
        lambda m, _: m.pause_session("a"),
        lambda m, _: m.resume_session("a"),
        lambda m, _: m.end_session("a"),
    ],
    "`update_session`, of metadata": [
        lambda m, _: m.update_session("a", metadata={"title": "a lamp"}),
    ],
    "`delete_session`": [lambda m, _: m.delete_session("a")],
    "`add_message`": [lambda m, _: m.add_message("a", role="user", content="x", message_id="x")],
    "`get_messages`, `get_message`": [
        lambda m, _: m.get_messages("a", roles=["user"], limit=2),
        lambda m, _: m.get_message("a", "a-1"),
    ],
    "`update_message`, of content or of metadata": [
        lambda m, _: m.update_message("a", "a-1", content="Hello there, Ann"),
        lambda m, _: m.update_message("a", "a-1", metadata={"a": 1}),
    ],
    "`update_message`, of both, or with a `token_count`": [
        lambda m, _: m.update_message("a", "a-1", content="Hello", metadata=None),
        lambda m, _: m.update_message("a", "a-1", content="Hello", token_count=2),
    ],
    "`delete_message`, `delete_all_messages`": [
        lambda m, _: m.delete_message("a", "a-1"),
        lambda m, _: m.delete_all_messages("a"),
    ],
    "`get_conversation_context`, `compress_context`": [
        lambda m, _: m.get_conversation_context("a"),
        lambda m, _: m.get_conversation_context_with_stats("a"),
        lambda m, _: m.compress_context("long"),
    ],
    "`get_conversation_context`, with a new summary": [
        lambda m, _: m.get_conversation_context("long"),
    ],
    "`add_participant`, `remove_participant`, `handoff_to_agent`": [
        lambda m, _: m.add_participant("a", id="ann"),
        lambda m, _: m.remove_participant("a", "bob"),
        lambda m, _: m.handoff_to_agent("a", "desk"),
    ],
    "`list_sessions`, `recent_sessions`, of a user": [
        lambda m, _: m.list_sessions(user_id="ann"),
        lambda m, _: m.recent_sessions(user_id="ann", status="active", limit=2),
    ],
    "`list_sessions`, `recent_sessions`, of everybody": [
        lambda m, _: m.list_sessions(),
        lambda m, _: m.recent_sessions(tags=["a"]),
    ],
    "`erase_user`, of 3 sessions": [lambda m, _: m.erase_user("ann")],
    "`cleanup_expired_sessions`, of 3 sessions": [
        lambda m, _: m.cleanup_expired_sessions(),
    ],
    "`export_sessions`, of 3 sessions of a user": [
        lambda m, _: m.export_sessions(io.BytesIO(), user_id="ann"),
    ],
    "`import_sessions`, of 3 sessions with a message each": [
        lambda m, file: m.import_sessions(io.BytesIO(file)),
    ],
    "`health`": [lambda m, _: m.health()],
}


def costs() -> dict[str, tuple[int, int]]:
    """The rows of the table."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.partition("| session continuity | trips | trips to Redis |\n")[2]
    rows = ROW.findall(table.partition("\n\n")[0])
    return {operation: (int(room), int(server)) for operation, room, server in rows}


def summarized(messages: list[Any], prompt: str | None) -> str:
    return "what was said"


def begin(manager: SessionManager, name: str, **more: object) -> None:
    """A session of Ann, in which Bob takes part."""
    told = {"id": name, "user_id": "ann", "participants": [{"id": "bob"}], **more}
    manager._adapter.create_session(told)


def filled(manager: SessionManager, row: str) -> bytes:
    """What an operation of the *row* meets: three sessions of a user, and one that is long; or a
    file of the three."""
    if "cleanup" in row:
        for name in IDS:
            begin(manager, name, expires_at="2001-01-01")
        return b""
    for name in IDS:
        begin(manager, name, token_budget=BUDGET)
        manager.add_message(name, role="user", content="hello there, ann", message_id=f"{name}-1")
    if "import" in row:
        return written(manager)
    if "context" in row:
        begin(manager, "long", token_budget=BUDGET, compression=SUMMING)
        for number in range(10):
            manager.add_message("long", role="user", content=f"this is message number {number}")
    return b""


def test_the_table_has_every_operation() -> None:
    assert costs().keys() == OPERATIONS.keys()


def test_the_table_has_every_method() -> None:
    """And none that is not there."""
    named = set(re.findall(r"`(\w+)`", " ".join(costs()))) - {"token_count"}
    plain = {"on", "once", "off", "remove_all_listeners", "close"}
    same = {"get_conversation_context_with_stats"}

    assert named == {name for name in vars(SessionManager) if name[0] != "_"} - plain - same


@pytest.mark.parametrize("row", OPERATIONS)
def test_an_operation_takes_as_many_trips_as_the_table_says(row: str) -> None:
    told = []
    for work in OPERATIONS[row]:
        adapter = continuity.MemoryAdapter()
        with SessionManager(adapter, summarizer=summarized) as manager:
            file = filled(manager, row)
            room = Counted(adapter._room)
            adapter._room = room  # type: ignore[assignment]
            work(manager, file)
        told.append(room.calls)

    assert told == [costs()[row][0]] * len(told)


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    """A server that is empty again after the test."""
    yield valkey
    valkey.call("FLUSHALL")


@pytest.mark.parametrize("row", OPERATIONS)
def test_a_server_is_told_as_much_as_the_table_says(row: str, server: Server) -> None:
    told = []
    for work in OPERATIONS[row]:
        for _ in range(2):  # a server that does not know a script yet gets it the first time
            server.call("FLUSHALL")
            adapter = continuity.RedisAdapter(server.url)
            with SessionManager(adapter, summarizer=summarized) as manager:
                file = filled(manager, row)
                with counted(server.connect) as calls:
                    work(manager, file)
        told.append(calls.names)

    assert [len(names) for names in told] == [costs()[row][1]] * len(told), told
