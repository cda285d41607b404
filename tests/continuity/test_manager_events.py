"""What a manager does is told when it is done, once, and to whoever wants to know."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from storage.core.dialog.errors import SessionError
from storage.core.dialog.records import Event
from tests.continuity.managed import Heard, Managed


def prepared(managed: Managed, **options: Any) -> tuple[Any, Heard]:
    """A session with a message and somebody who takes part, and a listener to whatever follows."""
    manager = managed.manager(**options)
    manager.create_session(session_id="s", user_id="u", participants=[{"id": "p"}])
    manager.add_message("s", role="user", content="x", message_id="m")
    heard = Heard()
    manager.on("*", heard)
    return manager, heard


DONE: dict[str, Any] = {
    "create": (lambda m: m.create_session(session_id="t"), "session:created", "t", None),
    "update": (
        lambda m: m.update_session("s", userId="v"),
        "session:updated",
        "s",
        {"updates": {"userId": "v"}},
    ),
    "end": (lambda m: m.end_session("s"), "session:ended", "s", None),
    "delete": (lambda m: m.delete_session("s"), "session:deleted", "s", None),
    "erase": (lambda m: m.erase_user("u"), "session:deleted", "s", None),
    "add message": (
        lambda m: m.add_message("s", role="user", content="y", message_id="n"),
        "message:added",
        "s",
        {"message_id": "n"},
    ),
    "update message": (
        lambda m: m.update_message("s", "m", content="a longer text than before"),
        "message:updated",
        "s",
        {"message_id": "m"},
    ),
    "delete message": (
        lambda m: m.delete_message("s", "m"),
        "message:deleted",
        "s",
        {"message_id": "m"},
    ),
    "join": (
        lambda m: m.add_participant("s", id="q"),
        "participant:joined",
        "s",
        {"participant_id": "q"},
    ),
    "leave": (
        lambda m: m.remove_participant("s", "p"),
        "participant:left",
        "s",
        {"participant_id": "p"},
    ),
    "hand over": (
        lambda m: m.handoff_to_agent("s", "a", reason="why", context={"c": 1}),
        "agent:handoff",
        "s",
        {"from_agent": None, "to_agent": "a", "reason": "why", "context": {"c": 1}},
    ),
}


@pytest.mark.parametrize("what", DONE)
def test_what_is_done_is_told_once(managed: Managed, what: str) -> None:
    call, kind, name, data = DONE[what]
    manager, heard = prepared(managed)
    managed.clock.tick(1)

    call(manager)

    assert [event.type for event in heard.events] == [kind]
    [event] = heard.events
    assert (event.session_id, event.timestamp) == (name, managed.at())
    if what == "update":
        assert event.data["updates"] in ({"userId": "v"}, {"user_id": "v"})
    else:
        assert event.data == data


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.get_session("s"),
        lambda m: m.list_sessions(),
        lambda m: m.recent_sessions(),
        lambda m: m.get_messages("s"),
        lambda m: m.get_conversation_context("s"),
        lambda m: m.get_participants("s"),
        lambda m: m.get_handoffs("s"),
        lambda m: m.cleanup_expired_sessions(),
        lambda m: m.erase_user("nobody"),
        lambda m: m.remove_participant("s", "nobody"),
        lambda m: m.health(),
    ],
)
def test_who_only_looks_tells_nothing(managed: Managed, call: Any) -> None:
    manager, heard = prepared(managed)

    call(manager)

    assert heard.events == []


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.create_session(session_id="s"),
        lambda m: m.update_session("s", status="asleep"),
        lambda m: m.update_session("s", user_id="v", expected_version=9),
        lambda m: m.delete_session("no"),
        lambda m: m.add_message("s", role="user"),
        lambda m: m.update_message("s", "no", content="x"),
        lambda m: m.delete_message("s", "no"),
        lambda m: m.add_participant("s", id=""),
        lambda m: m.handoff_to_agent("no", "a"),
    ],
)
def test_what_is_not_done_is_not_told(managed: Managed, call: Any) -> None:
    manager, heard = prepared(managed)

    with pytest.raises(SessionError):
        call(manager)

    assert heard.events == []


def test_a_message_that_was_there_already_is_not_told_again(managed: Managed) -> None:
    manager, heard = prepared(managed)

    manager.add_message("s", role="user", content="x", message_id="m")
    assert heard.types == []

    manager.end_session("s")
    manager.end_session("s")
    manager.add_message("s", role="user", content="x", message_id="m")

    assert heard.types == ["session:ended"]


def test_who_ends_a_session_by_an_update_ends_it(managed: Managed) -> None:
    manager, heard = prepared(managed)

    manager.update_session("s", status="paused")
    manager.update_session("s", {"status": "completed"})

    assert heard.types == ["session:updated", "session:updated", "session:ended"]


def test_messages_that_go_all_at_once_are_told_once(managed: Managed) -> None:
    """With how many they were."""
    manager, heard = prepared(managed)
    manager.add_message("s", role="user", content="y")
    heard.events.clear()

    assert manager.delete_all_messages("s") == 2
    assert manager.delete_all_messages("s") == 0

    assert [(event.type, event.data) for event in heard.events] == [
        ("message:deleted", {"number": 2})
    ]


def test_it_is_told_when_it_is_done(managed: Managed) -> None:
    """Who is told finds it there."""
    manager = managed.manager()
    found: list[Any] = []
    manager.on(
        "message:added",
        lambda event: found.append(manager.get_session(event.session_id).message_count),
    )
    manager.create_session(session_id="s")

    manager.add_message("s", role="user", content="x")
    manager.add_message("s", role="user", content="y")

    assert found == [1, 2]


def test_who_is_told_may_write_himself(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")

    def answer(event: Event) -> None:
        if len(manager.get_messages("s")) < 4:
            manager.add_message("s", role="assistant", content="and you?")

    manager.on("message:added", answer)
    manager.add_message("s", role="user", content="how are you?")

    assert [one.role for one in manager.get_messages("s")] == ["user"] + ["assistant"] * 3


def test_a_handler_that_raises_does_not_undo_what_was_done(
    managed: Managed, caplog: pytest.LogCaptureFixture
) -> None:
    manager, heard = prepared(managed)

    def failing(event: Event) -> None:
        raise ValueError("no")

    manager.on("message:added", failing)
    with caplog.at_level(logging.ERROR, "storage"):
        added = manager.add_message("s", role="user", content="y")

    assert manager.get_messages("s")[-1] == added
    assert heard.types == ["message:added"]
    assert [record.getMessage() for record in caplog.records] == [
        "a handler of message:added failed"
    ]


def test_a_logger_of_ones_own_is_told(managed: Managed) -> None:
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger = logging.getLogger("of_ones_own")
    logger.addHandler(Lines())
    manager = managed.manager(logger=logger)

    def failing(event: Event) -> None:
        raise ValueError("no")

    manager.on("session:created", failing)
    manager.create_session()

    assert lines == ["a handler of session:created failed"]


def test_several_managers_tell_the_same_listeners(managed: Managed) -> None:
    emitter = managed.half.SessionEventEmitter()
    heard = Heard()
    emitter.on("*", heard)
    first, second = (managed.manager(event_emitter=emitter) for _ in range(2))

    first.create_session(session_id="s")
    second.add_message("s", role="user", content="x")

    assert heard.types == ["session:created", "message:added"]


def test_who_listens_to_a_manager_no_more_is_not_told(managed: Managed) -> None:
    manager, heard = prepared(managed)
    once, other = Heard(), Heard()
    manager.once("session:created", once)
    manager.on("session:created", other)

    manager.create_session()
    manager.off("session:created", other)
    manager.create_session()
    manager.remove_all_listeners()
    manager.create_session()

    assert (len(once.events), len(other.events), len(heard.events)) == (1, 1, 2)


def test_each_of_those_who_come_at_once_is_told_once(managed: Managed) -> None:
    manager, heard = prepared(managed)

    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda number: manager.add_message("s", role="user", content=str(number)), range(40)
            )
        )

    assert heard.types == ["message:added"] * 40
    assert len({event.data["message_id"] for event in heard.events}) == 40
