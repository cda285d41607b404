"""What can go wrong with sessions, each with the code by which the original tells it."""

from __future__ import annotations

from typing import ClassVar

from ... import errors


class SessionError(Exception):
    """Any failure of session continuity."""

    code: ClassVar[str] = "SESSION_ERROR"


class SessionNotFoundError(SessionError, LookupError):
    """There is no session of this id."""

    code = "SESSION_NOT_FOUND"

    def __init__(self, session_id: str) -> None:
        super().__init__(f"Session not found: {session_id}")
        self.session_id: str = session_id

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.session_id,)


class MessageNotFoundError(SessionError, LookupError):
    """There is no message of this id in the session."""

    code = "MESSAGE_NOT_FOUND"

    def __init__(self, message_id: str, session_id: str | None = None) -> None:
        super().__init__(f"Message not found: {message_id}")
        self.message_id: str = message_id
        self.session_id: str | None = session_id

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message_id, self.session_id)


class SessionExistsError(SessionError):
    """There is a session of this id already."""

    code = "SESSION_EXISTS"

    def __init__(self, session_id: str) -> None:
        super().__init__(f"Session already exists: {session_id}")
        self.session_id: str = session_id

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.session_id,)


class MessageConflictError(SessionError):
    """Somebody else changed the message meanwhile; nothing was written."""

    code = "MESSAGE_CONFLICT"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"Concurrent modification of message {message_id}")
        self.message_id: str = message_id

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message_id,)


class SessionClosedError(SessionError):
    """The session is completed, expired or paused, and this is not written to it."""

    code = "SESSION_CLOSED"

    def __init__(self, session_id: str, status: str) -> None:
        super().__init__(f"Session is {status}: {session_id}")
        self.session_id: str = session_id
        self.status: str = status

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.session_id, self.status)


class TokenBudgetExceededError(SessionError):
    """There is no room for so many tokens."""

    code = "TOKEN_BUDGET_EXCEEDED"

    def __init__(self, used: int, limit: int, overage: int) -> None:
        super().__init__(f"Token budget exceeded: {used}/{limit} (+{overage} over)")
        self.used: int = used
        self.limit: int = limit
        self.overage: int = overage

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.used, self.limit, self.overage)


class CompressionError(SessionError):
    """A context could not be made shorter."""

    code = "COMPRESSION_ERROR"


class ValidationError(SessionError, ValueError):
    """Something that was handed over is not what it has to be."""

    code = "VALIDATION_ERROR"


class HandoffError(SessionError):
    """The session can not be handed to this agent."""

    code = "HANDOFF_ERROR"

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"Session is already assigned to agent {agent_id}")
        self.agent_id: str = agent_id

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.agent_id,)


class ConcurrencyError(SessionError):
    """Somebody else changed the session meanwhile; nothing was written."""

    code = "CONCURRENCY_CONFLICT"

    def __init__(self, session_id: str, expected: int, actual: int) -> None:
        super().__init__(
            f"Concurrent modification of session {session_id}: expected version {expected}, "
            f"found {actual}"
        )
        self.session_id: str = session_id
        self.expected: int = expected
        self.actual: int = actual

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.session_id, self.expected, self.actual)


class StorageError(SessionError, errors.StorageError):
    """An adapter could not do what it was asked for; the cause says why."""

    code = "STORAGE_ERROR"

    def __init__(
        self, message: str, adapter: str, *, store: str | None = None, key: object = None
    ) -> None:
        errors.StorageError.__init__(self, message, store=store, key=key)
        self.adapter: str = adapter

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self.args[0]), self.adapter), self.__dict__
