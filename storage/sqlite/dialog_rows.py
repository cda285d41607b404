"""The tables of sessions in SQLite, and what stands in their rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from ..codecs import JsonCodec, UnreadableError
from ..core.dialog.choosing import maybe_moment, moment_of, stretch
from ..core.dialog.steps import Dialog, guarded, tokens_of
from ..dialogs import Asked, Fields, Held, Wanted
from ..errors import CorruptValueError
from ..ttl import Clock
from .connection import Connection
from .dialog_statements import STANDS, DialogStatements
from .later import Later

T = TypeVar("T")

_LONGEST: Final = 1_000_000_000
"""SQLite takes no longer texts."""

_JSON: Final = JsonCodec(max_bytes=_LONGEST)

_FREE_AFTER: Final = 16
_FREED_AT_ONCE: Final = 128
_SWEPT_AT_ONCE: Final = 1000


class Row(NamedTuple):
    """A session in its row."""

    number: int
    dialog: Dialog


class Dialogs:
    """The sessions of one backend; their tables are made when they are used first."""

    def __init__(self, connection: Connection, label: str, table: str, clock: Clock) -> None:
        self.sql: DialogStatements = DialogStatements(table)
        self.label: str = label
        self._connection = connection
        self._later = Later(connection, self.sql.create)
        self._clock = clock
        self._added = 0

    def transact(self, work: Callable[[sqlite3.Cursor, int], T], key: str | None) -> T:
        """Do *work* alone, and tell it the moment at which it is done."""

        def whole(cursor: sqlite3.Cursor) -> T:
            return work(cursor, self._now())

        return self._later.transact(whole, key)

    def look(self, work: Callable[[sqlite3.Cursor, int], T], key: str | None, absent: T) -> T:
        """Do *work*, which only reads; it is *absent* where nothing was ever kept."""

        def whole(cursor: sqlite3.Cursor) -> T:
            return work(cursor, self._now()) if self._is_made(cursor) else absent

        return self._connection.look(whole, key)

    def ping(self) -> None:
        """Have the database answer."""
        self._connection.row("SELECT 1", ())

    def find(self, cursor: sqlite3.Cursor, space: str, session_id: str, now: int) -> Row | None:
        """The session, if it is kept still."""
        row = cursor.execute(self.sql.find, (space, session_id)).fetchone()
        if row is None or is_over(row[1], now):
            return None
        return self.row(session_id, row)

    def row(self, session_id: str, row: Any) -> Row:
        """What stands in a row."""
        number, ends, messages, tokens, seq, compression, fields = row
        if type(ends) is not int and ends is not None:
            raise self.corrupt("its end is no number", session_id)
        if not type(messages) is type(tokens) is type(seq) is int:
            raise self.corrupt("its counters are no numbers", session_id)
        if type(compression) is not bytes:
            raise self.corrupt("its compression state is no text", session_id)
        state = compression.decode(errors="replace")
        held = Held(self.fields(fields, session_id), messages, tokens, state)
        return Row(number, Dialog(held, seq, ends))

    def fields(self, cell: object, session_id: str, what: str = "it") -> Fields:
        """What a cell tells of the session, or of a message of it."""
        try:
            found = _JSON.decode(cell) if type(cell) is bytes else None
        except UnreadableError:
            found = None
        if type(found) is not dict or not all(type(one) is str for one in found.values()):
            raise self.corrupt(f"{what} is no object of texts", session_id)
        if "id" not in found:
            raise self.corrupt(f"{what} has no id", session_id)
        return guarded(found)

    def name(self, cell: bytes) -> str:
        """The id of a session."""
        try:
            return cell.decode()
        except UnicodeDecodeError:
            raise CorruptValueError("an id is not UTF-8", store=self.label) from None

    def free_some(self, cursor: sqlite3.Cursor, now: int, *, begun: bool = False) -> None:
        """Now and then, and with each session that is begun, free some of what is over."""
        self._added += 1
        if begun or self._added >= _FREE_AFTER:
            self._added = 0
            self._free(cursor, _FREED_AT_ONCE, now)

    def sweep(self) -> None:
        """Free all that is over, some at a time."""

        def is_any_over(cursor: sqlite3.Cursor, now: int) -> bool:
            return cursor.execute(self.sql.over, (now,)).fetchone() is not None

        def free(cursor: sqlite3.Cursor, now: int) -> None:
            self._free(cursor, _SWEPT_AT_ONCE, now)

        while self.look(is_any_over, None, False):
            self.transact(free, None)

    def corrupt(self, what: str, session_id: str) -> CorruptValueError:
        """The error to raise."""
        message = f"the session can not be read: {what}"
        return CorruptValueError(message, store=self.label, key=session_id)

    def _free(self, cursor: sqlite3.Cursor, most: int, now: int) -> None:
        """Free as many rows as *most* of what is over."""
        while most > 0:
            row = cursor.execute(self.sql.over, (now,)).fetchone()
            if row is None:
                return
            number = row[0]
            most -= cursor.execute(self.sql.free, (number, number, most)).rowcount
            if most > 0:
                most -= cursor.execute(self.sql.forget, (number,)).rowcount

    def _is_made(self, cursor: sqlite3.Cursor) -> bool:
        """Whether anything was ever kept."""
        if self._later.made:
            return True
        return cursor.execute(self.sql.is_there, (self.sql.table,)).fetchone() is not None

    def _now(self) -> int:
        return int(self._clock() * 1000)


def begun(space: str, dialog: Dialog) -> list[object]:
    """The row of a new session."""
    fields = dialog.held.fields
    return [space, fields["id"], *_found_by(fields), *gone_on(dialog)]


def changed(dialog: Dialog) -> list[object]:
    """What is written of a session whose fields were changed."""
    return [*_found_by(dialog.held.fields), *gone_on(dialog)]


def gone_on(dialog: Dialog) -> list[object]:
    """What is written of a session whose messages were changed."""
    held = dialog.held
    return [
        _JSON.encode(dict(held.fields)).decode(),
        moment_of(held.fields, "lastActivityAt"),
        maybe_moment(held.fields, "expiresAt"),
        dialog.ends,
        held.messages,
        held.tokens,
        dialog.seq,
        held.compression,
    ]


def said(message: Fields) -> list[object]:
    """What is written of a message besides its place."""
    return [
        message.get("role"),
        moment_of(message, "createdAt"),
        tokens_of(message),
        _JSON.encode(dict(message)).decode(),
    ]


def selected(space: str, wanted: Wanted, now: int) -> list[object]:
    """What is to be put into the statement for sessions that are *wanted*."""
    stands = [wanted.status, *([now] if wanted.status in STANDS else [])]
    given: list[object] = [wanted.user_id, *stands, wanted.agent_id]
    given += [wanted.created_after, wanted.created_before]
    values = [space, now, *(one for one in given if one is not None)]
    if wanted.beyond is not None:
        at, session_id = wanted.beyond
        values += [at, at, session_id]
    # Tags are looked for in Python, and what is found is counted there.
    return values + ([-1, 0] if wanted.tags else _paged(wanted.offset, wanted.limit))


def asked(number: int, asked: Asked) -> list[object]:
    """What is to be put into the statement for messages that are *asked* for."""
    times = [one for one in (asked.after, asked.before) if one is not None]
    ids = [] if asked.id is None else [asked.id]
    return [number, *ids, *asked.roles, *times, *_paged(asked.offset, asked.limit)]


def is_over(ends: object, now: int) -> bool:
    """Whether what ends then is over; nobody knows of what is no number."""
    return type(ends) is int and ends <= now


def _paged(offset: int, limit: int | None) -> list[object]:
    start, end = stretch(offset, limit)
    return [-1 if end is None else end - start, start]


def _found_by(fields: Fields) -> list[object]:
    found = [fields.get(name) for name in ("userId", "status", "activeAgentId")]
    return [*found, moment_of(fields, "createdAt")]
