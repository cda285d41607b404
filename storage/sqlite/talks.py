"""The tables of conversations in SQLite, and what is remembered of them."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from ..core.history import State, unpacked
from ..core.messages import Mark, mark
from ..errors import CorruptValueError
from ..ttl import Clock
from .connection import Connection
from .later import Later
from .statements import LAST, HistoryStatements

T = TypeVar("T")

FREE_AFTER: Final = 16
"""After so many messages, or a new conversation, it is looked for conversations that are over."""

_MOST_KNOWN: Final = 1024
_LONGEST_KNOWN: Final = 4096

_AHEAD: Final = 16
"""So many heads of messages are read at once, for this trim and the next ones."""

_LOOKED_AT: Final = 8
_FREED_AT_ONCE: Final = 128
_SWEPT_AT_ONCE: Final = 1000


class MiscountedError(Exception):
    """There is a message that nobody can read, and what was known of it is lost."""


class Talk:
    """A conversation as it was when it was last read or written here."""

    __slots__ = ("ends", "front", "id", "raw", "state")

    def __init__(self, history: int, ends: int | None, raw: bytes) -> None:
        self.id: int = history
        self.ends: int | None = ends
        self.raw: bytes = raw
        """What is known of it, as it is kept."""

        self.state: State | None = None
        """The same, where it was needed."""

        self.front: deque[Mark] = deque()
        """The first messages that may be trimmed, as far as they were looked at."""

    def go_on(self, first: int, raw: bytes, ends: int | None) -> None:
        """Be kept as *raw* until it *ends*; what is before *first* is trimmed."""
        self.raw, self.ends = raw, ends
        front = self.front
        while front and front[0].seq < first:
            front.popleft()

    def is_over(self, now: int) -> bool:
        """Whether it is over."""
        return self.ends is not None and self.ends <= now


class Histories:
    """The conversations of one backend; their tables are made when they are used first."""

    def __init__(self, connection: Connection, label: str, table: str, clock: Clock) -> None:
        self.sql: HistoryStatements = HistoryStatements(table)
        self._connection = connection
        self._later = Later(connection, self.sql.create)
        self._label = label
        self._clock = clock
        self._known: OrderedDict[str, Talk] = OrderedDict()
        self._appended = 0
        self._passed: int | None = None
        """The last conversation that was looked at, whether it is over."""

        connection.tells(self)

    def transact(
        self,
        work: Callable[[sqlite3.Cursor, int], T],
        key: str | None,
        *,
        seldom_looks: bool = False,
    ) -> T:
        """Do *work* alone, and tell it the moment at which it is done."""

        def whole(cursor: sqlite3.Cursor) -> T:
            return work(cursor, int(self._clock() * 1000))

        return self._later.transact(whole, key, seldom_looks=seldom_looks)

    def look(self, work: Callable[[sqlite3.Cursor, int], T], key: str | None, absent: T) -> T:
        """Do *work*, which only reads; it is *absent* where nothing was ever kept."""

        def whole(cursor: sqlite3.Cursor) -> T:
            return work(cursor, int(self._clock() * 1000)) if self._is_made(cursor) else absent

        return self._connection.look(whole, key)

    def find(self, cursor: sqlite3.Cursor, name: str, key: str | None) -> Talk | None:
        """What is there, if it is over or not; without a *key* nobody has to be able to read it."""
        row = cursor.execute(self.sql.find, (name,)).fetchone()
        if row is None:
            return None
        history, ends, raw = row
        if type(ends) is not int and ends is not None:
            if key is not None:
                raise self.corrupt("its end is no number", key)
            ends = None
        return Talk(history, ends, raw if type(raw) is bytes else b"")

    def state(self, talk: Talk, key: str) -> State:
        """What is known of a conversation."""
        if talk.state is None:
            try:
                talk.state = unpacked(talk.raw)
            except ValueError as error:
                raise self.corrupt(str(error), key) from None
        return talk.state

    def heads(self, cursor: sqlite3.Cursor, talk: Talk, first: int) -> Iterator[Mark]:
        """What the heads of the messages say that may be trimmed, from the *first* on.

        They end where it is not this conversation any more: nothing comes of it then. Where one
        is met that can not be read, that is raised once.
        """
        yield from talk.front
        same = (talk.id, talk.raw, talk.ends)
        is_read = cursor.execute(self.sql.is_still, same).fetchone() is None
        while not is_read:
            start = talk.front[-1].seq + 1 if talk.front else first
            rows = cursor.execute(self.sql.heads, (talk.id, start, _AHEAD)).fetchall()
            is_read = len(rows) < _AHEAD
            found = [message(*row)[0] for row in rows]
            talk.front.extend(found)
            if not all(one.role for one in found):
                raise MiscountedError
            yield from found

    def taken(self, name: str) -> Talk | None:
        """What is remembered of a conversation, for one who gives it back."""
        return self._known.pop(name, None)

    def given(self, name: str, talk: Talk) -> None:
        """Remember this of a conversation, unless it is long."""
        # In a caller's own transaction all of it may be undone.
        if self._connection.owned and len(talk.raw) <= _LONGEST_KNOWN:
            self._known[name] = talk
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)

    def forget(self) -> None:
        """Remember nothing: some of it was undone."""
        self._known.clear()

    def begin(
        self, cursor: sqlite3.Cursor, name: str, raw: bytes, ends: int | None, old: Talk | None
    ) -> Talk:
        """Have a new conversation where the *old* one is over."""
        if old is not None:
            self._let_go(cursor, old.id, _FREED_AT_ONCE)
        history = cursor.execute(self.sql.name, (name,)).lastrowid or 0
        cursor.execute(self.sql.begin, (history, ends, raw))
        return Talk(history, ends, raw)

    def drop(self, cursor: sqlite3.Cursor, history: int) -> None:
        """Take a conversation away."""
        cursor.execute(self.sql.empty, (history,))
        cursor.execute(self.sql.forget, (history,))

    def free(self, cursor: sqlite3.Cursor, newest: int, appended: int, now: int) -> None:
        """Now and then, free some of what is over among the next few conversations; *newest* is
        one that is there."""
        self._appended += appended
        if self._appended < FREE_AFTER:
            return
        self._appended = 0
        if self._passed is None:  # who is made anew each time does not always begin alike
            self._passed = now % max(1, newest - _LOOKED_AT + 1)
        passed = self._free_some(cursor, self._passed, _LOOKED_AT, _FREED_AT_ONCE, now)
        self._passed = passed or 0

    def sweep(self) -> None:
        """Free all that is over, and tell it nobody."""
        passed: int | None = 0

        def sweep(cursor: sqlite3.Cursor) -> int | None:
            if passed is None or not self._is_made(cursor):
                return None
            now = int(self._clock() * 1000)
            return self._free_some(cursor, passed, _SWEPT_AT_ONCE, _SWEPT_AT_ONCE, now)

        while passed is not None:
            passed = self._connection.transact(sweep, None)

    def _free_some(
        self, cursor: sqlite3.Cursor, passed: int, looked_at: int, most: int, now: int
    ) -> int | None:
        """Free what is over among the next few conversations after the one that was *passed*, as
        many messages as *most*, and say which one is passed then; `None` for the last."""
        rows = cursor.execute(self.sql.some, (passed, looked_at)).fetchall()
        for history, is_known, ends in rows:
            if not is_known or (type(ends) is int and ends <= now):
                most = self._let_go(cursor, history, most)
                if not most:
                    return passed
            passed = history
        return passed if len(rows) == looked_at else None

    def _let_go(self, cursor: sqlite3.Cursor, history: int, most: int) -> int:
        """Let nobody find a conversation any more, and free as many messages of it as *most*; says
        how many more that may have been, of which none are left."""
        cursor.execute(self.sql.remove, (history, LAST))
        cursor.execute(self.sql.unname, (history,))
        left = most - cursor.execute(self.sql.free, (history, history, most)).rowcount
        if left:
            cursor.execute(self.sql.forget, (history,))
        return left

    def _is_made(self, cursor: sqlite3.Cursor) -> bool:
        """Whether anything was ever kept."""
        if self._later.made:
            return True
        return cursor.execute(self.sql.is_there, (self.sql.table,)).fetchone() is not None

    def corrupt(self, what: str, key: str) -> CorruptValueError:
        """The error to raise."""
        message = f"the conversation can not be read: {what}"
        return CorruptValueError(message, store=self._label, key=key)


def message(seq: int, cell: object) -> tuple[Mark, bytes]:
    """A message in its row; one without a head, or with that of another, is of no role."""
    raw = cell if type(cell) is bytes else b""
    try:
        one = mark(raw)
        if one.seq != seq:
            raise ValueError
    except ValueError:
        one = Mark(seq, 0, 0, 0, "", (), (), 0)
    return one, raw
