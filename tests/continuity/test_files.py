"""Sessions in a file are lines of JSON, and what is read of it are those that were there; all of a
file, or nothing of it."""

from __future__ import annotations

import asyncio
import io
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import storage.aio.continuity
from storage.core.dialog.errors import (
    SessionExistsError,
    SessionNotFoundError,
    StorageError,
    ValidationError,
)
from tests.continuity.managed import Managed

BEGIN = b'{"session_continuity":1}\n'


def filled(managed: Managed, manager: Any) -> None:
    """Sessions of all kinds."""
    manager.create_session(
        session_id="full",
        user_id="u",
        active_agent_id="a",
        metadata={"title": "t", "tags": ["x"], "custom": {"n": [1, None, 0.5]}},
        participants=[{"id": "u"}, {"id": "a", "role": "agent", "metadata": {"m": 1}}],
        token_budget={"max_tokens": 100, "overflow_strategy": "error"},
        compression={"strategy": "hybrid", "target_tokens": 40, "max_messages": 3},
    )
    managed.clock.tick(1)
    call = {"id": "1", "name": "f", "arguments": "{}"}
    manager.add_message("full", role="system", content="Be brief.", message_id="m1")
    manager.add_message("full", role="assistant", content="", tool_calls=[call])
    managed.clock.tick(1)
    blocks = [{"type": "text", "text": "é😀\n"}, {"type": "image_url", "image_url": {"url": "x"}}]
    manager.add_message("full", role="user", content=blocks, metadata={"a": 1})
    manager.remove_participant("full", "u")
    manager.handoff_to_agent("full", "b", reason="r", context={"c": 1})
    manager.create_session(session_id="empty", user_id="v")
    manager.create_session(session_id="over")
    manager.add_message("over", role="user", content="x")
    manager.end_session("over")
    manager.create_session(session_id="paused")
    manager.add_message("paused", role="user", content="x")
    manager.pause_session("paused")


def shown(manager: Any) -> dict[str, Any]:
    """All that is there; the numbers of messages begin with 1 wherever they are read again."""
    return {
        session.id: (
            session,
            [one._replace(sequence=None) for one in manager.get_messages(session.id)],
        )
        for session in manager.list_sessions()
    }


def exported(manager: Any, **filters: Any) -> bytes:
    out = io.BytesIO()
    manager.export_sessions(out, **filters)
    return out.getvalue()


def lines(*records: dict[str, Any], end: int | None = None) -> bytes:
    """A file of these records."""
    told = [json.dumps(one).encode() + b"\n" for one in records]
    sessions = sum("session" in one for one in records) if end is None else end
    return b"".join([BEGIN, *told, b'{"sessions":%d}\n' % sessions])


def test_what_was_written_is_what_is_read(everywhere: Managed, tmp_path: Path) -> None:
    manager = everywhere.manager(session_ttl=100)
    filled(everywhere, manager)
    before, file = shown(manager), tmp_path / "sessions.jsonl"
    assert manager.export_sessions(file) == 4
    for name in before:
        manager.delete_session(name)
    everywhere.clock.tick(50)

    assert manager.import_sessions(file) == 4

    assert shown(manager) == before
    assert exported(manager) == file.read_bytes()


def test_a_file_goes_from_place_to_place(everywhere: Managed) -> None:
    manager = everywhere.manager()
    filled(everywhere, manager)
    other = everywhere.by_calls(everywhere.half.MemoryAdapter(clock=everywhere.clock))
    there = everywhere.manager(other._thing if everywhere.is_async else other)

    assert there.import_sessions(io.BytesIO(exported(manager))) == 4

    assert shown(there) == shown(manager)


def test_a_file_is_lines_that_anybody_can_read(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s", user_id="u", metadata={"title": "t"})
    manager.add_message("s", role="user", content="hi", message_id="m")
    date = "2023-11-14T22:13:20.457Z"

    begin, session, message, end = map(json.loads, exported(manager).splitlines())

    assert (begin, end) == ({"session_continuity": 1}, {"sessions": 1})
    assert (
        session["session"].items()
        >= {
            "id": "s",
            "userId": "u",
            "status": "active",
            "metadata": {"title": "t"},
            "createdAt": date,
            "lastActivityAt": date,
            "version": 1,
        }.items()
    )
    assert (
        message["message"].items()
        >= {
            "id": "m",
            "role": "user",
            "content": "hi",
            "tokenCount": 1,
            "createdAt": date,
        }.items()
    )


def test_some_sessions_are_written(managed: Managed) -> None:
    manager = managed.manager()
    filled(managed, manager)
    out = io.BytesIO()

    assert manager.export_sessions(out, {"userId": "u"}) == 1
    assert manager.export_sessions(io.BytesIO(), status="active", limit=1) == 1
    assert manager.export_sessions(io.BytesIO(), user_id="nobody") == 0

    assert b'"full"' in out.getvalue()
    assert b'"empty"' not in out.getvalue()


def test_a_file_of_nothing_is_one(managed: Managed) -> None:
    manager = managed.manager()

    assert exported(manager) == BEGIN + b'{"sessions":0}\n'
    assert manager.import_sessions(io.BytesIO(exported(manager))) == 0


def test_a_session_that_is_there_refuses_the_whole_file(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="b", user_id="mine")
    file = lines({"session": {"id": "a"}}, {"session": {"id": "b"}}, {"session": {"id": "c"}})

    with pytest.raises(SessionExistsError, match="b"):
        manager.import_sessions(io.BytesIO(file))

    assert [(one.id, one.user_id) for one in manager.list_sessions()] == [("b", "mine")]


def test_a_session_that_is_there_may_be_kept(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="b", user_id="mine")
    manager.add_message("b", role="user", content="mine")
    file = lines(
        {"session": {"id": "a"}},
        {"session": {"id": "b"}},
        {"message": {"id": "m", "role": "user", "content": "theirs"}},
    )

    assert manager.import_sessions(io.BytesIO(file), existing="keep") == 1

    assert sorted(one.id for one in manager.list_sessions()) == ["a", "b"]
    assert [one.content for one in manager.get_messages("b")] == ["mine"]


def test_a_session_that_is_there_may_be_replaced(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="b", user_id="mine")
    manager.add_message("b", role="user", content="mine", message_id="m")
    manager.add_message("b", role="user", content="mine too")
    file = lines(
        {"session": {"id": "b", "userId": "theirs"}},
        {"message": {"id": "m", "role": "user", "content": "theirs", "tokenCount": 2}},
    )

    assert manager.import_sessions(io.BytesIO(file), existing="replace") == 1

    session = manager.get_session("b")
    assert (session.user_id, session.message_count, session.token_count) == ("theirs", 1, 2)
    assert [one.content for one in manager.get_messages("b")] == ["theirs"]
    assert list(manager.list_sessions(user_id="mine")) == []


@pytest.mark.parametrize("existing", ["raise", "skip", "", None, 7])
def test_what_becomes_of_those_that_are_there_is_told_by_one_of_three_words(
    managed: Managed, existing: Any
) -> None:
    with pytest.raises(ValidationError, match="existing must be one of refuse, keep, replace"):
        managed.manager().import_sessions(io.BytesIO(lines()), existing=existing)


def test_a_session_with_more_tokens_than_its_budget_has_room_for_is_read(managed: Managed) -> None:
    """As it was made smaller afterwards."""
    manager = managed.manager()
    manager.create_session(session_id="s")
    manager.add_message("s", role="user", content="x" * 400)
    budget = {"max_tokens": 10, "overflow_strategy": "error"}
    manager.update_session("s", token_budget=budget)
    file, before = exported(manager), shown(manager)

    assert manager.import_sessions(io.BytesIO(file), existing="replace") == 1

    assert shown(manager) == before


GOOD = {"session": {"id": "good"}}
MESSAGE = {"message": {"id": "m", "role": "user", "content": "x"}}

BROKEN = {
    "not JSON": (BEGIN + b"{\n", "line 2 of .*dump"),
    "not UTF-8": (BEGIN + b'{"session":{"id":"\xff"}}\n', "line 2"),
    "no begin": (b'{"session":{"id":"s"}}\n', "line 1 .*no file of sessions"),
    "another begin": (b'{"conversations":1}\n', "line 1 .*no file of sessions"),
    "another format": (b'{"session_continuity":2}\n', "line 1 .*format 2"),
    "nothing": (b"", "cut off after line 0"),
    "no end": (BEGIN, "cut off after line 1"),
    "cut off after a session": (lines(GOOD, MESSAGE)[: -len('{"sessions":1}\n')], "cut off"),
    "cut off in a line": (lines(GOOD, MESSAGE)[:-20], "line 3"),
    "a session too few": (lines(GOOD, end=2), "line 3"),
    "more after the end": (lines(GOOD) + b'{"session":{"id":"s"}}\n', "line 4 .*after the end"),
    "a message of nobody": (lines(MESSAGE), "line 2"),
    "a session without an id": (lines(GOOD, {"session": {}}), "line 3 .*id of its own"),
    "a session twice": (lines(GOOD, GOOD), "line 3 .*id of its own"),
    "a message without an id": (
        lines(GOOD, {"message": {"role": "user", "content": "x"}}),
        "line 3 .*id of its own",
    ),
    "a message twice": (lines(GOOD, MESSAGE, MESSAGE), "line 4 .*id of its own"),
    "a message in two sessions": (
        lines(GOOD, MESSAGE, {"session": {"id": "other"}}, MESSAGE),
        "line 5 .*id of its own",
    ),
    "no role": (lines(GOOD, {"message": {"id": "m", "content": "x"}}), "line 3 .*role is required"),
    "a role that is no text": (
        lines(GOOD, {"message": {"id": "m", "role": 7, "content": "x"}}),
        "line 3 .*role must be a str",
    ),
    "a status that is no text": (lines(GOOD, {"session": {"id": "s", "status": 7}}), "line 3"),
    "a budget that is none": (
        lines(GOOD, {"session": {"id": "s", "tokenBudget": {"maxTokens": "9"}}}),
        "line 3 .*maxTokens of tokenBudget can not be read",
    ),
    "participants that are none": (
        lines(GOOD, {"session": {"id": "s", "participants": [7]}}),
        "line 3 .*participants must be an object",
    ),
    "content that is none": (
        lines(GOOD, {"message": {"id": "m", "role": "user", "content": ["x"]}}),
        "line 3 .*content must be an object",
    ),
    "a member that nobody knows": (
        lines(GOOD, {"session": {"id": "s", "colour": "red"}}),
        "line 3 .*a session has no colour",
    ),
    "no date": (lines(GOOD, {"session": {"id": "s", "createdAt": "soon"}}), "line 3 .*created_at"),
    "an id that is none": (lines(GOOD, {"session": {"id": "s:messages"}}), "line 3"),
    "two members": (lines(GOOD, {"session": {"id": "s"}, "message": {}}, end=2), "line 3"),
    "a list": (BEGIN + b"[]\n", "line 2"),
    "an unknown line": (lines(GOOD, {"handoff": {}}), "line 3"),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("existing", ["refuse", "replace"])
def test_a_file_that_is_broken_is_said_where_and_nothing_of_it_is_kept(
    managed: Managed, what: str, existing: str
) -> None:
    content, match = BROKEN[what]
    manager = managed.manager()
    manager.create_session(session_id="good", user_id="before")
    if existing == "refuse":
        manager.delete_session("good")
    before = shown(manager)

    with pytest.raises(ValidationError, match=match):
        manager.import_sessions(io.BytesIO(content), existing=existing)

    assert shown(manager) == before


def test_the_file_is_named(managed: Managed, tmp_path: Path) -> None:
    file = tmp_path / "sessions.jsonl"
    file.write_bytes(BEGIN + b"nonsense\n")

    with pytest.raises(ValidationError, match=r"line 2 of .*sessions\.jsonl"):
        managed.manager().import_sessions(file)
    with pytest.raises(FileNotFoundError):
        managed.manager().import_sessions(tmp_path / "no.jsonl")


@pytest.mark.parametrize("existing", ["refuse", "keep", "replace"])
def test_what_can_not_be_read_to_its_end_leaves_all_as_it_was(
    everywhere: Managed, existing: str
) -> None:
    """A message of the file is one of a session that is not in it."""
    manager = everywhere.manager()
    filled(everywhere, manager)
    if existing != "replace":
        manager.delete_session("full")
        manager.create_session(session_id="else")
        manager.add_message("else", role="user", content="mine", message_id="m1")
    before = shown(manager)
    file = lines(
        {"session": {"id": "new"}},
        {"message": {"id": "n", "role": "user", "content": "x"}},
        {"session": {"id": "over" if existing == "replace" else "newer"}},
        {"message": {"id": "o", "role": "user", "content": "x"}},
        {"message": {"id": "m1", "role": "user", "content": "x"}},
        {"session": {"id": "newest"}},
    )

    with pytest.raises(ValidationError, match="Message m1 is one of another session"):
        manager.import_sessions(io.BytesIO(file), existing=existing)

    assert shown(manager) == before
    assert list(manager.get_messages("new")) == []


def test_a_store_that_fails_in_the_middle_leaves_nothing_half(managed: Managed) -> None:
    kind = type(managed.adapter())
    left = [2]

    class Failing(kind):  # type: ignore[misc, valid-type]
        def add_message(self, *args: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise StorageError("Failed to add message", "memory")
            return super().add_message(*args, **named)

    manager = managed.manager(Failing(clock=managed.clock))
    file = lines({"session": {"id": "a"}}, MESSAGE, {"session": {"id": "b"}}, message("n"))

    with pytest.raises(StorageError, match="Failed to add message"):
        manager.import_sessions(io.BytesIO(file))

    with pytest.raises(SessionNotFoundError):
        manager.get_session("a")
    assert list(manager.list_sessions()) == []
    assert manager.import_sessions(io.BytesIO(file)) == 2


def test_who_gives_up_in_the_middle_leaves_nothing_half() -> None:
    half = storage.aio.continuity

    class Slow(half.MemoryAdapter):
        async def add_message(self, *args: Any, **named: Any) -> Any:
            if args[0] == "b":
                begun.set()
                await asyncio.sleep(60)
            return await super().add_message(*args, **named)

    async def run() -> None:
        manager = half.SessionManager(Slow())
        file = lines({"session": {"id": "a"}}, MESSAGE, {"session": {"id": "b"}}, message("n"))
        reading = asyncio.create_task(manager.import_sessions(io.BytesIO(file)))
        await begun.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        found = await manager.list_sessions()
        assert list(found) == []
        await manager.aclose()

    begun = asyncio.Event()
    asyncio.run(run())


def message(name: str) -> dict[str, Any]:
    return {"message": {"id": name, "role": "user", "content": "x"}}


def test_a_file_that_could_not_be_written_leaves_the_one_that_was_there(
    managed: Managed, tmp_path: Path
) -> None:
    kind = type(managed.adapter())

    class Failing(kind):  # type: ignore[misc, valid-type]
        def get_messages(self, *args: Any, **named: Any) -> Any:
            raise StorageError("Failed to get messages", "memory")

    file = tmp_path / "sessions.jsonl"
    file.write_bytes(b"before")
    manager = managed.manager(Failing(clock=managed.clock))
    manager.create_session(session_id="s")

    with pytest.raises(StorageError):
        manager.export_sessions(file)

    assert file.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.jsonl"]


@pytest.mark.parametrize("file", [None, 7, b"x", io.StringIO()])
def test_a_place_that_is_none_is_refused(managed: Managed, file: Any) -> None:
    manager = managed.manager()

    with pytest.raises((TypeError, ValueError)):
        manager.export_sessions(file)
    with pytest.raises((TypeError, ValueError)):
        manager.import_sessions(file)


def test_a_session_of_javascript_is_read(managed: Managed) -> None:
    """With what it writes of a summarizer."""
    file = lines(
        {
            "session": {
                "id": "s",
                "status": "active",
                "metadata": {},
                "participants": [],
                "schemaVersion": 1,
                "createdAt": "2026-06-10T12:00:00.000Z",
                "lastActivityAt": "2026-06-10T12:00:05.000Z",
                "version": 3,
            }
        },
        {
            "message": {
                "id": "m",
                "sessionId": "s",
                "role": "user",
                "content": "hi",
                "sequence": 7,
                "createdAt": "2026-06-10T12:00:01.000Z",
            }
        },
    )
    manager = managed.manager()

    assert manager.import_sessions(io.BytesIO(file)) == 1

    session = manager.get_session("s")
    assert session.version == 3
    assert session.last_activity_at.isoformat() == "2026-06-10T12:00:05+00:00"
    assert [one.content for one in manager.get_messages("s")] == ["hi"]


class Stopped(BaseException):
    """Somebody wants the program to end, as Ctrl-C does."""


def stopping_after(managed: Managed, adapter: Any, number: int) -> Any:
    """*adapter*, of which somebody stops the program after so many calls: what was called is done,
    and nobody is told."""
    left = [number]

    def wrapped(real: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            left[0] -= 1
            found = real(*given, **named)
            if left[0] == 0:
                raise Stopped
            return found

        async def awaited(*given: Any, **named: Any) -> Any:
            left[0] -= 1
            found = await real(*given, **named)
            if left[0] == 0:
                raise Stopped
            return found

        return awaited if managed.is_async else call

    for name in (
        "get_session",
        "create_session",
        "add_message",
        "update_session",
        "delete_session",
    ):
        setattr(adapter, name, wrapped(getattr(adapter, name)))
    return adapter


THREE = [
    {"session": {"id": "a", "userId": "new", "metadata": {"title": "t"}}},
    message("m1"),
    {"session": {"id": "b", "status": "completed", "expiresAt": "2020-01-01T00:00:00.000Z"}},
    message("m2"),
    message("m3"),
    {"session": {"id": "c"}},
]


@pytest.mark.parametrize("existing", ["refuse", "keep", "replace"])
def test_who_stops_an_import_stops_all_of_it(everywhere: Managed, existing: str) -> None:
    """After whatever call: what is there is what was there."""
    first = everywhere.manager()
    first.create_session(session_id="d")
    if existing != "refuse":
        first.create_session(session_id="a", user_id="mine")
        first.add_message("a", role="user", content="mine", message_id="mine")
    before, number = shown(first), 0
    file = lines(*THREE)

    while True:
        number += 1
        adapter = (
            everywhere.adapter() if everywhere.place != "memory" else copied(first, everywhere)
        )
        manager = everywhere.manager(stopping_after(everywhere, adapter, number))
        try:
            manager.import_sessions(io.BytesIO(file), existing=existing)
        except Stopped:
            assert shown(manager) == before, number
        else:
            break

    assert number > 8
    assert sorted(shown(manager)) == ["a", "b", "c", "d"]


def copied(manager: Any, managed: Managed) -> Any:
    """An adapter in memory with what another has, once more."""
    adapter = managed.half.MemoryAdapter(clock=managed.clock)
    managed.manager(adapter).import_sessions(io.BytesIO(exported(manager)))
    return adapter


@pytest.mark.parametrize("existing", ["refuse", "replace"])
def test_an_import_that_is_cancelled_leaves_all_as_it_was(tmp_path: Path, existing: str) -> None:
    """With asyncio, while a thread does what cannot be stopped; what it did is undone."""
    half: Any = import_module("storage.aio.continuity")

    async def cancelled(number: int) -> bool:
        adapter = half.SqliteAdapter(tmp_path / f"{number}.db")
        async with half.SessionManager(adapter) as manager:
            if existing == "replace":
                await manager.create_session(session_id="a", user_id="mine")
            importing = asyncio.ensure_future(
                manager.import_sessions(io.BytesIO(lines(*THREE)), existing=existing)
            )
            for _ in range(number):
                await asyncio.sleep(0)
            importing.cancel()
            await asyncio.wait([importing])
            there = [(one.id, one.user_id) for one in await manager.list_sessions()]
            if importing.cancelled():
                assert there == ([("a", "mine")] if existing == "replace" else [])
            return importing.cancelled()

    ends = {asyncio.run(cancelled(number)) for number in range(0, 600, 30)}
    assert True in ends


def half_imported(managed: Managed, existing: str = "refuse") -> Any:
    """A manager, after an import that was killed when it added the third message."""
    adapter = managed.adapter()
    real, left = adapter.add_message, [3]

    def killed(*given: Any, **named: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            adapter.delete_session = adapter.get_session = dead
            raise Stopped
        return real(*given, **named)

    def dead(*given: Any, **named: Any) -> Any:
        raise Stopped

    adapter.add_message = killed
    with pytest.raises(Stopped):
        managed.manager(adapter).import_sessions(io.BytesIO(lines(*THREE)), existing=existing)
    del adapter.add_message, adapter.delete_session, adapter.get_session
    return managed.manager()


@pytest.mark.parametrize("existing", ["refuse", "keep", "replace"])
def test_an_import_that_was_killed_can_be_done_again(everywhere: Managed, existing: str) -> None:
    """The session that it was at is not one that was there before."""
    manager = half_imported(everywhere)
    assert manager.get_session("b").metadata == {"custom": {"importing": True}}
    manager.delete_session("a")

    assert manager.import_sessions(io.BytesIO(lines(*THREE)), existing=existing) == 3

    assert [one.id for one in manager.get_messages("b")] == ["m2", "m3"]
    assert (manager.get_session("b").status, manager.get_session("b").metadata) == ("completed", {})


def test_what_a_killed_import_left_is_cleaned_up(everywhere: Managed) -> None:
    """An hour later, and it is in no file before."""
    manager = half_imported(everywhere)
    assert manager.cleanup_expired_sessions() == 0
    assert b'"b"' not in exported(manager)

    everywhere.clock.tick(3601)

    assert manager.cleanup_expired_sessions() == 1
    assert [one.id for one in manager.list_sessions()] == ["a"]


def test_one_that_can_not_be_undone_does_not_keep_the_others(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="z")
    manager.add_message("z", role="user", content="x", message_id="taken")
    manager.create_session(session_id="a", user_id="mine")
    adapter = managed.adapter()
    real = adapter.delete_session

    def delete_session(name: str, **named: Any) -> Any:
        if name == "b":
            raise StorageError("Failed to delete session", "memory")
        return real(name, **named)

    adapter.delete_session = delete_session
    file = lines(*THREE, message("taken"))

    with pytest.raises(ValidationError, match="one of another session"):
        manager.import_sessions(io.BytesIO(file), existing="replace")

    assert sorted(one.id for one in manager.list_sessions()) == ["a", "b", "z"]
    assert manager.get_session("a").user_id == "mine"


def test_a_session_that_is_deleted_meanwhile_is_in_no_file(everywhere: Managed) -> None:
    """Be it with messages or without; one that never had any is."""
    manager = everywhere.manager()
    for name in ("a", "b", "c", "empty"):
        manager.create_session(session_id=name)
    manager.add_message("b", role="user", content="x")
    everywhere.manager().delete_session("c")
    adapter = everywhere.adapter()
    real = adapter.get_messages

    def get_messages(name: str, *given: Any) -> Any:
        if name == "a":
            manager.delete_session("b")
        return real(name, *given)

    if everywhere.is_async:

        async def get_messages(name: str, *given: Any) -> Any:
            if name == "a":
                await adapter.delete_session("b")
            return await real(name, *given)

    adapter.get_messages = get_messages
    out = io.BytesIO()

    assert everywhere.manager(adapter).export_sessions(out) == 2
    assert b'"a"' in out.getvalue()
    assert b'"b"' not in out.getvalue()
    assert b'"empty"' in out.getvalue()


def test_a_message_that_was_changed_says_when_in_a_file_too(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    manager.add_message("s", role="user", content="x", message_id="m")
    everywhere.clock.tick(5)
    manager.update_message("s", "m", content="y")
    before, file = shown(manager), exported(manager)

    assert manager.import_sessions(io.BytesIO(file), existing="replace") == 1

    assert shown(manager) == before
    assert manager.get_messages("s")[0].updated_at is not None
