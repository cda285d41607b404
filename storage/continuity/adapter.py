# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Sessions as records, over the room that keeps them as fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..codecs import UnreadableError
from ..core.dialog.checks import count, maybe, moment, one_of, text
from ..core.dialog.dates import ms_of
from ..core.dialog.errors import SessionExistsError, SessionNotFoundError
from ..core.dialog.message_checks import message_updates, new_message
from ..core.dialog.message_checks import options as checked_options
from ..core.dialog.outcomes import (
    changed_session,
    expected_fields,
    kept_message,
    other_words,
    session_change,
)
from ..core.dialog.queries import asked, wanted
from ..core.dialog.records import HealthStatus, Message, RepeatedMessage, Session
from ..core.dialog.session_checks import filters as checked_filters
from ..core.dialog.session_checks import new_session, session_updates
from ..core.dialog.wire import message as message_in
from ..core.dialog.wire import message_fields, session_fields
from ..core.dialog.wire import session as session_in
from ..dialog_store import DialogStore
from ..dialogs import Asked, Held, Terms
from ..errors import CorruptValueError, StorageError
from ..keys import Names
from ..offers import offered
from ..protocols import Backend
from ..runtime import monotonic
from ..ttl import DefaultTtl, default_span
from .failing import attempt
from .ids import new_id
from .protocols import Filters, MessageOptions, OnCorrupt

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

_NEW: Final = {"status": "active", "metadata": {}, "participants": (), "schema_version": 1}


class Adapter:
    """Sessions in the room that *backend* has for them, for *ttl* after their last change."""

    name = "adapter"

    def __init__(self, backend: Backend, ttl: DefaultTtl, names: Names) -> None:
        self._terms: Terms = Terms(default_span(ttl, "the ttl of an adapter"))
        self._told: tuple[DefaultTtl, Terms] = (None, self._terms)
        self._backend = backend
        self._room: DialogStore = offered(backend, DialogStore, names)
        self._label: str = backend.label

    def create_session(
        self, session: Session | Mapping[str, Any], *, session_ttl: DefaultTtl = None
    ) -> Session:
        """Keep a new session, which gets an `id` unless it has one; it expires *session_ttl* from
        now."""
        made = {**_NEW, "id": new_id(), **new_session(session)}
        fields, _ = session_fields(made)
        with attempt(self.name, self._label, "create session", made["id"]):
            held = self._room.create(fields, self._living(session_ttl))
            if held is None:
                raise SessionExistsError(made["id"])
            return session_in(held)

    def get_session(self, session_id: str) -> Session | None:
        """The session; `None` where there is none."""
        name = text(session_id, "the id of a session")
        with attempt(self.name, self._label, "get session", name):
            held = self._room.find(name)
            return None if held is None else session_in(held)

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
        name = text(session_id, "the id of a session")
        told = session_updates(updates, quiet=quiet)
        version = maybe(count)(expected_version, "expected_version")
        change = session_change(told, version)._replace(quiet=quiet)
        with attempt(self.name, self._label, "update session", name):
            changed = self._room.change(name, change, self._living(session_ttl))
            return _told(session_in, changed_session(name, changed, version), self._label, name)

    def delete_session(self, session_id: str, *, expired_before: datetime | None = None) -> bool:
        """Take a session away with its messages, and say whether that was done; of one that has to
        be expired by then, only where it is."""
        name = text(session_id, "the id of a session")
        before = maybe(moment)(expired_before, "expired_before")
        with attempt(self.name, self._label, "delete session", name):
            return self._room.remove(name, None if before is None else ms_of(before))

    def list_sessions(
        self,
        filters: Filters = None,
        *,
        cursor: str | None = None,
        on_corrupt: OnCorrupt = "raise",
    ) -> list[Session]:
        """The sessions that are asked for, those after a *cursor* where one is given. One that can
        not be read is an error, or is left out."""
        one_of(on_corrupt, ("raise", "skip"), "on_corrupt")
        told = wanted(checked_filters(filters), cursor)
        if told.limit == 0:
            return []
        with attempt(self.name, self._label, "list sessions", told.user_id or ""):
            found = self._room.select(told)
            read = [_read(held, self._label, on_corrupt) for held in found]
        return [session for session in read if session is not None]

    def list_session_ids(self, user_id: str) -> list[str]:
        """The ids of all sessions of a user, whether they can be read or not."""
        name = text(user_id, "user_id")
        with attempt(self.name, self._label, "list sessions", name):
            found = self._room.ids(name)
            return list(found)

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
        name = text(session_id, "the id of a session")
        made = {"id": new_id(), "token_count": None, "metadata": None, **new_message(message)}
        fields, _ = message_fields(made)
        most = None if most_tokens is None else count(most_tokens, "most_tokens")
        with attempt(self.name, self._label, "add message", name):
            said = self._room.add(name, fields, self._living(session_ttl), most)
            kept = message_in(kept_message(name, made["id"], said, made["token_count"] or 0))
        return RepeatedMessage(*kept) if said.outcome == "repeated" else kept

    def get_messages(self, session_id: str, options: MessageOptions = None) -> list[Message]:
        """The messages that are asked for; none where there is no session."""
        name, told = text(session_id, "the id of a session"), asked(checked_options(options))
        if told.limit == 0:
            return []
        with attempt(self.name, self._label, "get messages", name):
            found = self._room.messages(name, told)
            return [message_in(fields) for fields in found]

    def get_message(self, session_id: str, message_id: str) -> Message | None:
        """One message of the session; `None` where there is none of that id."""
        name = text(session_id, "the id of a session")
        told = Asked(id=text(message_id, "the id of a message"))
        with attempt(self.name, self._label, "get messages", name):
            found = self._room.messages(name, told)
            return message_in(found[0]) if found else None

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
        name = text(session_id, "the id of a session")
        called = text(message_id, "the id of a message")
        put, drop = message_fields(message_updates(updates))
        with attempt(self.name, self._label, "update message", name):
            was, terms = expected_fields(expected), self._living(session_ttl)
            said = self._room.amend(name, called, put, drop, terms, was)
            if said.outcome == "conflict":
                found = self._room.messages(name, Asked(id=called))
                was = other_words(expected, found)
                if was:
                    said = self._room.amend(name, called, put, drop, terms, was)
            return _told(message_in, kept_message(name, called, said), self._label, name)

    def delete_message(
        self, session_id: str, message_id: str, *, session_ttl: DefaultTtl = None
    ) -> Message:
        """Take a message of the session away, and give it back."""
        name = text(session_id, "the id of a session")
        called = text(message_id, "the id of a message")
        with attempt(self.name, self._label, "delete message", name):
            said = self._room.discard(name, called, self._living(session_ttl))
            return _told(message_in, kept_message(name, called, said), self._label, name)

    def delete_all_messages(self, session_id: str, *, session_ttl: DefaultTtl = None) -> int:
        """Take all messages of the session away, and say how many there were."""
        name = text(session_id, "the id of a session")
        with attempt(self.name, self._label, "delete all messages", name):
            number = self._room.discard_all(name, self._living(session_ttl))
            if number is None:
                raise SessionNotFoundError(name)
            return number

    def get_expired_sessions(self, before: datetime | None = None) -> list[str]:
        """The ids of sessions that are expired by then, or now; what is left of those that are not
        kept any more goes."""
        told = maybe(moment)(before, "before")
        with attempt(self.name, self._label, "get expired sessions", ""):
            found = self._room.expired(None if told is None else ms_of(told))
            return list(found)

    def health(self) -> HealthStatus:
        """How the store is; it does not raise."""
        started = monotonic()
        try:
            self._room.ping()
        except StorageError as error:
            details = {"adapter": self.name, "error": str(error)}
            return HealthStatus("unhealthy", (monotonic() - started) * 1000, details)
        return HealthStatus("healthy", (monotonic() - started) * 1000, {"adapter": self.name})

    def close(self) -> None:
        """Let go of what was opened; twice is fine. A client that was passed in stays open."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._label}>"

    def _living(self, session_ttl: DefaultTtl) -> Terms:
        if session_ttl is None:
            return self._terms
        known, terms = self._told
        if known is not session_ttl:
            terms = self._terms._replace(session_ms=default_span(session_ttl, "session_ttl"))
            self._told = session_ttl, terms
        return terms


def _read(held: Held, label: str, on_corrupt: OnCorrupt) -> Session | None:
    """One of several sessions; where it can not be read, an error that says which it is, or
    `None`."""
    try:
        return session_in(held)
    except UnreadableError as error:
        if on_corrupt == "skip":
            return None
        message = f"the session can not be read: {error}"
        raise CorruptValueError(message, store=label, key=held.fields.get("id")) from None


def _told(read: Callable[[Any], T], kept: object, label: str, name: str) -> T:
    """What was changed, as it is kept now; it is changed even where it can not be read."""
    try:
        return read(kept)
    except UnreadableError as error:
        message = f"it is done, and what is kept can not be read: {error}"
        raise CorruptValueError(message, store=label, key=name) from None
