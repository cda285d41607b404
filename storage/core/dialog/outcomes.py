"""What came of a step: the record that is kept now, or the error for what there is instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dialogs import NOTHING, Change, Changed, Fields, Held, Said
from .errors import (
    ConcurrencyError,
    MessageConflictError,
    MessageNotFoundError,
    SessionClosedError,
    SessionNotFoundError,
    TokenBudgetExceededError,
    ValidationError,
)
from .records import Message
from .wire import message as message_in
from .wire import message_fields, session, session_fields, state_json


def session_change(told: dict[str, Any], expected: int | None) -> Change:
    """What becomes of a session, of what was checked."""
    compression = None
    if "compression_state" in told:
        compression = state_json(told.pop("compression_state"))
    put, drop = session_fields(told)
    return Change(put, tuple(drop), compression, expected)


def changed_session(name: str, changed: Changed, expected: int | None) -> Held:
    """The session as it is after a change, or the error for what there is instead."""
    outcome, held = changed
    if outcome == "missing" or held is None:
        raise SessionNotFoundError(name)
    if outcome == "done":
        return held
    if outcome == "conflict":
        raise ConcurrencyError(name, expected or 0, session(held).version)
    status = held.fields.get("status", "")
    raise SessionClosedError(name, status if status == "completed" else "expired")


def expected_fields(message: Message | None) -> Fields:
    """What has to be stored of a message that is to be what it was."""
    if message is None:
        return NOTHING
    fields, _ = message_fields({"content": message.content, "metadata": message.metadata})
    return fields


def other_words(expected: Message | None, stored: Sequence[Fields]) -> Fields:
    """What is stored of a message that is what was *expected*, and was written in another way;
    nothing where it is not that."""
    if expected is None or not stored:
        return NOTHING
    there = message_in(stored[0])
    if (there.content, there.metadata) != (expected.content, expected.metadata):
        return NOTHING
    return {name: stored[0].get(name, "") for name in ("content", "contentType", "metadata")}


def kept_message(name: str, message: str, said: Said, tokens: int = 0) -> Fields:
    """A message as it is kept, or the error for what was found instead."""
    outcome = said.outcome
    if said.message is not None:
        return said.message
    if outcome == "closed":
        raise SessionClosedError(name, said.status)
    if outcome == "full":
        raise TokenBudgetExceededError(said.used, said.most, said.used + tokens - said.most)
    if outcome == "conflict":
        raise MessageConflictError(message)
    if outcome == "taken":
        raise ValidationError(f"Message {message} is one of another session")
    if said.status:
        raise MessageNotFoundError(message, name)
    raise SessionNotFoundError(name)
