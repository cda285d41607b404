"""What a SQLite backend offers besides its entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dialog_store import DialogStore
from ..keys import Names
from ..protocols import HistoryStore, LeaseStore, RateLimitStore, VisitStore
from ..ttl import Clock
from .connection import Connection
from .dialog_rows import Dialogs
from .dialogs import SqliteDialogs
from .histories import SqliteHistories
from .leases import SqliteLeases, Tables
from .limits import Meters, SqliteLimits
from .talks import Histories
from .visits import SqliteVisits

if TYPE_CHECKING:
    from .kv import SqliteBackend


class Rooms:
    """The rooms beside the *table*: what one of them keeps is shared by all of its kind."""

    def __init__(self, connection: Connection, label: str, table: str, clock: Clock) -> None:
        self._connection = connection
        self._label = label
        self._table = table
        self._clock = clock
        self._tables: Tables | None = None
        self._meters: Meters | None = None
        self._histories: Histories | None = None
        self._dialogs: Dialogs | None = None

    def room(
        self, kind: object, names: Names, rows: SqliteBackend
    ) -> SqliteLeases | SqliteVisits | SqliteLimits | SqliteHistories | SqliteDialogs | None:
        """The leases and claims, the visits to the entries of *rows*, the rate limits, the
        conversations, or the sessions of session continuity."""
        if kind is RateLimitStore:
            if self._meters is None:
                self._meters = Meters(self._connection, self._label, self._table, self._clock)
            return SqliteLimits(self._meters, names)
        if kind is HistoryStore:
            return SqliteHistories(self._talks(), names)
        if kind is DialogStore:
            return SqliteDialogs(self._sessions(), names)
        if kind not in (LeaseStore, VisitStore):
            return None
        if self._tables is None:
            self._tables = Tables(self._connection, self._table, self._clock)
        leases = SqliteLeases(self._tables, names)
        return leases if kind is LeaseStore else SqliteVisits(rows, self._tables, leases, names)

    def sweep(self) -> None:
        """Free the conversations and the sessions that are over, whoever kept them."""
        self._talks().sweep()
        self._sessions().sweep()

    def _talks(self) -> Histories:
        if self._histories is None:
            self._histories = Histories(self._connection, self._label, self._table, self._clock)
        return self._histories

    def _sessions(self) -> Dialogs:
        if self._dialogs is None:
            self._dialogs = Dialogs(self._connection, self._label, self._table, self._clock)
        return self._dialogs
