# Written by tools/mirror.py from storage/continuity/messaging.py: change that file and run the tool.
"""The messages of sessions: counted, added, changed, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...core.dialog.budget import room
from ...core.dialog.errors import (
    MessageConflictError,
    MessageNotFoundError,
    SessionNotFoundError,
    TokenBudgetExceededError,
)
from ...core.dialog.message_checks import draft, message_updates, new_message
from ...core.dialog.records import Message
from ..runtime import Runtime
from .contexts import Contexts
from .events import Telling
from ...continuity.failing import revealing
from .protocols import ContinuityAdapter
from ...continuity.settings import Settings
from .sweeping import Sweeper

_COUNTED: Final = frozenset({"content", "metadata", "tool_calls", "tool_results", "token_count"})
"""What the tokens of a message are told by."""

_TRIES: Final = 10


class Messaging:
    """The messages of the sessions of an *adapter*."""

    def __init__(
        self,
        adapter: ContinuityAdapter,
        telling: Telling,
        contexts: Contexts,
        settings: Settings,
        sweeper: Sweeper,
    ) -> None:
        self._sweeper = sweeper
        budget = settings.budget
        is_strict = budget is not None and budget.overflow_strategy == "error"
        self._most = room(budget) if budget is not None and is_strict else None
        self._ttl = settings.ttl
        self._adapter = adapter
        self._telling = telling
        self._contexts = contexts
        self._counted = contexts.count
        self._runtime = Runtime()

    async def add(self, session_id: str, told: dict[str, Any]) -> Message:
        """Add a message."""
        await self._sweeper.wake()
        if "message_id" in told:
            told["id"] = told.pop("message_id")
        made = new_message(told)
        if made.get("token_count") is None:
            made["token_count"] = self._counted(draft(made))
        try:
            with revealing():
                added = await self._adapter.add_message(
                    session_id, made, most_tokens=self._most, session_ttl=self._ttl
                )
        except TokenBudgetExceededError as error:
            await self._contexts.exceeded(session_id, error)
            raise
        if not added.was_there:
            await self._telling.tell("message:added", session_id, {"message_id": added.id})
        return added

    async def update(self, session_id: str, message_id: str, told: dict[str, Any]) -> Message:
        """Change a message, whose tokens are counted anew where its text is another, unless they
        are told."""
        updates = message_updates(told)
        if updates.get("token_count") is not None or _COUNTED.isdisjoint(told):
            changed = await self._amend(session_id, message_id, updates)
        elif "content" in updates and "metadata" in updates:
            updates["token_count"] = self._counted(draft({"role": "user", **updates}))
            changed = await self._amend(session_id, message_id, updates)
        else:
            changed = await self._recount(session_id, message_id, updates)
        await self._telling.tell("message:updated", session_id, {"message_id": message_id})
        return changed

    async def read(self, session_id: str, message_id: str) -> Message:
        """The message."""
        with revealing():
            message = await self._adapter.get_message(session_id, message_id)
            if message is not None:
                return message
            session = await self._adapter.get_session(session_id)
        if session is None:
            raise SessionNotFoundError(session_id)
        raise MessageNotFoundError(message_id, session_id)

    async def delete(self, session_id: str, message_id: str) -> Message:
        """Take a message away, and give it back."""
        await self._sweeper.wake()
        with revealing():
            deleted = await self._adapter.delete_message(session_id, message_id, session_ttl=self._ttl)
        await self._telling.tell("message:deleted", session_id, {"message_id": message_id})
        return deleted

    async def delete_all(self, session_id: str) -> int:
        """Take all messages of a session away, and say how many there were."""
        await self._sweeper.wake()
        with revealing():
            number = await self._adapter.delete_all_messages(session_id, session_ttl=self._ttl)
        if number:
            await self._telling.tell("message:deleted", session_id, {"number": number})
        return number

    async def _recount(self, session_id: str, message_id: str, updates: dict[str, Any]) -> Message:
        """Change a message together with its count: if somebody changes it meanwhile, all of it
        again."""
        attempt = 0
        while True:
            known = await self.read(session_id, message_id)
            tokens = self._counted(known._replace(**{**updates, "token_count": None}))
            made = {**updates, "token_count": tokens}
            try:
                return await self._amend(session_id, message_id, made, known)
            except MessageConflictError:
                attempt += 1
                if attempt == _TRIES:
                    raise
            await self._runtime.pause(attempt)

    async def _amend(
        self,
        session_id: str,
        message_id: str,
        updates: Mapping[str, Any],
        expected: Message | None = None,
    ) -> Message:
        await self._sweeper.wake()
        with revealing():
            return await self._adapter.update_message(
                session_id, message_id, updates, session_ttl=self._ttl, expected=expected
            )
