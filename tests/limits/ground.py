"""Rate limits as a room is asked about them, and what anybody else sees of them in a file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from storage.core.limits import Limit
from storage.records import Ask, Meter

ONE = Ask()
TOKEN = "ab" * 16

KINDS = ("log", "window", "aligned", "counter", "gcra", "slots")
"""How can be counted."""


def meter(hits: int = 3, per: float = 60, key: str = "k", **options: Any) -> Meter:
    """What a limit counts for one key."""
    return Meter(Limit(hits, per, **options).rule, key)


def hits(room: Any, *meters: Meter, times: int = 1, ask: Ask = ONE) -> list[bool]:
    """Whether each of some hits passes."""
    return [room.hit(meters, ask).passed for _ in range(times)]


def kept(file: Path) -> list[Any]:
    """All rows of meters and places, as they stand in the file."""
    columns = "name, CAST(expires_at AS BLOB), CAST(state AS BLOB), typeof(state)"
    with closing(sqlite3.connect(file)) as connection:
        query = f"SELECT {columns} FROM storage_limits ORDER BY name"
        return connection.execute(query).fetchall()
