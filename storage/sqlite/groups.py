"""Steps of several callers that share a commit: each is whole by itself, and none undoes another.

What is done within a transaction that is open already costs neither a lock of the file nor a
wait for the disk. Nothing counts before the commit. Where that fails, or SQLite gives up the
whole transaction over one step, each step is done anew and alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from ..runtime import monotonic
from .failures import is_busy

F = TypeVar("F", bound=Callable[..., Any])

LONGEST: Final = 0.01
"""Seconds after which a group takes no more steps: others want their turn as well."""

REST: Final = 0.0001
"""Seconds that are left to others after so long: a lock goes to whoever is awake to take it."""


def apart(function: F) -> F:
    """Mark a step that may take long, or is many transactions, or the last one of all: it shares
    none with others."""
    function.apart = True  # type: ignore[attr-defined]
    return function


def is_apart(function: Callable[..., Any]) -> bool:
    """Whether it is marked so."""
    return getattr(function, "apart", False)


def marked_as(function: Callable[..., Any], step: F) -> F:
    """*step*, which does *function*, and is apart if that is."""
    return apart(step) if is_apart(function) else step


class Memory(Protocol):
    """What remembers what it has written."""

    def forget(self) -> None:
        """Something of that was undone."""
        ...


class Group:
    """The transaction that steps share; it begins when the first of them writes."""

    def __init__(self) -> None:
        self.begun: bool = False
        self._until = monotonic() + LONGEST
        self._bar: sqlite3.Error | None = None

    def begin(self, cursor: sqlite3.Cursor) -> None:
        """Begin the transaction.

        Where somebody else has written all the time, all of the group have waited for it.
        """
        if self._bar is not None:
            raise self._bar.with_traceback(None)
        asked = monotonic()
        try:
            cursor.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if is_busy(error):
                self._bar = error
            raise
        finally:
            self._until += monotonic() - asked
        self.begun = True

    def is_over(self, cursor: sqlite3.Cursor | None) -> bool:
        """Whether it takes no more: its time is up, or SQLite has given up the transaction."""
        if monotonic() > self._until:
            return True
        return self.begun and (cursor is None or not cursor.connection.in_transaction)

    def commit(self, cursor: sqlite3.Cursor | None) -> bool:
        """Have all of it count, and say whether it does."""
        if not self.begun:
            return True
        if cursor is None or not cursor.connection.in_transaction:
            return False
        try:
            cursor.execute("COMMIT")
        except sqlite3.Error:
            return False
        return True

    def undo(self, cursor: sqlite3.Cursor | None) -> None:
        """Have none of it count that was not committed."""
        if cursor is not None and cursor.connection.in_transaction:
            with suppress(sqlite3.Error):  # who comes next tries again, and says why
                cursor.execute("ROLLBACK")
