# Written by tools/mirror.py from storage/continuity/contexts.py: change that file and run the tool.
"""What of a session a model is shown: all of it, or what a budget has room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...core.dialog.budget import TokenBudget, room
from ...core.dialog.context import (
    cached,
    decision,
    shortened,
    signature,
    state_of,
    total_tokens,
    truncated,
    whole,
)
from ...core.dialog.errors import (
    CompressionError,
    SessionError,
    SessionNotFoundError,
    TokenBudgetExceededError,
    ValidationError,
)
from ...core.dialog.records import (
    CompressionConfig,
    CompressionResult,
    Context,
    Message,
    Session,
    Summarizer,
    TokenBudgetConfig,
)
from ...core.dialog.strategies import Plan, chosen, finish, plan, summarizer_of
from ...core.dialog.tokens import message_tokens
from ..runtime import Overdue, Runtime, callback
from .events import Telling
from ...continuity.failing import revealing
from .protocols import ContinuityAdapter
from ...continuity.settings import Settings, Strategy, another

_NO_SUMMARY: Final = "there is no summary, contexts are cut instead: %s"


class Contexts:
    """The contexts of the sessions of an *adapter*."""

    def __init__(self, adapter: ContinuityAdapter, telling: Telling, settings: Settings) -> None:
        self._adapter = adapter
        self._telling = telling
        self._now = telling.now
        self._settings = settings
        self._runtime = Runtime()
        self._silent_until = 0.0

    async def assemble(self, name: str) -> Context:
        """What a model is shown of the session."""
        session, messages = await self._read(name)
        budget = session.token_budget or self._settings.budget
        compression = session.compression or self._settings.compression
        total = total_tokens(messages, self.count)
        todo = decision(budget, compression, total, messages)
        if budget is None or todo == "whole":
            return whole(messages, total, budget, self.count)
        if todo == "error":
            error = TokenBudget(budget).exceeded(total)
            await self.exceeded(name, error)
            raise error
        if todo == "compress" and compression is not None:
            context = await self._compressed(session, messages, compression, budget, total)
        else:
            context = shortened(truncated(messages, budget, self.count), budget)
        await self._applied(name, context.applied, context.original_token_count, context.token_count)
        return context

    async def compress(self, name: str, strategy: Strategy) -> CompressionResult:
        """The session made shorter, by its *strategy* or another; nothing of that is kept."""
        given = another(strategy)
        own = getattr(given, "summarizer", None)
        if own is not None:
            callback(own, "summarizer")
        session, messages = await self._read(name)
        known = session.compression or self._settings.compression
        config = given or chosen(known, strategy)
        budget = session.token_budget or self._settings.budget
        todo = plan(config, messages, self.count, None if budget is None else room(budget))
        result = await self._carried_out(todo, config)
        tokens = result.compressed_token_count
        await self._applied(name, result.strategy, result.original_token_count, tokens)
        return result

    def count(self, message: Message) -> int:
        """The tokens of a message."""
        return message_tokens(message, self._settings.counter, self._settings.image_cost)

    async def exceeded(self, name: str, error: TokenBudgetExceededError) -> None:
        """Tell that there was no room in a budget."""
        data = {"used": error.used, "limit": error.limit}
        await self._telling.tell("budget:exceeded", name, data)

    async def _compressed(
        self,
        session: Session,
        messages: Sequence[Message],
        compression: CompressionConfig,
        budget: TokenBudgetConfig,
        total: int,
    ) -> Context:
        """The session as it was made shorter before, or is now; cut where that can not be done."""
        limit = room(budget)
        signed = signature(messages, compression, limit)
        known = cached(session.compression_state, signed, messages, total)
        if known is not None:
            return shortened(known, budget, is_cached=True)
        todo = plan(compression, messages, self.count, limit)
        cut = truncated(messages, budget, self.count, compression)
        if todo.to_summarise and self._is_silent():
            return shortened(cut, budget)
        try:
            result = await self._carried_out(todo, compression)
        except (CompressionError, ValidationError) as error:
            self._settings.logger.warning(_NO_SUMMARY, error)
            data = {"code": CompressionError.code, "error": str(error)}
            await self._telling.tell("error", session.id, data)
            return shortened(cut, budget)
        if result.summary is not None:
            await self._keep(session.id, result, signed)
        return shortened(result, budget)

    async def _carried_out(self, todo: Plan, config: CompressionConfig) -> CompressionResult:
        """What becomes of a plan, with a summary where it wants one."""
        if not todo.to_summarise:
            return finish(todo, None, self.count)
        try:
            text = await self._summary(todo, config)
            result = finish(todo, text, self.count)
        except (CompressionError, ValidationError):
            self._silent_until = self._settings.clock() + self._settings.seconds
            raise
        self._silent_until = 0.0
        return result

    async def _summary(self, todo: Plan, config: CompressionConfig) -> object:
        """What a summarizer answers."""
        summarizer = self._summarizer(config)
        seconds, messages = self._settings.seconds, list(todo.to_summarise)
        try:
            return await self._runtime.within(seconds, summarizer, messages, todo.prompt)
        except Overdue as error:
            message = f"the summarizer did not answer within {seconds:g} seconds"
            raise CompressionError(message) from error
        except Exception as error:
            raise CompressionError(f"the summarizer raised {type(error).__name__}") from error

    def _is_silent(self) -> bool:
        """Whether a summarizer failed a moment ago, and is not asked again yet."""
        left = self._silent_until - self._settings.clock()
        return 0 < left <= self._settings.seconds  # also where the clock was set back

    def _summarizer(self, config: CompressionConfig) -> Summarizer:
        own: Summarizer | None = getattr(config, "summarizer", None)
        if own is None and self._settings.summarizer is not None:
            return self._settings.summarizer
        return summarizer_of(config, self._settings.compression)

    async def _read(self, name: str) -> tuple[Session, Sequence[Message]]:
        with revealing():
            session = await self._adapter.get_session(name)
            if session is None:
                raise SessionNotFoundError(name)
            messages = await self._adapter.get_messages(name)
        return session, messages

    async def _keep(self, name: str, result: CompressionResult, signed: str) -> None:
        """Have the summary for as long as the messages are what they are."""
        updates = {"compression_state": state_of(result, signed, self._now())}
        try:
            await self._adapter.update_session(name, updates, quiet=True)
        except SessionError:
            self._settings.logger.warning("a summary could not be kept", exc_info=True)

    async def _applied(self, name: str, applied: str | None, before: int, after: int) -> None:
        data = {
            "strategy": applied,
            "original_token_count": before,
            "compressed_token_count": after,
        }
        await self._telling.tell("compression:applied", name, data)
