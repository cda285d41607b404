"""A database that can not be written now: nothing half done, reads go on, and later writes too."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import ReadOnlyError, StorageFullError, UnavailableError
from tests.fault.conftest import Open
from tests.fault.ground import healthy, label, python, rows

Borrow = Callable[..., sqlite3.Connection]

BIG = "x" * 5000
BEFORE = {"a": 1, "b": [2], "c": {"d": 3}}


def edit(store: Any) -> None:
    with store.edit("c") as draft:
        draft["big"] = BIG


WRITES: dict[str, Callable[[Any], object]] = {
    "set": lambda store: store.set("a", BIG),
    "set_many": lambda store: store.set_many({"a": 2, "new": BIG}),
    "add": lambda store: store.add("new", BIG),
    "swap": lambda store: store.swap("a", 1, BIG),
    "update": lambda store: store.update("a", lambda _: BIG),
    "edit": edit,
    "get_or_set": lambda store: store.get_or_set("new", lambda: BIG),
}
SMALL_WRITES: dict[str, Callable[[Any], object]] = {
    "incr": lambda store: store.incr("a"),
    "delete": lambda store: store.delete("a"),
    "delete_many": lambda store: store.delete_many(["a", "b"]),
    "touch": lambda store: store.touch("a", ttl=5),
    "clear": lambda store: store.clear(everything=True),
}
KEYED = {"set", "add", "swap", "update", "edit", "get_or_set", "incr", "delete", "touch"}


@pytest.fixture
def filled(file: Path) -> Path:
    with storage.SqliteStorage(file) as store:
        store.set_many(BEFORE)
    return file


@pytest.fixture(params=["mode=ro", "query_only"])
def read_only(request: pytest.FixtureRequest, filled: Path, borrow: Borrow) -> sqlite3.Connection:
    if request.param == "mode=ro":
        return borrow(f"file:{filled}?mode=ro", uri=True)
    connection = borrow(filled)
    connection.execute("PRAGMA query_only = 1")
    return connection


def refused(store: Any, kind: type[Exception], writes: dict[str, Callable[[Any], object]]) -> None:
    """Every one of *writes* raises *kind*, with store and key, and changes nothing."""
    for name, write in writes.items():
        with pytest.raises(kind) as caught:
            write(store)
        assert caught.value.store == label(store)  # type: ignore[attr-defined]
        if name in KEYED:
            assert caught.value.key in ("a", "c", "new"), name  # type: ignore[attr-defined]
        assert dict(store.items()) == BEFORE, name


def test_who_may_only_read_reads_and_gets_a_typed_error_for_a_write(
    read_only: sqlite3.Connection, sqlite: Open
) -> None:
    store = sqlite(read_only)

    assert store.get("a") == 1
    assert store.has("b")
    assert store.get_many(["a", "c"]) == {"a": 1, "c": {"d": 3}}
    refused(store, ReadOnlyError, {**WRITES, **SMALL_WRITES})


def test_an_entry_that_is_over_is_absent_where_it_can_not_be_freed(
    filled: Path, sqlite: Open, borrow: Borrow
) -> None:
    rows(filled, "INSERT INTO storage VALUES ('over', '1', 5)")
    connection = borrow(filled)
    connection.execute("PRAGMA query_only = 1")
    store = sqlite(connection)

    assert store.get("over") is None
    assert dict(store.items()) == BEFORE
    assert rows(filled, "SELECT expires_at FROM storage WHERE key = 'over'") == [(5,)]


def test_writes_go_on_when_reading_only_is_over(filled: Path, sqlite: Open, borrow: Borrow) -> None:
    connection = borrow(filled)
    connection.execute("PRAGMA query_only = 1")
    store = sqlite(connection)
    refused(store, ReadOnlyError, WRITES)

    connection.execute("PRAGMA query_only = 0")

    assert store.update("a", lambda value: value + 1) == 2


def test_a_full_database_refuses_what_has_no_room_and_is_read_on(
    filled: Path, sqlite: Open, borrow: Borrow
) -> None:
    connection = borrow(filled)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store = sqlite(connection)

    refused(store, StorageFullError, WRITES)
    assert healthy(filled)

    connection.execute("PRAGMA max_page_count = 1000000")
    for write in WRITES.values():
        write(store)
    assert store.get("a") == BIG
    assert store.get("new") == BIG
    assert healthy(filled)


def test_what_has_room_in_a_full_database_is_still_written(
    filled: Path, sqlite: Open, borrow: Borrow
) -> None:
    connection = borrow(filled)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store = sqlite(connection)

    for write in SMALL_WRITES.values():
        write(store)

    assert list(store.keys()) == []


def test_a_full_database_leaves_nothing_of_a_failed_step_in_the_callers_transaction(
    filled: Path, sqlite: Open, borrow: Borrow
) -> None:
    connection = borrow(filled, isolation_level=None)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    store = sqlite(connection)

    connection.execute("BEGIN")
    store.set("b", "mine")
    with pytest.raises(StorageFullError):
        store.set_many({"b": "lost", "new": BIG})

    # SQLite itself ends a transaction that finds no room.
    kept = {"b": "mine"} if connection.in_transaction else {}
    assert dict(store.items()) == {**BEFORE, **kept}
    store.set("b", "next")
    assert store.get("b") == "next"


FULL_DISK = """
import resource, sys
import storage

path, colour = sys.argv[1:]
if colour == "aio":
    import storage.aio
    from storage.testing import Bridge
    bridge = Bridge()
    store = bridge.driven(storage.aio.SqliteStorage(path))
else:
    store = storage.SqliteStorage(path)
store.set("kept", "safe")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
written = []
error = None
try:
    for number in range(1000):
        store.set_many({f"a{number}": "x" * 500, f"b{number}": "x" * 500})
        written.append(number)
except storage.UnavailableError as caught:
    error = caught
print(type(error).__name__, error.store == repr(store).split(" ", 1)[1][:-1])
assert 0 < len(written) < 1000
assert store.get("kept") == "safe"
assert all(store.has(f"a{number}") and store.has(f"b{number}") for number in written)
assert len(list(store.keys())) == 1 + 2 * len(written)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.set("room again", True)
assert store.incr("count") == 1
store.close()
if colour == "aio":
    bridge.close()
"""


@pytest.mark.parametrize("colour", ["blocking", "aio"])
def test_a_disk_that_takes_no_more_is_full_until_it_does(colour: str, file: Path) -> None:
    ended = python(FULL_DISK, file, colour)

    assert ended.returncode == 0, ended.stderr
    # Python 3.10 does not tell why the disk refused.
    expected = "StorageFullError" if sys.version_info >= (3, 11) else "UnavailableError"
    assert ended.stdout.split() == [expected, "True"]
    assert issubclass(StorageFullError, UnavailableError)
    assert healthy(file)
    with storage.SqliteStorage(file) as store:
        assert store.get("kept") == "safe"
        assert store.get("count") == 1
