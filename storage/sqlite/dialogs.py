"""Sessions of session continuity in SQLite: a row a session and a row a message, beside the table
of the values."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import islice

from ..core.dialog.choosing import BEFORE_ALL, is_tagged, stretch
from ..core.dialog.steps import (
    Dialog,
    absent,
    added,
    amended,
    begun,
    changed,
    discarded,
    emptied,
    seen,
)
from ..dialogs import NOTHING, Asked, Change, Changed, Fields, Held, Said, Terms, Wanted
from ..keys import Names, check_key
from . import dialog_rows
from .dialog_rows import Dialogs, Row, is_over
from .groups import apart


class SqliteDialogs:
    """The sessions of *dialogs* in the store whose keys are called by *names*."""

    def __init__(self, dialogs: Dialogs, names: Names) -> None:
        self._dialogs = dialogs
        self._sql = dialogs.sql
        self._space = names.prefix

    def create(self, fields: Fields, terms: Terms) -> Held | None:
        session_id = self._checked(fields["id"])

        def create(cursor: sqlite3.Cursor, now: int) -> Held | None:
            row = cursor.execute(self._sql.look, (self._space, session_id)).fetchone()
            if row is not None and not is_over(row[1], now):
                return None
            if row is not None:
                cursor.execute(self._sql.unname, (row[0],))
            dialog = begun(fields, terms, now)
            cursor.execute(self._sql.begin, dialog_rows.begun(self._space, dialog))
            self._dialogs.free_some(cursor, now, begun=True)
            return seen(dialog.held, now)

        return self._dialogs.transact(create, session_id)

    def find(self, session_id: str) -> Held | None:
        self._checked(session_id)

        def find(cursor: sqlite3.Cursor, now: int) -> Held | None:
            row = self._dialogs.find(cursor, self._space, session_id, now)
            return None if row is None else seen(row.dialog.held, now)

        return self._dialogs.look(find, session_id, None)

    def change(self, session_id: str, change: Change, terms: Terms) -> Changed:
        self._checked(session_id)

        def step(cursor: sqlite3.Cursor, now: int) -> Changed:
            row = self._dialogs.find(cursor, self._space, session_id, now)
            if row is None:
                return Changed("missing")
            try:
                outcome, dialog = changed(row.dialog, change, terms, now)
            except ValueError:
                raise self._dialogs.corrupt("its version is no number", session_id) from None
            if outcome == "done":
                cursor.execute(self._sql.change, [*dialog_rows.changed(dialog), row.number])
            return Changed(outcome, seen(dialog.held, now))

        return self._dialogs.transact(step, session_id)

    def remove(self, session_id: str, expired_by: int | None = None) -> bool:
        self._checked(session_id)

        def remove(cursor: sqlite3.Cursor, now: int) -> bool:
            row = cursor.execute(self._sql.look, (self._space, session_id)).fetchone()
            if row is None or is_over(row[1], now):
                return False
            if expired_by is not None and not is_over(row[2], min(expired_by, now)):
                return False
            cursor.execute(self._sql.discard_all, (row[0],))
            cursor.execute(self._sql.forget, (row[0],))
            return True

        return self._dialogs.transact(remove, session_id)

    def select(self, wanted: Wanted) -> Sequence[Held]:
        if wanted.limit == 0:
            return []
        sql = self._sql.select(wanted)

        def select(cursor: sqlite3.Cursor, now: int) -> list[Held]:
            rows = cursor.execute(sql, dialog_rows.selected(self._space, wanted, now))
            found = (self._dialogs.row(self._dialogs.name(name), row) for name, *row in rows)
            helds = (seen(row.dialog.held, now) for row in found)
            if not wanted.tags:
                return list(helds)
            tagged = (held for held in helds if is_tagged(held.fields, wanted.tags))
            return list(islice(tagged, *stretch(wanted.offset, wanted.limit)))

        nothing: list[Held] = []
        return self._dialogs.look(select, None, nothing)

    def add(
        self, session_id: str, message: Fields, terms: Terms, most_tokens: int | None = None
    ) -> Said:
        self._checked(session_id)
        message_id = self._checked(message["id"])

        def add(cursor: sqlite3.Cursor, now: int) -> Said:
            row = self._dialogs.find(cursor, self._space, session_id, now)
            if row is None:
                return Said("missing")
            there = self._there(cursor, row, message_id, now)
            if there is not None:
                return there
            last = cursor.execute(self._sql.last, (row.number,)).fetchone()
            at = last[0] if last is not None and type(last[0]) is int else BEFORE_ALL
            said, dialog = added(row.dialog, message, at, terms, now, most_tokens)
            if dialog is not None and said.message is not None:
                place = [row.number, dialog.seq, self._space, message_id]
                cursor.execute(self._sql.add, [*place, *dialog_rows.said(said.message)])
                self._go_on(cursor, row, dialog)
                self._dialogs.free_some(cursor, now)
            return said

        return self._dialogs.transact(add, session_id)

    def messages(self, session_id: str, asked: Asked) -> Sequence[Fields]:
        self._checked(session_id)
        nothing: list[Fields] = []
        if asked.limit == 0:
            return nothing
        sql = self._sql.read(asked)

        def read(cursor: sqlite3.Cursor, now: int) -> list[Fields]:
            row = cursor.execute(self._sql.look, (self._space, session_id)).fetchone()
            if row is None or is_over(row[1], now):
                return []
            cells = cursor.execute(sql, dialog_rows.asked(row[0], asked))
            return [self._message(cell, session_id) for (cell,) in cells]

        return self._dialogs.look(read, session_id, nothing)

    def amend(
        self,
        session_id: str,
        message_id: str,
        put: Fields,
        drop: Sequence[str],
        terms: Terms,
        expected: Fields = NOTHING,
    ) -> Said:
        self._checked(session_id)

        def amend(cursor: sqlite3.Cursor, now: int) -> Said:
            row = self._dialogs.find(cursor, self._space, session_id, now)
            found = None if row is None else self._found(cursor, row, message_id)
            if row is None or found is None:
                return absent(None if row is None else row.dialog)
            seq, _, cell = found
            message = self._message(cell, session_id)
            said, dialog = amended(row.dialog, message, put, drop, terms, now, expected)
            if dialog is not None and said.message is not None:
                values = [*dialog_rows.said(said.message), row.number, seq]
                cursor.execute(self._sql.amend, values)
                self._go_on(cursor, row, dialog)
            return said

        return self._dialogs.transact(amend, session_id)

    def discard(self, session_id: str, message_id: str, terms: Terms) -> Said:
        self._checked(session_id)

        def discard(cursor: sqlite3.Cursor, now: int) -> Said:
            row = self._dialogs.find(cursor, self._space, session_id, now)
            found = None if row is None else self._found(cursor, row, message_id)
            if row is None or found is None:
                return absent(None if row is None else row.dialog)
            seq, tokens, cell = found
            said = Said("done", self._message(cell, session_id))
            cursor.execute(self._sql.discard, (row.number, seq))
            self._go_on(cursor, row, discarded(row.dialog, tokens, terms, now))
            return said

        return self._dialogs.transact(discard, session_id)

    def discard_all(self, session_id: str, terms: Terms) -> int | None:
        self._checked(session_id)

        def discard_all(cursor: sqlite3.Cursor, now: int) -> int | None:
            row = self._dialogs.find(cursor, self._space, session_id, now)
            if row is None:
                return None
            gone = cursor.execute(self._sql.discard_all, (row.number,)).rowcount
            self._go_on(cursor, row, emptied(row.dialog, terms, now))
            return gone

        return self._dialogs.transact(discard_all, session_id)

    def ids(self, user_id: str) -> Sequence[str]:
        def ids(cursor: sqlite3.Cursor, now: int) -> list[str]:
            rows = cursor.execute(self._sql.ids, (self._space, user_id, now))
            return [self._dialogs.name(name) for (name,) in rows]

        self._checked(user_id)
        nothing: list[str] = []
        return self._dialogs.look(ids, None, nothing)

    @apart
    def expired(self, before: int | None) -> Sequence[str]:
        def expired(cursor: sqlite3.Cursor, now: int) -> list[str]:
            rows = cursor.execute(
                self._sql.expired, (self._space, now if before is None else before, now)
            )
            return [self._dialogs.name(name) for (name,) in rows]

        self._dialogs.sweep()
        nothing: list[str] = []
        return self._dialogs.look(expired, None, nothing)

    def ping(self) -> None:
        self._dialogs.ping()

    def _there(self, cursor: sqlite3.Cursor, row: Row, message_id: str, now: int) -> Said | None:
        """What is said of a message that is there already; that of a session that is over goes."""
        found = cursor.execute(self._sql.holder, (self._space, message_id)).fetchone()
        if found is None:
            return None
        number, cell, is_named, ends = found
        if number == row.number:
            return Said("repeated", self._message(cell, row.dialog.held.id))
        if is_named and not is_over(ends, now):
            return Said("taken")
        cursor.execute(self._sql.discard_named, (self._space, message_id))
        return None

    def _found(
        self, cursor: sqlite3.Cursor, row: Row, message_id: str
    ) -> tuple[int, int, object] | None:
        """The number of a message in the session, what it counts, and what is kept of it."""
        values = (self._space, message_id, row.number)
        found = cursor.execute(self._sql.message, values).fetchone()
        if found is None:
            return None
        seq, tokens, cell = found
        return seq, tokens if type(tokens) is int else 0, cell

    def _message(self, cell: object, session_id: str) -> Fields:
        return self._dialogs.fields(cell, session_id, "a message of it")

    def _go_on(self, cursor: sqlite3.Cursor, row: Row, dialog: Dialog) -> None:
        cursor.execute(self._sql.go_on, [*dialog_rows.gone_on(dialog), row.number])

    def _checked(self, text: str) -> str:
        check_key(text, self._dialogs.label)
        return text
