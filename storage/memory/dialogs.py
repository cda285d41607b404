"""Sessions of session continuity in memory, each with its messages in a mapping by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..core.dialog.choosing import BEFORE_ALL, asked_for, chosen, moment_of, overdue
from ..core.dialog.steps import (
    Dialog,
    absent,
    added,
    amended,
    begun,
    changed,
    discarded,
    emptied,
    is_expired,
    seen,
    tokens_of,
)
from ..dialogs import NOTHING, Asked, Change, Changed, Fields, Held, Said, Terms, Wanted
from ..errors import ClosedError, CorruptValueError
from ..keys import Names, check_key
from ..runtime import Lock, after_fork, mutex
from ..ttl import Clock

_FEW: Final = 1024

Name = tuple[str, str]
"""The prefix of a store, and an id in it."""


class Session:
    """One session: what is handed out of it is never changed."""

    __slots__ = ("_step", "dialog", "messages")

    def __init__(self, dialog: Dialog) -> None:
        self.dialog: Dialog = dialog
        self.messages: dict[str, Fields] = {}
        self._step: tuple[Dialog, dict[str, Fields], str, Fields | None] | None = None

    def go_on(self, dialog: Dialog, message_id: str, message: Fields | None) -> None:
        """Be so from now on, with this *message* or without it.

        Who is interrupted has done it or not.
        """
        self._step = (dialog, self.messages, message_id, message)
        self.settle()

    def empty(self, dialog: Dialog) -> None:
        """Be so from now on, without messages."""
        self._step = (dialog, {}, "", None)
        self.settle()

    def settle(self) -> None:
        """Do what is begun, though somebody was interrupted who did it."""
        if self._step is None:
            return
        dialog, messages, message_id, message = self._step
        if message is None:
            messages.pop(message_id, None)
        else:
            messages[message_id] = message
        self.messages, self.dialog = messages, dialog
        self._step = None

    def last(self) -> int:
        """When the last message was made."""
        for message in reversed(self.messages.values()):
            return moment_of(message, "createdAt")
        return BEFORE_ALL


class Dialogs:
    """The sessions of one backend, by their names."""

    def __init__(self, label: str, clock: Clock) -> None:
        self.lock: Lock = mutex()
        self.closed: bool = False
        self.label: str = label
        self._sessions: dict[Name, Session] = {}
        self._holders: dict[Name, Name] = {}
        """The session that a message of this name is in, if it is still there."""

        self._clock = clock
        self._most = _FEW
        after_fork(self, Dialogs._unlock)

    def now(self) -> int:
        """The moment, in milliseconds since 1970; refuses work on what is closed."""
        if self.closed:
            raise ClosedError("the store is closed", store=self.label)
        return int(self._clock() * 1000)

    def find(self, name: Name, now: int) -> Session | None:
        """The session, if it is kept still."""
        session = self._sessions.get(name)
        if session is None:
            return None
        session.settle()
        if not session.dialog.is_over(now):
            return session
        self.drop(name)
        return None

    def all(self, prefix: str, now: int) -> list[Held]:
        """The sessions of one store."""
        found = [self.find(name, now) for name in list(self._sessions) if name[0] == prefix]
        return [session.dialog.held for session in found if session is not None]

    def begin(self, name: Name, dialog: Dialog, now: int) -> None:
        """Have a new session; now and then, free those that are over."""
        self._sessions[name] = Session(dialog)
        if len(self._sessions) > self._most:
            self.free(now)
            self._most = 2 * len(self._sessions) + _FEW

    def drop(self, name: Name) -> None:
        """Have a session no more."""
        session = self._sessions.pop(name)
        self.forget(name, session.messages)

    def free(self, now: int) -> None:
        """Have those no more that are over."""
        for name in list(self._sessions):
            self.find(name, now)

    def holder(self, name: Name, now: int) -> Name | None:
        """The session that has the message of this name."""
        holder = self._holders.get(name)
        session = None if holder is None else self.find(holder, now)
        return None if session is None or name[1] not in session.messages else holder

    def hold(self, name: Name, message_id: str) -> None:
        """Know that the session of this name has a message."""
        self._holders[name[0], message_id] = name

    def forget(self, name: Name, message_ids: Sequence[str] | dict[str, Fields]) -> None:
        """Know that it has these messages no more."""
        for message_id in message_ids:
            if self._holders.get((name[0], message_id)) == name:
                del self._holders[name[0], message_id]

    def close(self) -> None:
        """Forget everything."""
        with self.lock:
            self.closed, self._sessions, self._holders = True, {}, {}

    def _unlock(self) -> None:
        self.lock = mutex()


class MemoryDialogs:
    """The sessions of *dialogs* in the store whose keys are called by *names*."""

    def __init__(self, dialogs: Dialogs, names: Names) -> None:
        self._dialogs = dialogs
        self._prefix = names.prefix

    def create(self, fields: Fields, terms: Terms) -> Held | None:
        name = self._name(fields["id"])
        with self._dialogs.lock:
            now = self._dialogs.now()
            if self._dialogs.find(name, now) is not None:
                return None
            dialog = begun(fields, terms, now)
            self._dialogs.begin(name, dialog, now)
        return seen(dialog.held, now)

    def find(self, session_id: str) -> Held | None:
        name = self._name(session_id)
        with self._dialogs.lock:
            now = self._dialogs.now()
            session = self._dialogs.find(name, now)
            return None if session is None else seen(session.dialog.held, now)

    def change(self, session_id: str, change: Change, terms: Terms) -> Changed:
        name = self._name(session_id)
        with self._dialogs.lock:
            now = self._dialogs.now()
            session = self._dialogs.find(name, now)
            if session is None:
                return Changed("missing")
            try:
                outcome, session.dialog = changed(session.dialog, change, terms, now)
            except ValueError:
                message = "the session can not be read: its version is no number"
                raise CorruptValueError(
                    message, store=self._dialogs.label, key=session_id
                ) from None
            return Changed(outcome, seen(session.dialog.held, now))

    def remove(self, session_id: str, expired_by: int | None = None) -> bool:
        name = self._name(session_id)
        with self._dialogs.lock:
            now = self._dialogs.now()
            session = self._dialogs.find(name, now)
            if session is None:
                return False
            by = now if expired_by is None else min(expired_by, now)
            if expired_by is not None and not is_expired(session.dialog.held.fields, by):
                return False
            self._dialogs.drop(name)
            return True

    def select(self, wanted: Wanted) -> Sequence[Held]:
        with self._dialogs.lock:
            now = self._dialogs.now()
            helds = [seen(held, now) for held in self._dialogs.all(self._prefix, now)]
        return chosen(helds, wanted)

    def add(
        self, session_id: str, message: Fields, terms: Terms, most_tokens: int | None = None
    ) -> Said:
        name, one = self._name(session_id), self._name(message["id"])
        with self._dialogs.lock:
            now = self._dialogs.now()
            session = self._dialogs.find(name, now)
            if session is None:
                return Said("missing")
            kept = session.messages.get(one[1])
            if kept is not None:
                return Said("repeated", kept)
            if self._dialogs.holder(one, now) is not None:
                return Said("taken")
            last = session.last()
            said, dialog = added(session.dialog, message, last, terms, now, most_tokens)
            if dialog is not None:
                self._dialogs.hold(name, one[1])
                session.go_on(dialog, one[1], said.message)
            return said

    def messages(self, session_id: str, asked: Asked) -> Sequence[Fields]:
        name = self._name(session_id)
        with self._dialogs.lock:
            session = self._dialogs.find(name, self._dialogs.now())
            if session is None:
                return []
            if asked.id is None:
                return asked_for(session.messages.values(), asked)
            one = session.messages.get(asked.id)
            return asked_for([] if one is None else [one], asked)

    def amend(
        self,
        session_id: str,
        message_id: str,
        put: Fields,
        drop: Sequence[str],
        terms: Terms,
        expected: Fields = NOTHING,
    ) -> Said:
        name = self._name(session_id)
        with self._dialogs.lock:
            now = self._dialogs.now()
            session = self._dialogs.find(name, now)
            kept = None if session is None else session.messages.get(message_id)
            if session is None or kept is None:
                return absent(None if session is None else session.dialog)
            said, dialog = amended(session.dialog, kept, put, drop, terms, now, expected)
            if dialog is not None:
                session.go_on(dialog, message_id, said.message)
            return said

    def discard(self, session_id: str, message_id: str, terms: Terms) -> Said:
        name = self._name(session_id)
        with self._dialogs.lock:
            now = self._dialogs.now()
            session = self._dialogs.find(name, now)
            kept = None if session is None else session.messages.get(message_id)
            if session is None or kept is None:
                return absent(None if session is None else session.dialog)
            dialog = discarded(session.dialog, tokens_of(kept), terms, now)
            session.go_on(dialog, message_id, None)
            self._dialogs.forget(name, [message_id])
            return Said("done", kept)

    def discard_all(self, session_id: str, terms: Terms) -> int | None:
        name = self._name(session_id)
        with self._dialogs.lock:
            now = self._dialogs.now()
            session = self._dialogs.find(name, now)
            if session is None:
                return None
            gone = session.messages
            session.empty(emptied(session.dialog, terms, now))
            self._dialogs.forget(name, gone)
            return len(gone)

    def ids(self, user_id: str) -> Sequence[str]:
        with self._dialogs.lock:
            helds = self._dialogs.all(self._prefix, self._dialogs.now())
        return [held.id for held in helds if held.fields.get("userId") == user_id]

    def expired(self, before: int | None) -> Sequence[str]:
        with self._dialogs.lock:
            now = self._dialogs.now()
            self._dialogs.free(now)
            helds = self._dialogs.all(self._prefix, now)
        return overdue(helds, now if before is None else before)

    def ping(self) -> None:
        with self._dialogs.lock:
            self._dialogs.now()

    def _name(self, text: str) -> Name:
        check_key(text, self._dialogs.label)
        return self._prefix, text
