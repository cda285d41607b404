"""Leases and claims in SQLite: a row each, in tables beside the one of the values.

Nobody is told of a change in a file, so who waits looks again after a pause that grows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ..core.turns import Mark, Place, claimed, may_finish, pauses, turn
from ..keys import Names
from ..records import Claimed, Turn
from ..runtime import Runtime
from ..ttl import Clock
from .connection import Connection
from .later import Later
from .statements import LeaseStatements

T = TypeVar("T")

_FREED_AT_ONCE: Final = 8
"""How many rows that are over are freed by who adds one."""


class Tables:
    """The tables of leases and claims of one backend; they are made when they are used first."""

    def __init__(self, connection: Connection, table: str, clock: Clock) -> None:
        self.connection: Connection = connection
        self.sql: LeaseStatements = LeaseStatements(table)
        self._later = Later(connection, self.sql.create)
        self._clock = clock

    def now(self) -> int:
        """The moment by the clock of the backend."""
        return int(self._clock() * 1000)

    def transact(self, work: Callable[[sqlite3.Cursor, int], T], key: str) -> T:
        """Do *work* alone, and tell it the moment at which it is done."""

        def whole(cursor: sqlite3.Cursor) -> T:
            return work(cursor, self.now())

        return self._later.transact(whole, key)


class SqliteLeases:
    """The leases and claims in *tables* whose keys are called by *names*."""

    def __init__(self, tables: Tables, names: Names) -> None:
        self._tables = tables
        self._sql = tables.sql
        self._names = names
        self._runtime = Runtime()

    def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        name = self._names.reserved("lease", key)

        def acquire(cursor: sqlite3.Cursor, now: int) -> Turn:
            return self.ask(cursor, name, token, now, ttl_ms, patience_ms)

        return self._tables.transact(acquire, key)

    def wait(self, key: str, token: str, wait_ms: int) -> None:
        for seconds in pauses(wait_ms):
            self._runtime.sleep(seconds)
            if self.ready(key, token):
                return

    def ready(self, key: str, token: str) -> bool:
        """Whether *token* would be granted the lease now: one look, without any change."""
        name, now = self._names.reserved("lease", key), self._tables.now()
        row = self._tables.connection.row(self._sql.who, (name, now, name, now), key)
        return _turn(row, token, now).granted

    def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        name = self._names.reserved("lease", key)

        def renew(cursor: sqlite3.Cursor, now: int) -> bool:
            return self.hold(cursor, name, token, now, ttl_ms)

        return self._tables.transact(renew, key)

    def release(self, key: str, token: str) -> bool:
        name = self._names.reserved("lease", key)

        def release(cursor: sqlite3.Cursor, now: int) -> bool:
            return self.give_up(cursor, name, token, now)

        return self._tables.transact(release, key)

    def claim(self, key: str, token: str, ttl_ms: int) -> Claimed:
        name = self._names.reserved("claim", key)

        def claim(cursor: sqlite3.Cursor, now: int) -> Claimed:
            told = claimed(self._mark(cursor, name, now), token)
            if told == "taken":
                cursor.execute(self._sql.mark, (name, token, now + ttl_ms, 0))
                cursor.execute(self._sql.free_claims, (now, _FREED_AT_ONCE))
            return told

        return self._tables.transact(claim, key)

    def done(self, key: str, token: str, ttl_ms: int) -> bool:
        name = self._names.reserved("claim", key)

        def done(cursor: sqlite3.Cursor, now: int) -> bool:
            ours = may_finish(self._mark(cursor, name, now), token)
            if ours:
                cursor.execute(self._sql.mark, (name, token, now + ttl_ms, 1))
            return ours

        return self._tables.transact(done, key)

    def ask(
        self,
        cursor: sqlite3.Cursor,
        name: str,
        token: str,
        now: int,
        ttl_ms: int,
        patience_ms: int,
    ) -> Turn:
        """Give *token* the lease called *name*, or else a place in its queue."""
        told = self._turn(cursor, name, token, now)
        if told.granted:
            cursor.execute(self._sql.hold, (name, token, now + ttl_ms))
            cursor.execute(self._sql.leave, (name, token, now))
            cursor.execute(self._sql.free_leases, (now, _FREED_AT_ONCE))
        elif patience_ms:
            self._stand(cursor, (name, token), now, now + patience_ms)
        return told

    def is_held(self, cursor: sqlite3.Cursor, name: str, token: str, now: int) -> bool:
        """Whether *token* has the lease called *name*."""
        return cursor.execute(self._sql.is_held, (name, token, now)).fetchone() is not None

    def hold(self, cursor: sqlite3.Cursor, name: str, token: str, now: int, ttl_ms: int) -> bool:
        """Have the lease end *ttl_ms* from now; says whether *token* has it."""
        return cursor.execute(self._sql.renew, (now + ttl_ms, name, token, now)).rowcount == 1

    def give_up(self, cursor: sqlite3.Cursor, name: str, token: str, now: int) -> bool:
        """Take back the lease or the place of *token*; says whether it had the lease."""
        cursor.execute(self._sql.leave, (name, token, now))
        return cursor.execute(self._sql.release, (name, token, now)).rowcount == 1

    def _turn(self, cursor: sqlite3.Cursor, name: str, token: str, now: int) -> Turn:
        row = cursor.execute(self._sql.who, (name, now, name, now)).fetchone()
        return _turn(row, token, now)

    def _stand(self, cursor: sqlite3.Cursor, place: tuple[str, str], now: int, until: int) -> None:
        """Keep a place in the queue: the one that is there, or the last."""
        if cursor.execute(self._sql.stay, (until, *place, now)).rowcount == 1:
            return
        cursor.execute(self._sql.leave, (*place, now))
        cursor.execute(self._sql.stand, (*place, until))
        cursor.execute(self._sql.free_places, (now, _FREED_AT_ONCE))

    def _mark(self, cursor: sqlite3.Cursor, name: str, now: int) -> Mark | None:
        row = cursor.execute(self._sql.marked, (name, now)).fetchone()
        return None if row is None else Mark(row[0].decode(), bool(row[1]), row[2])


def _turn(row: Sequence[Any], token: str, now: int) -> Turn:
    return turn(token, _place(*row[:2]), _place(*row[2:]), now)


def _place(token: bytes | None, until: int) -> Place | None:
    return None if token is None else Place(token.decode(), until)
