# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""What keeps sessions, be it ours or a stranger's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from ..core.dialog.checks import kind
from ..core.dialog.errors import ValidationError
from ..core.dialog.records import (
    HealthStatus,
    Message,
    MessageQueryOptions,
    Session,
    SessionFilters,
)
from ..ttl import DefaultTtl

Filters = SessionFilters | Mapping[str, Any] | None
OnCorrupt = Literal["raise", "skip"]
MessageOptions = MessageQueryOptions | Mapping[str, Any] | None


@runtime_checkable
class ContinuityAdapter(Protocol):
    """Where sessions are kept. Each method is one step, and what it can not do it says by a
    `StorageError` of session continuity.

    With a *session_ttl*, in seconds, the session expires so long after that step.
    """

    def create_session(
        self, session: Session | Mapping[str, Any], *, session_ttl: DefaultTtl = None
    ) -> Session:
        """Keep a new session, which gets an `id` unless it has one."""
        ...

    def get_session(self, session_id: str) -> Session | None:
        """The session; `None` where there is none."""
        ...

    def update_session(
        self,
        session_id: str,
        updates: Mapping[str, Any],
        *,
        expected_version: int | None = None,
        session_ttl: DefaultTtl = None,
        quiet: bool = False,
    ) -> Session:
        """Change a session, which is of one version more then; a *quiet* change is no activity and
        of no version."""
        ...

    def delete_session(self, session_id: str, *, expired_before: datetime | None = None) -> bool:
        """Take a session away with its messages, and say whether that was done; of one that has to
        be expired by then, only where it is."""
        ...

    def list_sessions(
        self,
        filters: Filters = None,
        *,
        cursor: str | None = None,
        on_corrupt: OnCorrupt = "raise",
    ) -> Sequence[Session]:
        """The sessions that are asked for, those after a *cursor* where one is given. One that can
        not be read is an error, or is left out."""
        ...

    def list_session_ids(self, user_id: str) -> Sequence[str]:
        """The ids of all sessions of a user, whether they can be read or not."""
        ...

    def add_message(
        self,
        session_id: str,
        message: Mapping[str, Any],
        *,
        most_tokens: int | None = None,
        session_ttl: DefaultTtl = None,
    ) -> Message:
        """Keep a new message; one that is there by its `id` already stays as it is. There may be
        *most_tokens* in a session that has no budget of its own."""
        ...

    def get_messages(self, session_id: str, options: MessageOptions = None) -> Sequence[Message]:
        """The messages that are asked for; none where there is no session."""
        ...

    def get_message(self, session_id: str, message_id: str) -> Message | None:
        """One message of the session; `None` where there is none of that id."""
        ...

    def update_message(
        self,
        session_id: str,
        message_id: str,
        updates: Mapping[str, Any],
        *,
        expected: Message | None = None,
        session_ttl: DefaultTtl = None,
    ) -> Message:
        """Change a message of the session; `MessageConflictError` where its content or metadata are
        not those of what is *expected*."""
        ...

    def delete_message(
        self, session_id: str, message_id: str, *, session_ttl: DefaultTtl = None
    ) -> Message:
        """Take a message of the session away, and give it back."""
        ...

    def delete_all_messages(self, session_id: str, *, session_ttl: DefaultTtl = None) -> int:
        """Take all messages of the session away, and say how many there were."""
        ...

    def get_expired_sessions(self, before: datetime | None = None) -> Sequence[str]:
        """The ids of sessions that are expired by then, or now."""
        ...

    def health(self) -> HealthStatus:
        """How the store is; it does not raise."""
        ...

    def close(self) -> None:
        """Let go of what was opened; twice is fine."""
        ...


def adapter_of(given: object) -> ContinuityAdapter:
    """*given*, if it keeps sessions by calls of this colour."""
    if isinstance(given, type) or not isinstance(given, ContinuityAdapter):
        wanted = f"{ContinuityAdapter.__module__.removesuffix('.protocols')}.ContinuityAdapter"
        raise ValidationError(f"storage must be a {wanted}, not {kind(given)}")
    return given
