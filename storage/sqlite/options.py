"""What a SQLite store is made of, checked before anything is opened."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Union

from ..errors import ConfigurationError
from ..ttl import Clock

if TYPE_CHECKING:
    import sqlite3

Durability = Literal["normal", "full"]
LayoutName = Literal["storage", "puregram", "gramio"]
Place = Union[str, "os.PathLike[str]", "sqlite3.Connection"]

DEFAULT_LAYOUT: Final = "storage"


class Layout(NamedTuple):
    """Whose table it is: its usual name, its columns, and the unit of its expiry."""

    table: str
    columns: str
    unit_ms: int
    verbatim: bool
    suffix: str = ""


LAYOUTS: Final = {
    "storage": Layout(
        "storage",
        "key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, expires_at INTEGER",
        unit_ms=1,
        verbatim=False,
        suffix=" WITHOUT ROWID",
    ),
    "puregram": Layout(
        "puregram_kv",
        "key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at INTEGER",
        unit_ms=1,
        verbatim=True,
    ),
    "gramio": Layout(
        "gramio_storage",
        "key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at BIGINT",
        unit_ms=1000,
        verbatim=True,
    ),
}


class Options:
    """The arguments of a SQLite store."""

    def __init__(
        self,
        place: Place,
        table: str | None,
        layout: str,
        sweep_interval: float | None,
        durability: str,
        clock: Clock,
    ) -> None:
        if layout not in LAYOUTS:
            raise ConfigurationError(f"layout must be one of {_names(LAYOUTS)}, not {layout!r}")
        if durability not in ("normal", "full"):
            raise ConfigurationError(f'durability must be "normal" or "full", not {durability!r}')
        self.place: Place = _place(place)
        self.layout: Layout = LAYOUTS[layout]
        self.table: str = _table(self.layout.table if table is None else table)
        self.sweep_interval: float | None = _interval(sweep_interval)
        if sweep_interval is not None and not isinstance(self.place, (str, os.PathLike)):
            message = "sweep_interval wants a path: its thread can not share your connection"
            raise ConfigurationError(message)
        self.durability: str = durability
        self.clock: Clock = clock


def _place(place: Place) -> Place:
    from sqlite3 import Connection  # dear, and needed only where a store is made

    is_path = isinstance(place, (str, os.PathLike)) and bool(os.fspath(place))
    if not is_path and not isinstance(place, Connection):
        raise ConfigurationError("a SQLite store wants a path or a connection")
    return place


def _table(table: object) -> str:
    if not isinstance(table, str) or not table or "\0" in table:
        raise ConfigurationError("table must be a name")
    if table.lower().startswith("sqlite_"):
        raise ConfigurationError("table names that start with sqlite_ belong to SQLite")
    return table


def _interval(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not number or not 0 < seconds < math.inf:
        raise ConfigurationError(f"sweep_interval must be positive seconds, not {seconds!r}")
    return seconds


def _names(known: dict[str, Layout]) -> str:
    return ", ".join(map(repr, known))
