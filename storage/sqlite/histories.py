"""Conversations in SQLite: a row a message, and after the last one what is known of them all.

What is trimmed is gone at once for everybody; its rows go a few at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Final

from ..core.history import State, append, beginning, is_over, packed, trim, unpacked
from ..core.messages import GUARDED, Mark, mark
from ..core.picking import recent
from ..core.trim import held
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
from .statements import LAST
from .talks import FREE_AFTER, Histories, MiscountedError, Talk, message

_PAGE: Final = 256
_TEXT_END: Final = b""  # SQLite sorts bytes after all text

_LEFT_BEHIND: Final = 8
"""Trimmed messages stay in the file until there are so many of them, which is a page of it."""


class SqliteHistories:
    """The conversations of *histories* whose keys are called by *names*."""

    def __init__(self, histories: Histories, names: Names) -> None:
        self._histories = histories
        self._sql = histories.sql
        self._names = names

    def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        name = self._names.reserved("history", key)

        def append(cursor: sqlite3.Cursor, now: int) -> tuple[Appended, Talk | None]:
            talk = self._histories.taken(name)
            if talk is not None and not talk.is_over(now):
                done = self._append(cursor, talk, key, entries, terms, now)
                if done is not None and done.outcome == "appended":
                    self._histories.free(cursor, talk.id, len(entries), now)
                    return done, talk
            return self._append_slowly(cursor, name, key, entries, terms, now)

        done, talk = self._histories.transact(append, key, seldom_looks=True)
        if talk is not None:
            self._histories.given(name, talk)
        return done

    def read(self, key: str, query: Query) -> Stretch:
        name = self._names.reserved("history", key)
        since, until = query.since is not None, query.until is not None
        sql = self._sql.read(query.newest, since, until, len(query.roles))

        def read(cursor: sqlite3.Cursor, now: int) -> Stretch:
            talk = self._live(cursor, name, key, now)
            if talk is None:
                return _NOTHING
            records = []
            for (raw,) in cursor.execute(sql, _asked(talk, query)):
                if raw is None:
                    break
                records.append(raw if type(raw) is bytes else b"")
            more = query.limit is not None and len(records) > query.limit
            if more:
                records.pop()
            if query.newest:
                records.reverse()
            return Stretch(talk.raw, records, more)

        return self._histories.look(read, key, _NOTHING)

    def recent(self, key: str, bounds: Bounds) -> Stretch:
        name = self._names.reserved("history", key)

        def look(cursor: sqlite3.Cursor, now: int) -> Stretch:
            talk = self._live(cursor, name, key, now)
            if talk is None:
                return _NOTHING
            guarded = cursor.execute(self._sql.guarded, (talk.id,)).fetchall()
            others = cursor.execute(self._sql.last, (talk.id, beginning(talk.raw)))
            last, more = recent((message(*row) for row in others), bounds)
            messages = sorted([*(message(*row) for row in guarded), *last], key=_seq)
            return Stretch(talk.raw, [raw for _, raw in messages], more)

        return self._histories.look(look, key, _NOTHING)

    def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        names = [self._names.reserved("history", key) for key in keys]

        def standing(cursor: sqlite3.Cursor, name: str, key: str, now: int) -> Standing | None:
            talk = self._live(cursor, name, key, now)
            if talk is None:
                return None
            self._histories.state(talk, key)
            return Standing(talk.raw, talk.ends)

        def look(cursor: sqlite3.Cursor, now: int) -> list[Standing | None]:
            return [standing(cursor, name, key, now) for name, key in zip(names, keys)]

        return self._histories.look(look, None, [None] * len(keys))

    def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        name = self._names.reserved("history", key)
        new = unpacked(alteration.state)
        changed = [(mark(raw), raw, old) for _, old, raw in alteration.replaced]

        def alter(cursor: sqlite3.Cursor, now: int) -> bool:
            talk = self._live(cursor, name, key, now)
            if talk is None:
                return False
            if talk.raw != state:
                self._histories.state(talk, key)
                return False
            seqs = [(talk.id, one.seq, old) for one, _, old in changed]
            if any(cursor.execute(self._sql.is_so, seq).fetchone() is None for seq in seqs):
                return False
            cursor.executemany(
                self._sql.replace,
                [(one.flags & GUARDED, one.role, raw, talk.id, one.seq) for one, raw, _ in changed],
            )
            removed = [(talk.id, seq) for seq in alteration.removed]
            cursor.executemany(self._sql.remove, removed)
            ends = new.ends(terms.ttl_ms, terms.max_age_ms, now)
            values = (talk.ends if ends is None else ends, alteration.state)
            cursor.execute(self._sql.go_on, (*values, talk.id, talk.raw, talk.ends))
            return True

        return self._histories.transact(alter, key)

    def restore(
        self,
        key: str,
        state: bytes,
        records: Sequence[bytes],
        terms: Terms,
        replaces: bool = False,
    ) -> bool:
        name, new = self._names.reserved("history", key), unpacked(state)
        messages = [(mark(raw), raw) for raw in records]

        def restore(cursor: sqlite3.Cursor, now: int) -> bool:
            talk = self._histories.find(cursor, name, None if replaces else key)
            if talk is not None and not replaces and not talk.is_over(now):
                return False
            ends = new.ends(terms.ttl_ms, terms.max_age_ms, now)
            talk = self._histories.begin(cursor, name, state, ends, talk)
            self._add(cursor, talk.id, messages)
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

    def _append_slowly(
        self,
        cursor: sqlite3.Cursor,
        name: str,
        key: str,
        entries: Sequence[Entry],
        terms: Terms,
        now: int,
    ) -> tuple[Appended, Talk | None]:
        """Append to what is there, after a look at it."""
        talk, appended = self._histories.find(cursor, name, key), len(entries)
        if talk is None or talk.is_over(now):
            done, _ = append(State(now), entries, terms, now)
            if done.outcome != "appended" or not entries:
                return done, None
            talk = self._histories.begin(cursor, name, packed(State(now)), None, talk)
            appended = FREE_AFTER
        tried = self._append(cursor, talk, key, entries, terms, now)
        assert tried is not None, "nobody else writes now"
        if tried.outcome != "appended":
            return tried, None
        self._histories.free(cursor, talk.id, appended, now)
        return tried, talk

    def _append(
        self,
        cursor: sqlite3.Cursor,
        talk: Talk,
        key: str,
        entries: Sequence[Entry],
        terms: Terms,
        now: int,
    ) -> Appended | None:
        """Append to *talk*; nothing is done where it is not that any more.

        It must not be used any more where nothing was appended.
        """
        state = self._histories.state(talk, key)
        first = state.first
        done, records = append(state, entries, terms, now)
        if done.outcome != "appended":
            return done
        messages = [(mark(raw), raw) for raw in records]
        if is_over(state, terms.bounds):
            if self._trim(cursor, talk, state, [one for one, _ in messages], terms.bounds):
                done = done._replace(more=True)
            messages = [one for one in messages if _stays(one[0], state)]
        ends, raw = state.ends(terms.ttl_ms, terms.max_age_ms, now), packed(state)
        if ends is None:
            ends = talk.ends
        values = (ends, raw, talk.id, talk.raw, talk.ends)
        if cursor.execute(self._sql.go_on, values).rowcount != 1:
            return None
        self._add(cursor, talk.id, messages)
        if state.first // _LEFT_BEHIND > first // _LEFT_BEHIND:
            cursor.execute(self._sql.trim, (talk.id, state.first))
        talk.go_on(state.first, raw, ends)
        return done

    def _trim(
        self,
        cursor: sqlite3.Cursor,
        talk: Talk,
        state: State,
        new: Sequence[Mark],
        bounds: Bounds,
    ) -> bool:
        """Drop what has to go of *talk* with *new* messages, and say whether that was not all.

        One that can not be read goes when its time comes, and till then nothing is known of it but
        that it is there.
        """
        first = state.first
        while True:
            heads = self._histories.heads(cursor, talk, first)
            try:
                return trim(state, chain(heads, new), bounds)
            except MiscountedError:
                rows = cursor.execute(self._sql.guarded, (talk.id,)).fetchall()
                rows += cursor.execute(self._sql.last, (talk.id, first))
                state.held = held(chain((message(*row)[0] for row in rows), new))

    def _add(
        self, cursor: sqlite3.Cursor, history: int, messages: Sequence[tuple[Mark, bytes]]
    ) -> None:
        for one, raw in messages:
            values = (history, one.seq, one.at, one.flags & GUARDED, one.role, raw)
            cursor.execute(self._sql.add, values)

    def _live(self, cursor: sqlite3.Cursor, name: str, key: str, now: int) -> Talk | None:
        """What is there, if it is not over."""
        talk = self._histories.find(cursor, name, key)
        return None if talk is None or talk.is_over(now) else talk


_NOTHING: Final = Stretch(None, [], False)


def _stays(one: Mark, state: State) -> bool:
    return one.seq >= state.first or one.flags & GUARDED > 0


def _asked(talk: Talk, query: Query) -> list[object]:
    """What is to be put into the statement for *query*."""
    far, near = (query.since, query.until) if query.newest else (query.until, query.since)
    past = [] if far is None else [far]
    values: list[object] = [*past, talk.id, query.after]
    values += [LAST if query.before is None else min(query.before, LAST), beginning(talk.raw)]
    if near is not None:
        values.append(near)
    if query.roles:
        values += [*past, *query.roles]
    values.append(-1 if query.limit is None else query.limit + 1)
    return values


def _seq(message: tuple[Mark, bytes]) -> int:
    return message[0].seq
