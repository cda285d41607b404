"""Tables that stand beside the one of the entries, and are made when they are used first."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from .connection import Connection

T = TypeVar("T")


class Later:
    """What *create* makes."""

    def __init__(self, connection: Connection, create: Sequence[str]) -> None:
        self.made: bool = False
        """Whether it is known to be there, for good."""
        self._connection = connection
        self._create = create
        connection.tells(self)

    def transact(
        self, work: Callable[[sqlite3.Cursor], T], key: str | None, *, seldom_looks: bool = False
    ) -> T:
        """Do *work* alone, with the tables there."""

        def whole(cursor: sqlite3.Cursor) -> T:
            for statement in () if self.made else self._create:
                cursor.execute(statement)
            return work(cursor)

        result = self._connection.transact(whole, key, seldom_looks=seldom_looks)
        # What was made inside of a caller's own transaction may be undone by the caller.
        self.made = self._connection.owned
        return result

    def forget(self) -> None:
        """It may be gone again."""
        self.made = False
