"""A message that is changed is counted in the same write, and is never there with the count of what
it was."""

from __future__ import annotations

from itertools import count as counting
from typing import Any

import pytest

from storage.core.dialog.errors import (
    MessageConflictError,
    MessageNotFoundError,
    SessionClosedError,
    SessionNotFoundError,
)
from tests.continuity.managed import Heard, Managed

CALL = {"id": "1", "name": "f", "arguments": "x" * 40}


def between(managed: Managed, doing: Any, writes: list[Any] | None = None) -> Any:
    """An adapter in memory, where something is done after a message is read and before it is
    written; in the loop where there is one."""
    kind = type(managed.adapter())

    class Blocking(kind):  # type: ignore[misc, valid-type]
        def get_message(self, *given: Any) -> Any:
            found = super().get_message(*given)
            doing(super())
            return found

        def update_message(self, *given: Any, **more: Any) -> Any:
            if writes is not None:
                writes.append(given)
            return super().update_message(*given, **more)

    class Awaited(kind):  # type: ignore[misc, valid-type]
        async def get_message(self, *given: Any) -> Any:
            found = await super().get_message(*given)
            work = doing(super())
            if work is not None:
                await work
            return found

        async def update_message(self, *given: Any, **more: Any) -> Any:
            if writes is not None:
                writes.append(given)
            return await super().update_message(*given, **more)

    return (Awaited if managed.is_async else Blocking)(clock=managed.clock)


def prepared(managed: Managed, adapter: Any = None, **options: Any) -> Any:
    manager = managed.manager(adapter, **options)
    manager.create_session(session_id="s")
    manager.add_message("s", role="user", content="x" * 8, message_id="m")
    return manager


def test_a_message_is_found_by_its_id(everywhere: Managed) -> None:
    manager = prepared(everywhere)
    manager.create_session(session_id="t")

    assert manager.get_message("s", "m") == manager.get_messages("s")[0]
    with pytest.raises(MessageNotFoundError, match="Message not found: n"):
        manager.get_message("s", "n")
    with pytest.raises(MessageNotFoundError, match="Message not found: m"):
        manager.get_message("t", "m")
    with pytest.raises(SessionNotFoundError, match="Session not found: no"):
        manager.get_message("no", "m")


@pytest.mark.parametrize(
    ("told", "tokens"),
    [
        ({"content": "x" * 40}, 10),
        ({"tool_calls": [CALL]}, 13),
        ({"content": "", "metadata": None}, 0),
        ({"content": "x" * 40, "tool_calls": [CALL]}, 21),
        ({"content": "x" * 40, "token_count": 7}, 7),
    ],
)
def test_a_change_and_its_count_are_one_write(
    managed: Managed, told: dict[str, Any], tokens: int
) -> None:
    writes: list[Any] = []
    manager = prepared(managed, between(managed, lambda adapter: None, writes))

    changed = manager.update_message("s", "m", told)

    assert len(writes) == 1
    assert changed.token_count == manager.get_session("s").token_count == tokens
    assert manager.get_message("s", "m") == changed


def test_what_is_known_of_a_message_is_not_read(managed: Managed) -> None:
    def never(adapter: Any) -> None:
        raise AssertionError("it was read")

    manager = prepared(managed, between(managed, never))

    manager.update_message("s", "m", content="y", metadata={"a": 1})
    manager.update_message("s", "m", content="y", token_count=3)
    manager.update_message("s", "m", role="assistant")
    with pytest.raises(AssertionError, match="it was read"):
        manager.update_message("s", "m", content="y")


def test_a_counter_that_says_something_else_each_time_is_asked_once(managed: Managed) -> None:
    numbers = counting(1)
    manager = prepared(managed, token_counter=lambda text: next(numbers))

    assert manager.update_message("s", "m", content="y").token_count == 2


def test_a_change_of_what_was_changed_meanwhile_counts_what_is_there_then(
    managed: Managed,
) -> None:
    """The tools of the one, and the text of the other."""
    others = [{"metadata": {"toolCalls": [CALL]}}]
    heard = Heard()

    def doing(adapter: Any) -> Any:
        return adapter.update_message("s", "m", others.pop()) if others else None

    manager = prepared(managed, between(managed, doing))
    manager.on("message:updated", heard)

    changed = manager.update_message("s", "m", content="x" * 40)

    assert (changed.content, changed.tool_calls[0].id) == ("x" * 40, "1")
    assert changed.token_count == manager.get_session("s").token_count == 21
    assert len(heard.events) == 1


def test_a_message_that_others_change_all_the_time_is_left_to_them(managed: Managed) -> None:
    numbers = counting()
    heard = Heard()

    def doing(adapter: Any) -> Any:
        return adapter.update_message("s", "m", {"content": f"other {next(numbers)}"})

    manager = prepared(managed, between(managed, doing))
    manager.on("message:updated", heard)

    with pytest.raises(MessageConflictError, match="Concurrent modification of message m"):
        manager.update_message("s", "m", content="mine")

    assert next(numbers) == 10
    assert manager.get_messages("s")[0].content == "other 9"
    assert heard.events == []


def test_nothing_of_a_change_is_there_where_the_session_ends_meanwhile(managed: Managed) -> None:
    def doing(adapter: Any) -> Any:
        return adapter.update_session("s", {"status": "completed"})

    manager = prepared(managed, between(managed, doing))

    with pytest.raises(SessionClosedError):
        manager.update_message("s", "m", content="longer than before")

    (message,) = manager.get_messages("s")
    assert (message.content, message.token_count) == ("x" * 8, 2)
