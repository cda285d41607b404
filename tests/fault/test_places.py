"""A place that is no store, or is one no more: said at once, and left as it is."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import storage
from storage import ConfigurationError, CorruptStoreError, StorageError, UnavailableError
from tests.fault.conftest import Open
from tests.fault.ground import SECRET, chain, healthy, rows, script

FOREIGN = {
    "no value": "CREATE TABLE storage (key TEXT PRIMARY KEY, expires_at INTEGER)",
    "no expiry": "CREATE TABLE storage (key TEXT PRIMARY KEY, value TEXT)",
    "other names": "CREATE TABLE storage (id TEXT PRIMARY KEY, data TEXT, ttl INTEGER)",
    "no primary key": "CREATE TABLE storage (key TEXT, value TEXT, expires_at INTEGER)",
    "another primary key": (
        "CREATE TABLE storage (id INTEGER PRIMARY KEY, key TEXT, value TEXT, expires_at INTEGER)"
    ),
    "a primary key of two": (
        "CREATE TABLE storage (key TEXT, user TEXT, value TEXT, expires_at INTEGER, "
        "PRIMARY KEY (key, user))"
    ),
    "keys that are row numbers": (
        "CREATE TABLE storage (key INTEGER PRIMARY KEY, value TEXT, expires_at INTEGER)"
    ),
    "keys that become numbers": (
        "CREATE TABLE storage (key NUMERIC PRIMARY KEY, value TEXT, expires_at INTEGER)"
    ),
    "a view": "CREATE VIEW storage AS SELECT 'k' AS key, '1' AS value, NULL AS expires_at",
}
ODD_NAMES = ["with space.db", "what?.db", "a#b.db", "50%41.db", "файл-日本-😀.db", 'it\'s "x".db']
ODD_TABLES = [
    'a"b',
    "it's",
    "two words",
    "select",
    "Größe 表",
    "a]b[c",
    "x; DROP TABLE storage; --",
    "main.storage",
    "?",
    "%s{0}",
]
ODD_KEYS = [
    "'; DROP TABLE storage; --",
    '" OR 1=1 --',
    "a\0b",
    "%",
    "_",
    "",
    "?1",
    "key'\"`]",
    "\\",
]


@pytest.mark.parametrize("table", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_table_is_refused_and_left_as_it_is(table: str, file: Path, sqlite: Open) -> None:
    script(file, table)
    before = rows(file, "SELECT sql FROM sqlite_master")

    with pytest.raises(ConfigurationError, match="storage"):
        sqlite(file)
    assert rows(file, "SELECT sql FROM sqlite_master") == before


def test_a_database_in_utf16_is_refused(sqlite: Open, borrow: Callable[..., Any]) -> None:
    connection = borrow()
    connection.execute("PRAGMA encoding = 'UTF-16le'")
    connection.execute("CREATE TABLE mine (a)")

    with pytest.raises(ConfigurationError, match="UTF-16"):
        sqlite(connection)


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(file: Path, sqlite: Open) -> None:
    for content in (SECRET.encode() * 1000, b"\x89PNG" + bytes(5000), b"{}" * 600):
        file.write_bytes(content)

        with pytest.raises(CorruptStoreError, match="not a database") as caught:
            sqlite(file)
        assert str(file) in str(caught.value)
        assert SECRET not in chain(caught.value)
        assert file.read_bytes() == content
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_an_emptied_file_is_a_new_database(file: Path, sqlite: Open) -> None:
    file.touch()
    store = sqlite(file)

    store.set("a", 1)

    assert rows(file, "SELECT key, value FROM storage") == [(b"a", b"1")]


@pytest.mark.parametrize("place", [None, "", 3, b"bot.db", SimpleNamespace(execute=print)])
def test_what_is_no_place_at_all_is_refused(place: object, sqlite: Open) -> None:
    with pytest.raises(ConfigurationError, match="a path or a connection"):
        sqlite(place)


def test_a_directory_and_a_missing_directory_are_typed_errors(tmp_path: Path, sqlite: Open) -> None:
    for place in (tmp_path, tmp_path / "missing" / "bot.db"):
        with pytest.raises(UnavailableError, match="can not be opened") as caught:
            sqlite(place)
        assert str(place) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_may_have_any_name(name: str, tmp_path: Path, sqlite: Open, half: Any) -> None:
    by_object, by_text = sqlite(tmp_path / name), sqlite(str(tmp_path / name))

    by_object.set("a", 1)

    assert by_text.get("a") == 1
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}-wal", f"{name}-shm"}


@pytest.mark.parametrize("table", ODD_TABLES)
def test_a_table_may_have_any_name(table: str, file: Path, sqlite: Open) -> None:
    bystander = sqlite(file)
    bystander.set("k", "untouched")
    store = sqlite(file, table=table, ttl=60)

    store.set_many({"k": 1, "l": 2})
    store.incr("k")
    store.delete("l")

    assert dict(store.items()) == {"k": 2}
    assert store.clear(everything=True) == 1
    assert bystander.get("k") == "untouched"
    names = [name.decode() for (name,) in rows(file, "SELECT name FROM sqlite_master")]
    assert table in names


def test_a_key_is_never_read_as_sql_or_as_a_pattern(file: Path, sqlite: Open) -> None:
    store = sqlite(file)
    store.set_many({key: [key] for key in ODD_KEYS})

    for key in ODD_KEYS:
        assert store.get(key) == [key]
        assert store.get_many([key]) == {key: [key]}
        assert store.update(key, lambda value: [*value, 1]) == [key, 1]
        assert list(store.keys(key)) == [one for one in sorted(ODD_KEYS) if one.startswith(key)]
    for key in ODD_KEYS:
        assert store.delete(key) is True
    assert list(store.keys()) == []
    assert healthy(file)


def test_a_damaged_database_raises_nothing_but_typed_errors(file: Path) -> None:
    """Whatever bytes of its pages are flipped, cut or zeroed."""
    chance = random.Random(20260723)
    with storage.SqliteStorage(file) as store:
        store.set_many({f"key {number}": "v" * 200 for number in range(60)}, ttl=3600)
    whole = file.read_bytes()
    errors = []

    for _ in range(150):
        file.write_bytes(_damaged(whole, chance))
        try:
            with storage.SqliteStorage(file) as store:
                _use(store)
        except StorageError as error:
            errors.append(str(error))
        for leftover in file.parent.glob(f"{file.name}-*"):
            leftover.unlink()
    assert len(errors) > 30, "so little damage proves nothing"
    assert [error for error in errors if str(file) not in error] == []


def test_a_damaged_database_is_an_error_in_asyncio_too(file: Path, sqlite: Open) -> None:
    with storage.SqliteStorage(file) as store:
        store.set_many({f"key {number}": "v" * 200 for number in range(60)})
    whole = bytearray(file.read_bytes())
    whole[4096:] = bytes(len(whole) - 4096)
    file.write_bytes(whole)
    store = sqlite(file)

    with pytest.raises(CorruptStoreError, match="damaged"):
        store.get("key 1")
    with pytest.raises(CorruptStoreError, match="damaged"):
        store.set("key 1", 2)


def test_reading_damage_does_not_make_more_of_it(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        store.set_many({f"key {number}": "v" * 200 for number in range(60)})
    damaged = bytearray(file.read_bytes())
    damaged[-4096:] = bytes(4096)
    file.write_bytes(damaged)

    with storage.SqliteStorage(file) as store:
        for number in range(60):
            try:
                store.get(f"key {number}")
            except StorageError:
                continue
    assert file.read_bytes() == damaged


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(whole)
    if chance.random() < 0.2:
        return bytes(damaged[: chance.randrange(1, len(damaged))])
    start = chance.randrange(len(damaged))
    for place in range(start, min(len(damaged), start + chance.choice([1, 16, 4096]))):
        damaged[place] = chance.randrange(256)
    return bytes(damaged)


def _use(store: storage.Storage[Any]) -> None:
    """Every kind of step, each of which may fail by itself."""
    steps: list[Callable[[], object]] = [
        lambda: [store.get(f"key {number}") for number in range(60)],
        lambda: store.get_many([f"key {number}" for number in range(60)]),
        lambda: list(store.items(on_corrupt="skip")),
        lambda: store.set("new", 1),
        lambda: store.update("key 7", lambda value: value, default=1),
        lambda: store.delete("key 8"),
        lambda: store.clear(everything=True),
    ]
    first = None
    for step in steps:
        try:
            step()
        except StorageError as error:
            first = first or error
    if first is not None:
        raise first


def test_a_store_can_share_a_file_with_other_tables(file: Path, sqlite: Open) -> None:
    script(file, "CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)")
    script(file, "INSERT INTO orders VALUES (1, 9.5)")
    store = sqlite(file)

    store.set("a", 1)
    assert store.clear(everything=True) == 1

    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT * FROM orders").fetchall() == [(1, 9.5)]
