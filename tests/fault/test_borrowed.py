"""A connection of the caller's own: used as it is, left as it was, and its transactions kept."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import ConfigurationError, StorageError
from tests.fault.conftest import Open
from tests.fault.ground import rows
from tests.fault.test_no_room import SMALL_WRITES, WRITES

Borrow = Callable[..., sqlite3.Connection]


def as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row)}


def as_object(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> object:
    return object()


FACTORIES = {
    "none": None,
    "sqlite3.Row": sqlite3.Row,
    "a dict": as_dict,
    "something else": as_object,
}


def use_all(store: Any) -> None:
    for steps in (WRITES, SMALL_WRITES):
        store.set_many({"a": 1, "b": [2], "c": {"d": 3}, "ключ": "значение"})
        for step in steps.values():
            step(store)
            list(store.items("ключ"))
    assert store.get_many(["a"]) == {}
    store.set("ключ", "значение")
    assert store.get("ключ") == "значение"
    assert dict(store.items("к")) == {"ключ": "значение"}


@pytest.mark.parametrize("isolation", ["", "IMMEDIATE", None])
@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES)
def test_the_settings_stay_and_the_connection_stays_open(
    isolation: str | None, factory: Any, sqlite: Open, borrow: Borrow
) -> None:
    connection = borrow(isolation_level=isolation)
    connection.row_factory = factory
    connection.text_factory = text = lambda raw: raw.decode("latin-1")
    before = _settings(connection)

    store = sqlite(connection)
    use_all(store)
    store.close()

    assert _settings(connection) == before
    assert (connection.isolation_level, connection.row_factory) == (isolation, factory)
    assert connection.text_factory is text
    connection.row_factory = None
    assert connection.execute("SELECT 'open'").fetchone() == ("open",)


def _settings(connection: sqlite3.Connection) -> list[Any]:
    cursor = connection.cursor()
    cursor.row_factory = None
    names = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "query_only")
    return [cursor.execute(f"PRAGMA {name}").fetchone() for name in names]


def test_no_setting_of_a_file_is_changed(file: Path, sqlite: Open, borrow: Borrow) -> None:
    """Not the journal either: the file is the caller's too."""
    rows(file, "CREATE TABLE theirs (a)")

    use_all(sqlite(borrow(file)))

    assert rows(file, "PRAGMA journal_mode") == [(b"delete",)]


@pytest.mark.parametrize("isolation", ["", "DEFERRED", None])
def test_writes_outside_a_transaction_are_committed(
    isolation: str | None, file: Path, sqlite: Open, borrow: Borrow
) -> None:
    connection = borrow(file, isolation_level=isolation)
    store = sqlite(connection)

    for number, write in enumerate((store.set, store.add)):
        write(f"k{number}", number)
        assert not connection.in_transaction
        assert rows(file, "SELECT value FROM storage WHERE key = ?", f"k{number}")
    store.set_many({"many": 1})
    store.incr("count")
    store.update("count", lambda value: value + 1)
    store.delete("k0")

    assert not connection.in_transaction
    assert sorted(rows(file, "SELECT key, value FROM storage")) == [
        *[(b"count", b"2"), (b"k1", b"1"), (b"many", b"1")]
    ]


def test_writes_inside_the_callers_transaction_are_part_of_it(
    file: Path, sqlite: Open, borrow: Borrow
) -> None:
    connection = borrow(file)
    store = sqlite(connection)
    store.set("kept", 1)
    connection.execute("CREATE TABLE orders (id)")

    for end in ("ROLLBACK", "COMMIT"):
        connection.execute("BEGIN")
        connection.execute("INSERT INTO orders VALUES (1)")
        store.set("kept", 2)
        store.set_many({"a": 1, "b": 2})
        assert store.incr("count") == 1
        assert store.update("a", lambda value: value + 1) == 2
        assert store.get("b") == 2
        assert connection.in_transaction
        assert rows(file, "SELECT key, value FROM storage") == [(b"kept", b"1")]
        connection.execute(end)
        if end == "ROLLBACK":
            assert dict(store.items()) == {"kept": 1}

    assert dict(store.items()) == {"kept": 2, "a": 2, "b": 2, "count": 1}
    assert rows(file, "SELECT count(*) FROM orders") == [(1,)]


def test_a_step_that_fails_leaves_the_callers_transaction_as_it_was(
    file: Path, sqlite: Open, borrow: Borrow
) -> None:
    connection = borrow(file)
    store = sqlite(connection)
    store.set("text", "no number")
    connection.execute("BEGIN")
    store.set("mine", 1)

    with pytest.raises(storage.WrongTypeError):
        store.incr("text")
    with pytest.raises(storage.UnstorableError):
        store.set_many({"mine": 2, "bad": {1}})
    with pytest.raises(ZeroDivisionError):
        store.update("mine", lambda value: value / 0)

    assert connection.in_transaction
    connection.execute("COMMIT")
    assert dict(store.items()) == {"text": "no number", "mine": 1}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Connection.autocommit is new in 3.12")
def test_a_connection_that_never_commits_by_itself_is_refused(
    file: Path, sqlite: Open, borrow: Borrow
) -> None:
    with pytest.raises(ConfigurationError, match="autocommit"):
        sqlite(borrow(file, autocommit=False))
    store = sqlite(borrow(file, autocommit=True))
    store.set("a", 1)
    store.set_many({"b": 2})

    assert len(rows(file, "SELECT key FROM storage")) == 2


def test_a_connection_bound_to_a_thread_is_a_configuration_error_in_another(
    borrow: Borrow,
) -> None:
    store = storage.SqliteStorage(borrow(check_same_thread=True))
    store.set("a", 1)
    errors: list[BaseException] = []

    def use() -> None:
        for step in (store.get, store.incr, store.delete):
            try:
                step("a")
            except ConfigurationError as error:
                errors.append(error)
        store.close()

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()

    assert ["check_same_thread" in str(error) for error in errors] == [True] * 3
    assert "key 'a'" in str(errors[0])


def test_a_connection_bound_to_a_thread_is_a_configuration_error_in_asyncio(
    sqlite: Open, borrow: Borrow, half: Any
) -> None:
    store = sqlite(borrow(check_same_thread=True))

    if half is storage.aio:
        with pytest.raises(ConfigurationError, match="check_same_thread"):
            store.get("a")
    else:
        assert store.get("a") is None
    store.close()


def test_a_connection_that_the_caller_has_closed_is_a_typed_error(
    sqlite: Open, borrow: Borrow
) -> None:
    connection = borrow()
    store = sqlite(connection)
    connection.close()

    for use in (store.get, store.incr, store.delete):
        with pytest.raises(StorageError, match="closed"):
            use("a")
    store.close()
    store.close()


def test_two_stores_can_share_a_connection(sqlite: Open, borrow: Borrow) -> None:
    connection = borrow()
    one, two = sqlite(connection), sqlite(connection, table="other")

    one.set("a", 1)
    two.set("a", 2)
    one.close()

    assert two.get("a") == 2
    assert two.update("a", lambda value: value + 1) == 3
