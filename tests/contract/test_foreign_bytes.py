"""What somebody else wrote is understood, and left as it is while nothing changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import driven

FOREIGN = '{ "b": 2.0,\n  "a": "\\u00e9" }'
VALUE = {"a": "é", "b": 2.0}


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "asyncio"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = request.param.SqliteStorage(tmp_path / "bot.db", layout="puregram")
    with driven(made) as store:
        write(tmp_path)
        yield store


def write(folder: Path) -> None:
    with sqlite3.connect(folder / "bot.db") as connection:
        connection.execute("INSERT INTO puregram_kv (key, value) VALUES ('k', ?)", [FOREIGN])
    connection.close()


def bytes_of(folder: Path) -> str:
    connection = sqlite3.connect(folder / "bot.db")
    (text,) = connection.execute("SELECT value FROM puregram_kv WHERE key = 'k'").fetchone()
    connection.close()
    return str(text)


def test_foreign_spacing_is_read(store: Any) -> None:
    assert store.get("k") == VALUE
    assert list(store.items()) == [("k", VALUE)]


def test_the_same_value_back_leaves_the_bytes_as_they_are(store: Any, tmp_path: Path) -> None:
    store.update("k", lambda value: {"b": value["b"], "a": value["a"]})
    with store.edit("k") as draft:
        draft["a"] = "é"
    store.get_or_set("k", dict)
    store.touch("k")

    assert bytes_of(tmp_path) == FOREIGN


def test_a_change_is_made_to_what_somebody_else_wrote(store: Any, tmp_path: Path) -> None:
    assert not store.swap("k", {"a": "é", "b": 2}, 1)
    assert store.update("k", lambda value: {**value, "c": 1}) == {**VALUE, "c": 1}
    write_again = store.swap("k", {**VALUE, "c": 1}, VALUE)

    assert write_again
    assert bytes_of(tmp_path) != FOREIGN
    assert store.get("k") == VALUE


def test_a_swap_finds_a_value_however_it_is_written(store: Any) -> None:
    assert store.swap("k", VALUE, "new")
    assert store.get("k") == "new"


def test_an_edit_is_merged_with_what_somebody_else_wrote(store: Any) -> None:
    with store.edit("k") as draft:
        store.set("k", {**VALUE, "theirs": 1})
        draft["ours"] = 1

    assert store.get("k") == {**VALUE, "theirs": 1, "ours": 1}
