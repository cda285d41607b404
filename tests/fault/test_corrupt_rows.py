"""A row that holds no value is one typed error, and hurts nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import CorruptValueError, StorageError
from tests.fault.conftest import Open
from tests.fault.ground import SECRET, chain, label, rows, script

IN_HEX = SECRET.encode().hex()
DAMAGES = {
    "text that is no JSON": (f'\'{{"a": {SECRET}, "b": 1}}\'', "NULL"),
    "a blob that is no JSON": (f"x'{IN_HEX}'", "NULL"),
    "half a JSON": (f'\'{{"step": "{SECRET}\'', "NULL"),
    "two values": (f'\'"{SECRET}" "{SECRET}"\'', "NULL"),
    "text that is not UTF-8": (f"CAST(x'22ff{IN_HEX}22' AS TEXT)", "NULL"),
    "a blob that is not UTF-8": (f"x'22ff{IN_HEX}22'", "NULL"),
    "empty text": ("''", "NULL"),
    "an empty blob": ("x''", "NULL"),
    "None as Python writes it": ("'None'", "NULL"),
    "not a number": ("'NaN'", "NULL"),
    "a number beyond all": ("9e999", "NULL"),
    "100,000 levels": ("'" + "[" * 100_000 + "]" * 100_000 + "'", "NULL"),
    "text in expires_at": (f"'\"{SECRET}\"'", "'soon'"),
    "a blob in expires_at": (f"'\"{SECRET}\"'", "x'ff'"),
}


GOOD = {"good": 2, "later": 3}


@pytest.fixture(params=["a file", "a connection"])
def place(request: pytest.FixtureRequest, file: Path, borrow: Callable[..., Any]) -> Any:
    """A table with every corrupt row there is, each under the name of its damage."""
    with storage.SqliteStorage(file) as store:
        store.set_many(GOOD)
    inserts = [
        f"INSERT INTO storage VALUES ('{key}', {value}, {expires})"
        for key, (value, expires) in DAMAGES.items()
    ]
    script(file, *inserts)
    return file if request.param == "a file" else borrow(file)


@pytest.fixture
def store(place: Any, sqlite: Open) -> Any:
    return sqlite(place)


def cells(file: Path) -> list[Any]:
    """The corrupt rows, as they must stay."""
    known = ", ".join(f"'{key}'" for key in DAMAGES)
    columns = "key, CAST(value AS BLOB), typeof(value), expires_at"
    return rows(file, f"SELECT {columns} FROM storage WHERE key IN ({known}) ORDER BY key")


def edit(store: Any, key: str) -> None:
    with store.edit(key, default={}) as draft:
        draft["a"] = 1


READS: dict[str, Callable[[Any, str], object]] = {
    "get": lambda store, key: store.get(key),
    "get_many": lambda store, key: store.get_many(["good", key]),
    "get_or_set": lambda store, key: store.get_or_set(key, lambda: 5),
    "items": lambda store, key: list(store.items(key)),
    "values": lambda store, key: list(store.values(key)),
    "update": lambda store, key: store.update(key, lambda _: 5, default=5),
    "edit": edit,
}


@pytest.mark.parametrize("name", READS)
def test_a_corrupt_row_is_an_error_that_names_store_and_key_and_shows_nothing(
    name: str, store: Any, file: Path
) -> None:
    before = cells(file)

    for key in DAMAGES:
        with pytest.raises(CorruptValueError) as caught:
            READS[name](store, key)
        assert (caught.value.store, caught.value.key) == (label(store), key)
        assert SECRET not in chain(caught.value), key
    assert cells(file) == before


def test_an_expiry_that_is_no_number_is_not_taken_for_one(store: Any) -> None:
    for key in ("text in expires_at", "a blob in expires_at"):
        with pytest.raises(CorruptValueError, match=key):
            store.expires_at(key)


def test_nothing_but_set_and_delete_touches_a_corrupt_row(store: Any, file: Path) -> None:
    before = cells(file)

    for key in DAMAGES:
        with pytest.raises(StorageError) as caught:
            store.incr(key)
        assert SECRET not in chain(caught.value)
        for old in (1, {"a": 1, "b": [1, 2]}):
            with suppress(CorruptValueError):
                assert store.swap(key, old, storage.DELETE) is False
        assert store.add(key, 1) is False
        assert store.has(key) is True
    assert cells(file) == before


def test_corrupt_rows_harm_no_other_key(store: Any) -> None:
    assert store.get("good") == 2
    assert store.get_many(GOOD) == GOOD
    assert sorted(store.keys()) == sorted([*DAMAGES, *GOOD])
    assert store.update("later", lambda value: value + 1) == 4


def test_a_scan_can_skip_corrupt_rows(store: Any) -> None:
    assert dict(store.items(on_corrupt="skip")) == GOOD
    assert sorted(store.values(on_corrupt="skip")) == [2, 3]


def test_set_repairs_a_corrupt_row(store: Any) -> None:
    for key in DAMAGES:
        store.set(key, {"whole": "again"})

        assert store.get(key) == {"whole": "again"}
        assert store.expires_at(key) is None


def test_delete_removes_a_corrupt_row(store: Any, file: Path) -> None:
    for key in DAMAGES:
        assert store.delete(key) is True
        assert store.get(key) is None
    assert cells(file) == []


def test_a_value_beyond_max_bytes_is_corrupt_to_who_reads_less(file: Path, sqlite: Open) -> None:
    with storage.SqliteStorage(file) as wide:
        wide.set("bad", SECRET * 10)
        wide.set("good", 2)
    store = sqlite(file, codec=storage.JsonCodec(max_bytes=100))

    for name in ("get", "items", "update"):
        with pytest.raises(CorruptValueError, match="are more than the 100 allowed") as caught:
            READS[name](store, "bad")
        assert caught.value.key == "bad"
        assert SECRET not in chain(caught.value)
    assert dict(store.items(on_corrupt="skip")) == {"good": 2}
    with storage.SqliteStorage(file) as wide:
        assert wide.get("bad") == SECRET * 10


def test_null_where_a_foreign_table_allows_it_is_corrupt(file: Path, sqlite: Open) -> None:
    columns = "key TEXT PRIMARY KEY, value TEXT, expires_at INTEGER"
    rows(file, f"CREATE TABLE puregram_kv ({columns})")
    rows(file, "INSERT INTO puregram_kv VALUES ('bad', NULL, NULL), (NULL, '1', NULL)")
    store = sqlite(file, layout="puregram")

    with pytest.raises(CorruptValueError, match="bad"):
        store.get("bad")
    assert list(store.keys()) == ["bad"]
    assert dict(store.items(on_corrupt="skip")) == {}


@pytest.mark.parametrize("mine", [True, False], ids=["a connection", "a file"])
def test_a_key_that_is_not_utf8_is_a_typed_error(
    mine: bool, file: Path, sqlite: Open, borrow: Callable[..., Any]
) -> None:
    store = sqlite(borrow(file) if mine else file)
    store.set("good", 1)
    rows(file, "INSERT INTO storage VALUES (CAST(x'ff' AS TEXT), '2', NULL)")

    with pytest.raises(CorruptValueError):
        list(store.keys())
    with pytest.raises(CorruptValueError):
        list(store.items())
    assert store.get("good") == 1
    assert store.clear(everything=True) == 2


def test_a_text_factory_of_the_caller_does_not_hide_what_is_corrupt(
    file: Path, sqlite: Open, borrow: Callable[..., Any]
) -> None:
    connection = borrow(file)
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    store = sqlite(connection)
    rows(file, "INSERT INTO storage VALUES ('bad', CAST(x'22ff22' AS TEXT), NULL)")

    with pytest.raises(CorruptValueError):
        store.get("bad")
    with pytest.raises(CorruptValueError):
        store.update("bad", lambda _: 5)
