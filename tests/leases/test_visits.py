"""Visits to entries that can not be read, and what a visit without a lease leaves alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import CorruptValueError, StorageError, WrongTypeError
from storage.records import Change
from storage.testing import Bridge
from tests.fault.ground import rows
from tests.servers import Server

LONG = 60_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def opened(half: Any) -> Iterator[Callable[[str], Any]]:
    stores = []
    with Bridge() as bridge:

        def opened(url: str) -> Any:
            stores.append(bridge.driven(half.open(url)))
            return stores[-1]

        yield opened
        for store in stores:
            store.close()


def assert_nobody_entered(store: Any, half: Any, kind: type[StorageError]) -> None:
    """An entry that can not be read is refused to who would enter, who does not get the lease."""
    visits = store.room(half.protocols.VisitStore)
    leases = store.room(half.LeaseStore)
    calls: list[Callable[[], object]] = [
        lambda: visits.look("k"),
        lambda: visits.enter("k", "ann", LONG, LONG),
        lambda: visits.leave("k", "", LONG, Change(None, b"1", None), True),
    ]
    for call in calls:
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.key == "k"
    assert leases.acquire("k", "bob", LONG, 0).granted is True


@pytest.mark.server
def test_nobody_enters_what_is_of_another_kind(
    valkey: Server, opened: Callable[[str], Any], half: Any
) -> None:
    valkey.call("LPUSH", "storage:k", "1")
    try:
        assert_nobody_entered(opened(valkey.url), half, WrongTypeError)
    finally:
        valkey.call("FLUSHALL")


def test_nobody_enters_a_row_whose_end_is_no_number(
    file: Path, opened: Callable[[str], Any], half: Any
) -> None:
    store = opened(f"sqlite:///{file}")
    connection = sqlite3.connect(file)
    connection.execute("INSERT INTO storage VALUES ('k', '1', 'soon')")
    connection.commit()
    connection.close()

    assert_nobody_entered(store, half, CorruptValueError)


def test_who_needs_no_lease_makes_no_tables_for_them(
    file: Path, opened: Callable[[str], Any], half: Any
) -> None:
    visits = opened(f"sqlite:///{file}").room(half.protocols.VisitStore)
    visits.look("k")
    visits.leave("k", "", LONG, Change(None, b"1", None), True)

    assert rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'") == [(b"storage",)]
    visits.enter("k", "ann", LONG, 0)
    assert len(rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'")) == 4


def test_a_transaction_that_the_caller_undoes_takes_the_visit_along(file: Path) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    store = storage.SqliteStorage(connection)
    visits = store.room(storage.protocols.VisitStore)
    connection.execute("BEGIN")
    visits.enter("k", "ann", LONG, 0)
    assert visits.leave("k", "ann", LONG, Change(None, b"1", None), False).done
    connection.execute("ROLLBACK")

    turn, sight = visits.enter("k", "bob", LONG, 0)
    assert (turn.granted, sight.raw) == (True, None)
    store.close()
    connection.close()
