"""Who is expired is cleaned up, and nobody else; and a manager comes to its end."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import threading
from datetime import timedelta
from typing import Any

import pytest

import storage.aio.continuity
import storage.continuity
from storage.core.dialog.errors import StorageError, ValidationError
from storage.core.dialog.records import HealthStatus
from storage.errors import ClosedError
from storage.testing import Clock
from tests.continuity.managed import Heard, Managed
from tests.waiting import until


def test_all_that_are_expired_are_deleted_and_told(everywhere: Managed) -> None:
    manager = everywhere.manager(session_ttl=10)
    for number in range(4):
        manager.create_session(session_id=str(number), user_id="u")
        manager.add_message(str(number), role="user", content="x")
        everywhere.clock.tick(2)
    manager.add_message("0", role="user", content="I am here")
    heard = Heard()
    manager.on("*", heard)

    assert manager.cleanup_expired_sessions() == 0
    everywhere.clock.tick(6)
    assert manager.cleanup_expired_sessions() == 2

    assert [one.id for one in manager.list_sessions()] == ["0", "3"]
    assert sorted((event.type, event.session_id) for event in heard.events) == [
        ("session:expired", "1"),
        ("session:expired", "2"),
    ]
    assert list(manager.get_messages("1")) == []
    assert manager.cleanup_expired_sessions() == 0


def test_what_never_expires_is_never_cleaned_up(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")
    manager.create_session(session_id="t")
    manager.end_session("t")
    everywhere.clock.tick(10**9)

    assert manager.cleanup_expired_sessions() == 0
    assert [one.id for one in manager.list_sessions()] == ["s", "t"]


def test_what_was_ended_is_cleaned_up_when_its_time_is_over(everywhere: Managed) -> None:
    manager = everywhere.manager(session_ttl=10)
    manager.create_session(session_id="s")
    manager.end_session("s")

    everywhere.clock.tick(9)
    assert manager.cleanup_expired_sessions() == 0
    everywhere.clock.tick(1)
    assert manager.cleanup_expired_sessions() == 1


def test_what_is_renewed_while_it_is_cleaned_up_stays(everywhere: Managed) -> None:
    """It was expired when somebody looked, and is not when it would be deleted."""
    adapter = everywhere.adapter()
    other = everywhere.manager(session_ttl=10)
    for name in "ab":
        other.create_session(session_id=name)
    everywhere.clock.tick(10)

    def back(found: Any) -> Any:
        everywhere.clock.tick(-5)  # as the clock of another machine, which writes
        return found

    manager = everywhere.manager(_looking(everywhere, adapter, back), session_ttl=10)

    assert manager.cleanup_expired_sessions() == 0
    assert [one.id for one in other.list_sessions()] == ["a", "b"]


def test_what_is_deleted_while_it_is_cleaned_up_is_not_counted_twice(everywhere: Managed) -> None:
    adapter = everywhere.adapter()
    other = everywhere.manager(session_ttl=10)
    for name in "abc":
        other.create_session(session_id=name)
    everywhere.clock.tick(10)

    def also(found: Any) -> Any:
        return [*found, found[0], "never was there"]

    heard = Heard()
    manager = everywhere.manager(_looking(everywhere, adapter, also))
    manager.on("session:expired", heard)

    assert manager.cleanup_expired_sessions() == 3
    assert sorted(event.session_id for event in heard.events) == ["a", "b", "c"]


def test_one_that_can_not_be_deleted_keeps_no_other_from_it(
    managed: Managed, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = managed.adapter()
    kind = type(adapter)

    class Failing(kind):  # type: ignore[misc, valid-type]
        def delete_session(self, session_id: str, **more: Any) -> Any:
            if session_id == "b":
                raise StorageError("Failed to delete session", "memory")
            return super().delete_session(session_id, **more)

    failing = Failing(clock=managed.clock)
    manager = managed.manager(failing, session_ttl=10)
    for name in "abc":
        manager.create_session(session_id=name)
    managed.clock.tick(10)
    heard = Heard()
    manager.on("*", heard)

    with caplog.at_level(logging.WARNING, "storage"):
        assert manager.cleanup_expired_sessions() == 2

    told = [(event.type, event.session_id) for event in heard.events]
    assert sorted(told) == [("error", "b"), ("session:expired", "a"), ("session:expired", "c")]
    error = next(event for event in heard.events if event.type == "error")
    assert error.data == {"code": "STORAGE_ERROR", "error": "Failed to delete session"}
    assert [one.id for one in manager.list_sessions()] == ["b"]
    assert len(caplog.records) == 1


def test_one_of_the_same_user_that_can_not_be_deleted_keeps_no_other_from_it(
    managed: Managed,
) -> None:
    """And it is said in the end."""
    kind = type(managed.adapter())

    class Failing(kind):  # type: ignore[misc, valid-type]
        def delete_session(self, session_id: str, **more: Any) -> Any:
            if session_id == "b":
                raise StorageError("Failed to delete session", "memory")
            return super().delete_session(session_id, **more)

    manager = managed.manager(Failing(clock=managed.clock))
    for name in "abc":
        manager.create_session(session_id=name, user_id="u")

    with pytest.raises(StorageError, match="Failed to delete session"):
        manager.erase_user("u")

    assert [one.id for one in manager.list_sessions()] == ["b"]


def test_it_is_cleaned_up_now_and_then(everywhere: Managed) -> None:
    keeper = everywhere.manager(session_ttl=10)
    keeper.create_session(session_id="early")
    everywhere.clock.tick(10)
    heard = Heard()

    def told() -> list[str]:
        return [event.session_id for event in heard.events]

    emitter = everywhere.half.SessionEventEmitter()
    emitter.on("session:expired", heard)
    everywhere.manager(session_ttl=10, cleanup_interval=0.01, event_emitter=emitter)
    until(lambda: told() == ["early"], "the first to be cleaned up")
    keeper.create_session(session_id="later")
    keeper.create_session(session_id="stays")
    everywhere.clock.tick(9)
    keeper.add_message("stays", role="user", content="x")
    everywhere.clock.tick(1)
    until(lambda: told() == ["early", "later"], "the next to be cleaned up")

    assert [one.id for one in keeper.list_sessions()] == ["stays"]


def test_what_fails_once_is_tried_again(managed: Managed, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the store raises."""
    errors: list[Exception] = [
        StorageError("Failed to get expired sessions", "memory"),
        ConnectionError("refused"),
    ]
    kind = type(managed.adapter())

    class Failing(kind):  # type: ignore[misc, valid-type]
        def get_expired_sessions(self, before: Any = None) -> Any:
            if errors:
                raise errors.pop(0)
            return super().get_expired_sessions(before)

    failing = Failing(clock=managed.clock)
    keeper = managed.by_calls(failing)
    with caplog.at_level(logging.WARNING, "storage"):
        manager = managed.manager(failing, session_ttl=10, cleanup_interval=0.01)
        manager.create_session(session_id="s")
        managed.clock.tick(10)
        until(lambda: len(keeper.list_sessions()) == 0, "the third try")

    assert [record.getMessage() for record in caplog.records] == [
        "expired sessions could not be deleted"
    ] * 2


def test_a_handler_that_raises_keeps_nobody_from_cleaning_up(managed: Managed) -> None:
    manager = managed.manager(session_ttl=10, logger=_silent())

    def failing(event: Any) -> None:
        raise ValueError("no")

    manager.on("session:expired", failing)
    for name in "ab":
        manager.create_session(session_id=name)
    managed.clock.tick(10)

    assert manager.cleanup_expired_sessions() == 2


def test_a_manager_is_closed_twice(everywhere: Managed) -> None:
    manager = everywhere.manager(cleanup_interval=60)
    manager.create_session(session_id="s")

    manager.close()
    manager.close()


@pytest.mark.parametrize(
    "call",
    [
        lambda manager: manager.create_session(),
        lambda manager: manager.get_session("s"),
        lambda manager: manager.list_sessions(),
        lambda manager: manager.add_message("s", role="user", content="x"),
        lambda manager: manager.get_messages("s"),
        lambda manager: manager.get_conversation_context("s"),
        lambda manager: manager.cleanup_expired_sessions(),
        lambda manager: manager.erase_user("u"),
    ],
)
def test_what_is_closed_does_nothing_more(everywhere: Managed, call: Any) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s", user_id="u")
    heard = Heard()
    manager.on("*", heard)
    manager.close()

    with pytest.raises(StorageError, match="Failed to ") as caught:
        call(manager)

    assert isinstance(caught.value.__cause__, ClosedError)
    assert caught.value.adapter == {"valkey": "redis"}.get(everywhere.place, everywhere.place)
    assert heard.events == []


def test_a_manager_in_a_with_block_is_closed_with_it(managed: Managed) -> None:
    with managed.manager(cleanup_interval=60) as manager:
        manager.create_session(session_id="s")

    with pytest.raises(StorageError):
        manager.get_session("s")


def test_how_the_store_is_is_said_and_not_raised(everywhere: Managed) -> None:
    manager = everywhere.manager()
    name = {"valkey": "redis"}.get(everywhere.place, everywhere.place)

    health = manager.health()
    manager.close()
    after = manager.health()

    assert isinstance(health, HealthStatus)
    assert (health.status, health.details) == ("healthy", {"adapter": name})
    assert health.latency >= 0
    assert after.status == "unhealthy"
    assert after.details["adapter"] == name


@pytest.mark.server
def test_a_server_that_is_gone_is_unhealthy(on_redis: Managed) -> None:
    manager = on_redis.manager(on_redis.adapter(timeout=1))
    manager.create_session(session_id="s")

    on_redis.server.kill()
    try:
        assert manager.health().status == "unhealthy"
        with pytest.raises(StorageError, match="Failed to get session"):
            manager.get_session("s")
    finally:
        on_redis.server.restart()


def test_a_manager_that_nobody_has_any_more_cleans_up_no_more() -> None:
    before = set(threading.enumerate())
    adapter = storage.continuity.MemoryAdapter()
    manager = storage.continuity.SessionManager(adapter, cleanup_interval=0.01)
    assert set(threading.enumerate()) - before

    del manager
    gc.collect()

    until(lambda: not set(threading.enumerate()) - before, "the end of its thread")
    adapter.close()


def test_a_manager_that_is_made_before_a_loop_runs_cleans_up_in_it() -> None:
    clock = Clock()
    half = storage.aio.continuity
    manager = half.SessionManager(
        half.MemoryAdapter(clock=clock), session_ttl=10, cleanup_interval=0.01, clock=clock
    )

    async def run() -> None:
        await manager.create_session(session_id="old")
        await manager.create_session(session_id="s")
        clock.tick(9)
        await manager.add_message("s", role="user", content="x")
        clock.tick(1)
        for _ in range(2000):
            left = await manager.list_sessions()
            if len(left) == 1:
                break
            await asyncio.sleep(0.005)
        assert [one.id for one in left] == ["s"]
        await manager.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def _looking(managed: Managed, adapter: Any, after: Any) -> Any:
    """An adapter at the same place, which does something *after* it has looked who is expired."""
    kind = type(adapter)

    class Blocking(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            self.__dict__.update(adapter.__dict__)

        def get_expired_sessions(self, before: Any = None) -> Any:
            return after(super().get_expired_sessions(before))

    class Awaited(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            self.__dict__.update(adapter.__dict__)

        async def get_expired_sessions(self, before: Any = None) -> Any:
            found = await super().get_expired_sessions(before)
            return after(found)

    return Awaited() if managed.is_async else Blocking()


def _silent() -> logging.Logger:
    logger = logging.getLogger("silent")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


def test_one_that_can_not_be_deleted_keeps_no_other_of_a_user_from_it(managed: Managed) -> None:
    """And is told of at the end."""
    adapter = managed.adapter()
    kind = type(adapter)
    failing = {"a", "c"}

    class Failing(kind):  # type: ignore[misc, valid-type]
        def delete_session(self, session_id: str, **more: Any) -> Any:
            if session_id in failing:
                raise StorageError(f"Failed to delete session {session_id}", "memory")
            return super().delete_session(session_id, **more)

    manager = managed.manager(Failing(clock=managed.clock))
    for name in "abcd":
        manager.create_session(session_id=name, user_id="u")
    heard = Heard()
    manager.on("session:deleted", heard)

    with pytest.raises(StorageError, match=r"Failed to delete session [ac]"):
        manager.erase_user("u")

    assert sorted(event.session_id for event in heard.events) == ["b", "d"]
    assert [one.id for one in manager.list_sessions()] == ["a", "c"]
    failing.clear()
    assert manager.erase_user("u") == 2


@pytest.mark.server
def test_a_user_is_erased_though_what_is_stored_can_not_be_read(
    beside_javascript: Managed,
) -> None:
    managed = beside_javascript
    manager = managed.manager()
    for name in "abc":
        manager.create_session(session_id=name, user_id="u")
        manager.add_message(name, role="user", content="x")
    managed.call("HSET", "session:b", "metadata", "{no json")
    with pytest.raises(StorageError):
        manager.list_sessions(user_id="u")
    with pytest.raises(StorageError):
        manager.export_sessions(io.BytesIO(), user_id="u")

    readable = manager.list_sessions(user_id="u", on_corrupt="skip")
    assert [one.id for one in readable] == ["a", "c"]
    assert manager.export_sessions(io.BytesIO(), on_corrupt="skip") == 2
    with pytest.raises(ValidationError, match="on_corrupt"):
        manager.list_sessions(on_corrupt="ignore")

    assert manager.erase_user("u") == 3
    assert managed.keys() == []


@pytest.mark.server
def test_pages_go_on_behind_what_can_not_be_read(beside_javascript: Managed) -> None:
    managed = beside_javascript
    manager = managed.manager()
    for number in range(9):
        manager.create_session(session_id=str(number), user_id="u")
        managed.clock.tick(1)
    for number in (8, 6, 4, 3):
        managed.call("HSET", f"session:{number}", "metadata", "{no json")

    found: list[str] = []
    cursor = None
    for _ in range(9):
        page = manager.recent_sessions(limit=2, cursor=cursor, on_corrupt="skip")
        found += [one.id for one in page.sessions]
        cursor = page.cursor
        if cursor is None:
            break

    assert found == ["7", "5", "2", "1", "0"]


WRITES: dict[str, Any] = {
    "nothing": None,
    "create": lambda m: m.create_session(session_id="new"),
    "update": lambda m: m.update_session("s", user_id="u"),
    "join": lambda m: m.add_participant("s", id="p"),
    "hand over": lambda m: m.handoff_to_agent("s", "a"),
    "update message": lambda m: m.update_message("s", "m", content="x"),
    "delete message": lambda m: m.delete_message("s", "m"),
    "delete all": lambda m: m.delete_all_messages("s"),
    "delete": lambda m: m.delete_session("s"),
}


@pytest.mark.parametrize("write", WRITES)
def test_whatever_is_written_has_a_manager_of_before_the_loop_clean_up(write: str) -> None:
    """And that it is entered."""
    clock = Clock()
    half = storage.aio.continuity
    adapter = half.MemoryAdapter(clock=clock)
    manager = half.SessionManager(
        adapter, session_ttl=100, cleanup_interval=timedelta(milliseconds=10), clock=clock
    )

    async def run() -> None:
        await adapter.create_session({"id": "old"}, session_ttl=10)
        await adapter.create_session({"id": "s"})
        await adapter.add_message("s", {"id": "m", "role": "user", "content": "y"})
        clock.tick(10)
        if write == "nothing":
            await manager.__aenter__()
        else:
            await WRITES[write](manager)
        for _ in range(2000):
            if await adapter.get_session("old") is None:
                break
            await asyncio.sleep(0.005)
        else:
            raise AssertionError("nobody cleaned up")
        await manager.aclose()

    asyncio.run(run())
