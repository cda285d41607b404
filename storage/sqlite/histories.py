"""Conversations in SQLite: a row a message, and after the last one what is known of them all.

What is trimmed is gone at once for everybody; its rows go a few at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, TypeVar

from ..core.history import State, append, beginning, is_over, packed, trim, unpacked
from ..core.messages import GUARDED, Mark, mark
from ..core.picking import recent
from ..errors import CorruptValueError
from ..histories import (
    Alteration,
    Appended,
    Bounds,
    Entry,
    KeyPage,
    Query,
    Standing,
    Stretch,
    Terms,
)
from ..keys import Names, after
from ..ttl import Clock
from .connection import Connection
from .later import Later
from .statements import LAST, HistoryStatements

T = TypeVar("T")

_PAGE: Final = 256
_TEXT_END: Final = b""  # SQLite sorts bytes after all text

_LEFT_BEHIND: Final = 8
"""Trimmed messages stay in the file until there are so many of them, which is a page of it."""

_FREE_AFTER: Final = 16
"""After so many messages, or a new conversation, it is looked for conversations that are over."""

_LOOKED_AT: Final = 8
_FREED_AT_ONCE: Final = 128


class Found(NamedTuple):
    """What stands in the file of a conversation."""

    id: int
    state: bytes
    ends: int | None


class Histories:
    """The conversations of one backend; their tables are made when they are used first."""

    def __init__(self, connection: Connection, label: str, table: str, clock: Clock) -> None:
        self.sql: HistoryStatements = HistoryStatements(table)
        self._connection = connection
        self._later = Later(connection, self.sql.create)
        self._label = label
        self._clock = clock
        self._appended = 0
        self._passed: int | None = None
        """The last conversation that was looked at, whether it is over."""

    def transact(self, work: Callable[[sqlite3.Cursor, int], T], key: str | None) -> T:
        """Do *work* alone, and tell it the moment at which it is done."""

        def whole(cursor: sqlite3.Cursor) -> T:
            return work(cursor, int(self._clock() * 1000))

        return self._later.transact(whole, key)

    def look(self, work: Callable[[sqlite3.Cursor, int], T], key: str | None, absent: T) -> T:
        """Do *work*, which only reads; it is *absent* where nothing was ever kept."""

        def whole(cursor: sqlite3.Cursor) -> T:
            made = self._later.made or cursor.execute(self.sql.is_there, (self.sql.table,))
            if made is True or made.fetchone():
                return work(cursor, int(self._clock() * 1000))
            return absent

        return self._connection.look(whole, key)

    def find(self, cursor: sqlite3.Cursor, name: str, key: str) -> Found | None:
        """What is there, if it is over or not."""
        row = cursor.execute(self.sql.find, (name,)).fetchone()
        if row is None:
            return None
        history, ends, state = row
        if type(ends) is not int and ends is not None:
            raise self.corrupt("its end is no number", key)
        return Found(history, state if type(state) is bytes else b"", ends)

    def state(self, found: Found, key: str) -> State:
        """What is known of a conversation."""
        try:
            return unpacked(found.state)
        except ValueError as error:
            raise self.corrupt(str(error), key) from None

    def heads(self, cursor: sqlite3.Cursor, found: Found, first: int, key: str) -> Iterator[Mark]:
        """What the heads of messages say, from the *first* on."""
        for (raw,) in cursor.execute(self.sql.heads, (found.id, first)):
            try:
                yield mark(raw)
            except (TypeError, ValueError):
                raise self.corrupt("one of its messages is no record", key) from None

    def begin(
        self, cursor: sqlite3.Cursor, name: str, state: bytes, ends: int | None, old: Found | None
    ) -> Found:
        """Have a new conversation where the *old* one is over."""
        if old is not None:
            self.drop(cursor, old.id)
        history = cursor.execute(self.sql.name, (name,)).lastrowid or 0
        cursor.execute(self.sql.begin, (history, ends, state))
        return Found(history, state, ends)

    def drop(self, cursor: sqlite3.Cursor, history: int) -> None:
        """Take a conversation away."""
        cursor.execute(self.sql.empty, (history,))
        cursor.execute(self.sql.forget, (history,))

    def free(self, cursor: sqlite3.Cursor, newest: int, appended: int, now: int) -> None:
        """Now and then, free some of what is over among the next few conversations; *newest* is
        one that is there."""
        self._appended += appended
        if self._appended < _FREE_AFTER:
            return
        self._appended = 0
        passed = now % newest if self._passed is None else self._passed
        rows = cursor.execute(self.sql.some, (passed, _LOOKED_AT)).fetchall()
        left = _FREED_AT_ONCE
        for history, is_known, ends in rows:
            if is_known and (type(ends) is not int or ends > now):
                self._passed = history
                continue
            cursor.execute(self.sql.remove, (history, LAST))
            cursor.execute(self.sql.unname, (history,))
            left -= cursor.execute(self.sql.free, (history, history, left)).rowcount
            if not left:
                return
            cursor.execute(self.sql.forget, (history,))
            self._passed = history
        if len(rows) < _LOOKED_AT:
            self._passed = 0

    def corrupt(self, what: str, key: str) -> CorruptValueError:
        """The error to raise."""
        message = f"the conversation can not be read: {what}"
        return CorruptValueError(message, store=self._label, key=key)


class SqliteHistories:
    """The conversations of *histories* whose keys are called by *names*."""

    def __init__(self, histories: Histories, names: Names) -> None:
        self._histories = histories
        self._sql = histories.sql
        self._names = names

    def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        name = self._names.reserved("history", key)

        def append(cursor: sqlite3.Cursor, now: int) -> Appended:
            return self._append(cursor, name, key, entries, terms, now)

        return self._histories.transact(append, key)

    def read(self, key: str, query: Query) -> Stretch:
        name = self._names.reserved("history", key)
        sql = self._sql.read(
            newest=query.newest,
            since=query.since is not None,
            until=query.until is not None,
            roles=len(query.roles),
        )

        def read(cursor: sqlite3.Cursor, now: int) -> Stretch:
            found = self._live(cursor, name, key, now)
            if found is None:
                return _NOTHING
            rows = cursor.execute(sql, _asked(found, query)).fetchall()
            more = query.limit is not None and len(rows) > query.limit
            records = [_raw(raw) for (raw,) in rows[: query.limit]]
            return Stretch(found.state, records[::-1] if query.newest else records, more)

        return self._histories.look(read, key, _NOTHING)

    def recent(self, key: str, bounds: Bounds) -> Stretch:
        name = self._names.reserved("history", key)

        def look(cursor: sqlite3.Cursor, now: int) -> Stretch:
            found = self._live(cursor, name, key, now)
            if found is None:
                return _NOTHING
            guarded = cursor.execute(self._sql.guarded, (found.id,)).fetchall()
            others = cursor.execute(self._sql.last, (found.id, beginning(found.state)))
            last, more = recent((_message(*row) for row in others), bounds)
            messages = sorted([*(_message(*row) for row in guarded), *last], key=_seq)
            return Stretch(found.state, [raw for _, raw in messages], more)

        return self._histories.look(look, key, _NOTHING)

    def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        names = [self._names.reserved("history", key) for key in keys]

        def standing(cursor: sqlite3.Cursor, name: str, key: str, now: int) -> Standing | None:
            found = self._live(cursor, name, key, now)
            if found is None:
                return None
            self._histories.state(found, key)
            return Standing(found.state, found.ends)

        def look(cursor: sqlite3.Cursor, now: int) -> list[Standing | None]:
            return [standing(cursor, name, key, now) for name, key in zip(names, keys)]

        return self._histories.look(look, None, [None] * len(keys))

    def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        name = self._names.reserved("history", key)
        new = unpacked(alteration.state)
        changed = [(mark(raw), raw) for _, raw in alteration.replaced]

        def alter(cursor: sqlite3.Cursor, now: int) -> bool:
            found = self._live(cursor, name, key, now)
            if found is None:
                return False
            if found.state != state:
                self._histories.state(found, key)
                return False
            cursor.executemany(
                self._sql.replace,
                [(one.flags & GUARDED, one.role, raw, found.id, one.seq) for one, raw in changed],
            )
            removed = [(found.id, seq) for seq in alteration.removed]
            cursor.executemany(self._sql.remove, removed)
            self._know(cursor, found, new, terms, now)
            return True

        return self._histories.transact(alter, key)

    def restore(self, key: str, state: bytes, records: Sequence[bytes], terms: Terms) -> bool:
        name, new = self._names.reserved("history", key), unpacked(state)
        messages = [(mark(raw), raw) for raw in records]

        def restore(cursor: sqlite3.Cursor, now: int) -> bool:
            found = self._histories.find(cursor, name, key)
            if found is not None and not _is_past(found, now):
                return False
            ends = new.ends(terms.ttl_ms, terms.max_age_ms, now)
            found = self._histories.begin(cursor, name, state, ends, found)
            self._add(cursor, found.id, messages)
            return True

        return self._histories.transact(restore, key)

    def clear(self, keys: Sequence[str], states: Sequence[bytes] | None = None) -> int:
        names = [self._names.reserved("history", key) for key in keys]

        def clear(cursor: sqlite3.Cursor, now: int) -> int:
            removed = 0
            for place, name in enumerate(names):
                row = cursor.execute(self._sql.find, (name,)).fetchone()
                ends = None if row is None else row[1]
                if row is None or (type(ends) is int and ends <= now):
                    continue
                if states is None or row[2] == states[place]:
                    self._histories.drop(cursor, row[0])
                    removed += 1
            return removed

        return self._histories.transact(clear, None)

    def keys(self, prefix: str, cursor: str | None) -> KeyPage:
        wanted = self._names.reserved("history", prefix)
        start = wanted if cursor is None else cursor + "\0"
        end = after(wanted) or _TEXT_END

        def page(cursor: sqlite3.Cursor, now: int) -> list[str]:
            rows = cursor.execute(self._sql.keys, (start, end, now, _PAGE + 1))
            return [name.decode() for (name,) in rows]

        nothing: list[str] = []
        found = self._histories.look(page, None, nothing)
        skipped = len(self._names.segment("history"))
        skipped += len(self._names.prefix) if self._names.verbatim else 0
        keys = [name[skipped:] for name in found[:_PAGE]]
        return KeyPage(keys, found[_PAGE - 1] if len(found) > _PAGE else None)

    def _append(
        self,
        cursor: sqlite3.Cursor,
        name: str,
        key: str,
        entries: Sequence[Entry],
        terms: Terms,
        now: int,
    ) -> Appended:
        histories = self._histories
        found = old = histories.find(cursor, name, key)
        if found is not None and _is_past(found, now):
            found = None
        state = State(now) if found is None else histories.state(found, key)
        first = state.first
        done, records = append(state, entries, terms, now)
        if done.outcome != "appended" or (found is None and not entries):
            return done
        if found is None:
            found = histories.begin(cursor, name, b"", None, old)
            histories.free(cursor, found.id, _FREE_AFTER, now)
        messages = [(mark(raw), raw) for raw in records]
        if is_over(state, terms.bounds):
            heads = histories.heads(cursor, found, first, key)
            more = trim(state, chain(heads, (one for one, _ in messages)), terms.bounds)
            messages = [one for one in messages if _stays(one[0], state)]
            done = done._replace(more=more)
            if state.first // _LEFT_BEHIND > first // _LEFT_BEHIND:
                cursor.execute(self._sql.trim, (found.id, state.first))
        self._know(cursor, found, state, terms, now)
        self._add(cursor, found.id, messages)
        histories.free(cursor, found.id, len(entries), now)
        return done

    def _know(
        self, cursor: sqlite3.Cursor, found: Found, state: State, terms: Terms, now: int
    ) -> None:
        """Have *state* be known of the conversation from now on."""
        ends = state.ends(terms.ttl_ms, terms.max_age_ms, now)
        if ends is None:
            ends = found.ends
        cursor.execute(self._sql.know, (ends, packed(state), found.id))

    def _add(
        self, cursor: sqlite3.Cursor, history: int, messages: Sequence[tuple[Mark, bytes]]
    ) -> None:
        cursor.executemany(
            self._sql.add,
            [
                (history, one.seq, one.at, one.flags & GUARDED, one.role, raw)
                for one, raw in messages
            ],
        )

    def _live(self, cursor: sqlite3.Cursor, name: str, key: str, now: int) -> Found | None:
        """What is there, if it is not over."""
        found = self._histories.find(cursor, name, key)
        return None if found is None or _is_past(found, now) else found


_NOTHING: Final = Stretch(None, [], False)


def _is_past(found: Found, now: int) -> bool:
    return found.ends is not None and found.ends <= now


def _stays(one: Mark, state: State) -> bool:
    return one.seq >= state.first or one.flags & GUARDED > 0


def _asked(found: Found, query: Query) -> list[object]:
    """What is to be put into the statement for *query*."""
    values: list[object] = [found.id, query.after]
    values += [LAST if query.before is None else min(query.before, LAST), beginning(found.state)]
    if query.since is not None:
        values += [found.id, query.since] if query.newest else [query.since]
    if query.until is not None:
        values += [query.until] if query.newest else [found.id, query.until]
    return [*values, *query.roles, -1 if query.limit is None else query.limit + 1]


def _raw(cell: Any) -> bytes:
    return cell if type(cell) is bytes else b""


def _message(seq: int, cell: Any) -> tuple[Mark, bytes]:
    """A message of which the head need not say anything."""
    raw = _raw(cell)
    try:
        return mark(raw)._replace(seq=seq), raw
    except ValueError:
        return Mark(seq, 0, 0, 0, "", (), (), 0), raw


def _seq(message: tuple[Mark, bytes]) -> int:
    return message[0].seq
