# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Sessions: who takes part, what is said, and what of it a model is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..core.dialog.checks import any_text, maybe, members, storable, text
from ..core.dialog.errors import SessionClosedError, SessionNotFoundError
from ..core.dialog.message_checks import options as checked_options
from ..core.dialog.parties import arrived
from ..core.dialog.records import (
    CompressionConfig,
    CompressionResult,
    Context,
    Handoff,
    HealthStatus,
    Message,
    Participant,
    Session,
    SessionPage,
    Summarizer,
    TokenBudgetConfig,
)
from ..core.dialog.session_checks import filters as checked_filters
from ..core.dialog.session_checks import participant as checked_participant
from ..core.dialog.tokens import TokenCounter
from ..core.dialog.wire import handoffs
from ..runtime import callback, wall_clock
from ..ttl import Clock, DefaultTtl
from .contexts import Contexts
from .deciding import Deciding
from .events import Handler, SessionEventEmitter, Telling, emitter_of
from .failing import revealing
from .files import Existing, Files
from .messaging import Messaging
from .paging import page, page_filters
from .protocols import ContinuityAdapter, Filters, MessageOptions, OnCorrupt, adapter_of
from .settings import Strategy, positive, settings, unsummarised
from .sweeping import Sweeper

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..dumps import DumpFile

Counting = TokenCounter | Callable[[str], int]


class SessionManager:
    """Sessions in *storage*, an adapter, whose messages are counted by *token_counter*.

    Sessions that are made here have *token_budget* and *compression* unless they are given others.
    A summary is made by the summarizer of their compression, or else by *summarizer*, which is
    called with messages and a prompt, and may take *summarizer_timeout* seconds. An image counts
    *image_token_cost*. With a *session_ttl* a session expires so long after its last change, and
    every *cleanup_interval* seconds those that are expired are deleted.
    """

    def __init__(
        self,
        storage: ContinuityAdapter,
        token_counter: Counting | None = None,
        *,
        token_budget: TokenBudgetConfig | Mapping[str, Any] | None = None,
        compression: CompressionConfig | Mapping[str, Any] | None = None,
        summarizer: Summarizer | None = None,
        summarizer_timeout: float | timedelta = 30.0,
        image_token_cost: int = 0,
        session_ttl: DefaultTtl = None,
        cleanup_interval: float | timedelta = 0,
        event_emitter: SessionEventEmitter | None = None,
        logger: logging.Logger | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        found = settings(
            token_counter,
            token_budget,
            compression,
            summarizer,
            summarizer_timeout,
            image_token_cost,
            session_ttl,
            clock,
            logger,
        )
        self._settings = found
        self._adapter = adapter_of(storage)
        self._emitter = emitter_of(event_emitter, found.logger)
        seconds = positive(cleanup_interval, "cleanup_interval") if cleanup_interval else 0
        self._stand_on(self._adapter, seconds)

    # Sessions.

    def create_session(
        self,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        active_agent_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        participants: Sequence[Participant | Mapping[str, Any]] = (),
        token_budget: TokenBudgetConfig | Mapping[str, Any] | None = None,
        compression: CompressionConfig | Mapping[str, Any] | None = None,
    ) -> Session:
        """Begin a session."""
        unsummarised(compression)
        now = self._now()
        made = {
            "id": session_id,
            "user_id": user_id,
            "active_agent_id": active_agent_id,
            "metadata": {} if metadata is None else metadata,
            "participants": arrived(participants, now),
            "token_budget": self._settings.budget if token_budget is None else token_budget,
            "compression": self._settings.compression if compression is None else compression,
        }
        told = {name: value for name, value in made.items() if value is not None}
        self._sweeper.wake()
        session = self._adapter.create_session(told, session_ttl=self._settings.ttl)
        self._telling.tell("session:created", session.id)
        return session

    def get_session(self, session_id: str) -> Session:
        """The session, over or not."""
        return self._deciding.read(session_id)

    def list_sessions(
        self, filters: Filters = None, *, on_corrupt: OnCorrupt = "raise", **more: Any
    ) -> Sequence[Session]:
        """The sessions that are asked for; with *on_corrupt* `"skip"` without those that can not be
        read."""
        told = checked_filters(filters, **more)
        return self._adapter.list_sessions(told, on_corrupt=on_corrupt)

    def recent_sessions(
        self,
        filters: Filters = None,
        *,
        limit: int = 20,
        cursor: str | None = None,
        on_corrupt: OnCorrupt = "raise",
        **more: Any,
    ) -> SessionPage:
        """*limit* of the sessions that are asked for, the last active first, those after a *cursor*
        where one is given; with *on_corrupt* `"skip"` without those that can not be read."""
        told = page_filters(filters, more, limit)
        found = self._adapter.list_sessions(told, cursor=cursor, on_corrupt=on_corrupt)
        if len(found) <= limit and on_corrupt == "skip":
            # Those that were left out would have stood for others.
            told = told._replace(limit=None)
            found = self._adapter.list_sessions(told, cursor=cursor, on_corrupt=on_corrupt)
        return page(found, limit)

    def update_session(
        self,
        session_id: str,
        updates: Mapping[str, Any] | None = None,
        *,
        expected_version: int | None = None,
        **more: Any,
    ) -> Session:
        """Change a session; with *expected_version*, only where it is of that version."""
        told = {**(members(updates, "updates") if updates is not None else {}), **more}
        unsummarised(told.get("compression"))
        session = self._deciding.change(session_id, told, expected_version)
        self._telling.tell("session:updated", session_id, {"updates": told})
        if told.get("status") == "completed":
            self._telling.tell("session:ended", session_id)
        return session

    def end_session(self, session_id: str) -> Session:
        """Complete a session: nothing is written to it any more. Twice is fine."""
        try:
            session = self._deciding.write(session_id, {"status": "completed"})
        except SessionClosedError as error:
            if error.status != "completed":
                raise
            return self._deciding.read(session_id)
        self._telling.tell("session:ended", session_id)
        return session

    def pause_session(self, session_id: str) -> Session:
        """Take no messages until the session is resumed."""
        return self.update_session(session_id, status="paused")

    def resume_session(self, session_id: str) -> Session:
        """Take messages again after a pause."""
        return self.update_session(session_id, status="active")

    def delete_session(self, session_id: str) -> None:
        """Take a session away with its messages."""
        self._sweeper.wake()
        with revealing():
            is_done = self._adapter.delete_session(session_id)
        if not is_done:
            raise SessionNotFoundError(session_id)
        self._telling.tell("session:deleted", session_id)

    def erase_user(self, user_id: str) -> int:
        """Take all sessions of a user away with their messages, and say how many there were; one
        that can not be deleted is raised after the others are."""
        return self._sweeper.erase(user_id)

    def cleanup_expired_sessions(self) -> int:
        """Delete the sessions that are expired, and say how many there were."""
        return self._sweeper.expired()

    # Messages.

    def add_message(
        self, session_id: str, message: Mapping[str, Any] | None = None, **more: Any
    ) -> Message:
        """Add a message: its *role*, its *content*, and maybe *metadata*, *tool_calls*,
        *tool_results*, a *token_count* and a *message_id*, under which it is there but once."""
        told = {**(members(message, "a message") if message is not None else {}), **more}
        return self._messaging.add(session_id, told)

    def get_messages(
        self, session_id: str, options: MessageOptions = None, **more: Any
    ) -> Sequence[Message]:
        """The messages that are asked for; none where there is no session."""
        return self._adapter.get_messages(session_id, checked_options(options, **more))

    def get_message(self, session_id: str, message_id: str) -> Message:
        """The message."""
        return self._messaging.read(session_id, message_id)

    def update_message(
        self,
        session_id: str,
        message_id: str,
        updates: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Message:
        """Change a message, whose tokens are counted anew unless they are told."""
        told = {**(members(updates, "updates") if updates is not None else {}), **more}
        return self._messaging.update(session_id, message_id, told)

    def delete_message(self, session_id: str, message_id: str) -> Message:
        """Take a message away, and give it back."""
        return self._messaging.delete(session_id, message_id)

    def delete_all_messages(self, session_id: str) -> int:
        """Take all messages of a session away, and say how many there were."""
        return self._messaging.delete_all(session_id)

    def get_conversation_context(self, session_id: str) -> Sequence[Message]:
        """What a model is shown of the session."""
        context = self._contexts.assemble(session_id)
        return list(context.messages)

    def get_conversation_context_with_stats(self, session_id: str) -> Context:
        """The same, and how it came about."""
        return self._contexts.assemble(session_id)

    def compress_context(self, session_id: str, strategy: Strategy = None) -> CompressionResult:
        """The session made shorter, by its own *strategy* or another, which is a name or a
        compression; nothing of that is kept."""
        return self._contexts.compress(session_id, strategy)

    # Participants.

    def add_participant(
        self,
        session_id: str,
        participant: Participant | Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Session:
        """Have somebody take part: an *id*, a *role*, and maybe *metadata*."""
        given = members(participant, "a participant") if participant is not None else {}
        one = checked_participant({**given, **more})
        return self._deciding.join(session_id, one)

    def remove_participant(self, session_id: str, participant_id: str) -> Session:
        """Have somebody take part no longer."""
        name = text(participant_id, "the id of a participant")
        return self._deciding.leave(session_id, name)

    def get_participants(self, session_id: str) -> Sequence[Participant]:
        """Who takes part, and who did."""
        session = self._deciding.read(session_id)
        return session.participants

    def handoff_to_agent(
        self,
        session_id: str,
        agent_id: str,
        *,
        reason: str | None = None,
        context: object = None,
    ) -> Session:
        """Hand the session to another agent, who finds *reason* and *context* in the hand-offs."""
        name, why = text(agent_id, "agent_id"), maybe(any_text)(reason, "reason")
        storable(context, "context")
        handoff = Handoff(name, None, why, context, self._now())
        return self._deciding.hand(session_id, handoff)

    def get_handoffs(self, session_id: str) -> Sequence[Handoff]:
        """How the session went from agent to agent, the newest hand-off last."""
        session = self._deciding.read(session_id)
        return handoffs(session.metadata)

    # Files.

    def export_sessions(
        self,
        file: DumpFile,
        filters: Filters = None,
        *,
        on_corrupt: OnCorrupt = "raise",
        **more: Any,
    ) -> int:
        """Write the sessions that are asked for into *file* as lines of JSON, each with its
        messages, and say how many there were; with *on_corrupt* `"skip"` without those that can not
        be read."""
        return self._files.dump(file, checked_filters(filters, **more), on_corrupt)

    def import_sessions(self, file: DumpFile, *, existing: Existing = "refuse") -> int:
        """Keep the sessions that such a file tells of, and say how many there were; the whole file
        is looked at first.

        Where there is one of the same id, all of it is refused, or the one that is there is kept,
        or the one of the file comes in its place.
        """
        return self._files.load(file, existing)

    # Events.

    def on(self, event: str, handler: Handler) -> None:
        """Call *handler* with an `Event` whenever *event* happens; `"*"` is whatever does."""
        self._emitter.on(event, handler)

    def once(self, event: str, handler: Handler) -> None:
        """Call *handler* the next time that *event* happens."""
        self._emitter.once(event, handler)

    def off(self, event: str, handler: Handler) -> None:
        """Call *handler* no more."""
        self._emitter.off(event, handler)

    def remove_all_listeners(self, event: str | None = None) -> None:
        """Call nobody any more when *event* happens, or whatever does."""
        self._emitter.remove_all_listeners(event)

    # Life and death.

    def health(self) -> HealthStatus:
        """How the store is; it does not raise."""
        return self._adapter.health()

    def close(self) -> None:
        """Clean up no more, and close the adapter; twice is fine."""
        self._sweeper.stop()
        self._adapter.close()

    def __enter__(self) -> Self:
        self._sweeper.wake()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _stand_on(self, adapter: ContinuityAdapter, seconds: float) -> None:
        """Hand the work on to those who do it."""
        found = self._settings
        for one in (found.summarizer, getattr(found.compression, "summarizer", None)):
            if one is not None:
                callback(one, "summarizer")
        telling = Telling(self._emitter, found.clock)
        contexts = Contexts(adapter, telling, found)
        self._telling = telling
        self._contexts = contexts
        sweeper = Sweeper(adapter, telling, found.logger, seconds)
        self._sweeper = sweeper
        self._messaging = Messaging(adapter, telling, contexts, found, sweeper)
        self._deciding = Deciding(adapter, telling, found.ttl, sweeper)
        self._files = Files(adapter)
        self._now = telling.now
