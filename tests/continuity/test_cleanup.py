"""Who is expired is cleaned up, and nobody else; and a manager comes to its end."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from typing import Any

import pytest

import storage.aio.continuity
import storage.continuity
from storage.core.dialog.errors import StorageError
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
