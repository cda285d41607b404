"""Work on a cursor that is committed as a whole, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def alone(
    cursor: sqlite3.Cursor, work: Callable[[sqlite3.Cursor], T], *, nested: bool = False
) -> T:
    """Do *work* in a transaction of its own; *nested*, within one that the caller has begun."""
    if nested:
        undo = ("ROLLBACK TO storage", "RELEASE storage")
        return inside(cursor, work, "SAVEPOINT storage", "RELEASE storage", undo)
    return inside(cursor, work, "BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))


def inside(
    cursor: sqlite3.Cursor,
    work: Callable[[sqlite3.Cursor], T],
    begin: str,
    commit: str,
    undo: Sequence[str],
) -> T:
    """Do *work* between the statements *begin* and *commit*, or *undo* it."""
    begun = False
    try:
        cursor.execute(begin)
        begun = True
        result = work(cursor)
        cursor.execute(commit)
    except BaseException as error:
        # An interrupt may come between the statement and the note that it was run.
        if cursor.connection.in_transaction and (begun or not isinstance(error, sqlite3.Error)):
            _undo(cursor, undo, error)
        raise
    return result


def _undo(cursor: sqlite3.Cursor, statements: Sequence[str], error: BaseException) -> None:
    """Run *statements* after *error*; where that is an interrupt there may be nothing to undo."""
    try:
        for statement in statements:
            cursor.execute(statement)
    except sqlite3.Error:
        if isinstance(error, sqlite3.Error):
            raise
