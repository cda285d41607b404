"""Visits to entries in SQLite: each is one transaction over the tables of entries and leases."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from ..keys import Names
from ..records import Change, Parting, Sight, Turn
from .leases import SqliteLeases, Tables

if TYPE_CHECKING:
    from .kv import SqliteBackend


class SqliteVisits:
    """The entries of *rows* that are called by *names*, and their *leases* in *tables*."""

    def __init__(
        self, rows: SqliteBackend, tables: Tables, leases: SqliteLeases, names: Names
    ) -> None:
        self._rows = rows
        self._tables = tables
        self._leases = leases
        self._names = names

    def look(self, key: str) -> Sight:
        return self._rows.sight(self._names.name(key))

    def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        name, lease = self._names.name(key), self._names.reserved("lease", key)

        def enter(cursor: sqlite3.Cursor, now: int) -> tuple[Turn, Sight]:
            told = self._leases.ask(cursor, lease, token, now, ttl_ms, patience_ms)
            return told, self._rows.sight(name, cursor) if told.granted else Sight(None, None, 0)

        return self._tables.transact(enter, key)

    def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        name, lease = self._names.name(key), self._names.reserved("lease", key)

        def leave(cursor: sqlite3.Cursor, now: int) -> Parting:
            if not self._leases.is_held(cursor, lease, token, now):
                return Parting(False, False, None)
            parting = self._parting(cursor, name, now, change)
            if parting.done and release:
                self._leases.give_up(cursor, lease, token, now)
            elif parting.done:
                self._leases.hold(cursor, lease, token, now, ttl_ms)
            return parting

        if token:
            return self._tables.transact(leave, key)
        return self._tables.connection.transact(
            lambda cursor: self._parting(cursor, name, self._tables.now(), change), key
        )

    def _parting(
        self, cursor: sqlite3.Cursor, name: str, now: int, change: Change | None
    ) -> Parting:
        """Make the *change*, where what it expects is there."""
        if change is not None:
            old, new, expiry = change
            is_any = new is None and old is None
            raw = None if is_any else self._rows.live(cursor, name, now)
            if not is_any and raw != old:
                return Parting(True, False, raw)
            self._rows.put(cursor, name, new, expiry, now)
        return Parting(True, True, None)
