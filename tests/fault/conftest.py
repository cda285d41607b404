"""Stores of both colours by plain calls, closed when the test is over."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.sqlite import connection as sqlite_connection
from storage.testing import Bridge

Open = Callable[..., Any]


@pytest.fixture
def borrow() -> Iterator[Callable[..., sqlite3.Connection]]:
    """Connections of the caller's own; each is still open when the test is over."""
    lent: list[sqlite3.Connection] = []

    def connect(place: Any = ":memory:", **options: Any) -> sqlite3.Connection:
        options = {"check_same_thread": False, "timeout": 0.05, **options}
        lent.append(sqlite3.connect(place, **options))
        return lent[-1]

    yield connect
    for connection in lent:
        connection.close()


@pytest.fixture
def opened(half: Any, borrow: Open) -> Iterator[Open]:
    """Makes a store by the name of its class, in the colour of the test.

    What is borrowed is closed after it: no thread of a store may still be using it then.
    """
    stores = []
    with Bridge() as bridge:

        def make(kind: str, *arguments: Any, **options: Any) -> Any:
            store = bridge.driven(getattr(half, kind)(*arguments, **options))
            stores.append(store)
            return store

        yield make
        for store in stores:
            store.close()


@pytest.fixture
def sqlite(opened: Open) -> Open:
    return lambda place, **options: opened("SqliteStorage", place, **options)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A place where no database is yet."""
    return tmp_path / "bot.db"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> float:
    """Stores that wait less for who else is writing: the rule is the same, the test is quick."""
    monkeypatch.setattr(sqlite_connection, "_BUSY_SECONDS", 0.2)
    return 0.2
