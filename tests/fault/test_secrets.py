"""What a log at DEBUG and an error with all that led to it show: keys and durations, no values."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import storage
from tests.fault.conftest import Open
from tests.fault.ground import SECRET, chain, locked, rows

KINDS = ("SqliteStorage", "MemoryStorage", "LruMemoryStorage", "adapt")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, file: Path, opened: Open) -> Any:
    argument = {"SqliteStorage": file, "MemoryStorage": None, "LruMemoryStorage": 99, "adapt": {}}
    return opened(request.param, argument[request.param])


def edit(store: Any) -> None:
    with store.edit("k", default={}) as draft:
        draft["word"] = SECRET + SECRET


SETS: dict[str, Callable[[Any], object]] = {
    "set": lambda store: store.set("k", {"word": SECRET}),
    "set_many": lambda store: store.set_many({"k": {"word": SECRET}, "l": SECRET}),
    "get": lambda store: store.get("k"),
    "get_many": lambda store: store.get_many(["k", "l"]),
    "update": lambda store: store.update("k", lambda value: {**value, "more": SECRET}),
    "edit": edit,
    "add": lambda store: store.add("new", SECRET),
    "swap": lambda store: store.swap("l", SECRET, f"{SECRET}!"),
    "get_or_set": lambda store: store.get_or_set("made", lambda: SECRET),
    "incr": lambda store: store.incr("n"),
    "has": lambda store: store.has("k"),
    "touch": lambda store: store.touch("k"),
    "expires_at": lambda store: store.expires_at("k"),
    "items": lambda store: list(store.items()),
    "keys": lambda store: list(store.keys()),
    "delete": lambda store: store.delete("k"),
    "delete_many": lambda store: store.delete_many(["l"]),
    "clear": lambda store: store.clear(everything=True),
}


def test_every_operation_is_logged_with_its_key_and_how_long_it_took_and_no_value(
    store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "storage"):
        for name, operation in SETS.items():
            caplog.clear()
            operation(store)
            lines = [record.getMessage() for record in caplog.records]

            assert lines, f"{name} is not logged"
            assert SECRET not in caplog.text, name
            for line in lines:
                assert re.search(r"took \d+\.\d+ ms", line), line
        caplog.clear()
        store.set("user:7", 1)
        store.close()
    assert "'user:7'" in caplog.text
    assert "close" in caplog.text


def test_no_error_and_nothing_that_led_to_it_shows_a_value(
    store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    failing: list[Callable[[], object]] = [
        lambda: store.set("k", {"word": SECRET, "bad": {SECRET}}),
        lambda: store.set("k", [SECRET, float("nan")]),
        lambda: store.set("k", [SECRET, "\ud83d" + "\ude00"]),
        lambda: store.set("k", {SECRET: 1, 5: 1}),
        lambda: store.set_many({"k": [SECRET, object()]}),
        lambda: store.add("k", [SECRET, b"bytes"]),
        lambda: store.incr("text"),
        lambda: store.update("text", lambda value: {value}),
        lambda: store.edit("text").__enter__(),
        lambda: store.swap("text", SECRET, {SECRET}),
        lambda: store.update("missing", lambda value: value),
    ]
    store.set("text", SECRET)

    with caplog.at_level(logging.DEBUG, "storage"):
        for number, fail in enumerate(failing):
            with pytest.raises((storage.StorageError, KeyError)) as caught:
                fail()
            shown = _without_source(chain(caught.value))
            assert SECRET not in shown, f"number {number}"
    assert SECRET not in caplog.text


def test_a_conflict_names_members_and_shows_no_value(store: Any) -> None:
    store.set("k", {"word": SECRET})

    def clash() -> None:
        with store.edit("k") as draft:
            draft["word"] = f"mine {SECRET}"
            store.set("k", {"word": f"theirs {SECRET}"})

    with pytest.raises(storage.ConflictError) as caught:
        clash()
    assert SECRET not in _without_source(chain(caught.value))
    assert "'word'" in str(caught.value)


def test_no_error_of_the_database_shows_a_value(
    file: Path,
    sqlite: Open,
    borrow: Callable[..., sqlite3.Connection],
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = borrow(file)
    store = sqlite(connection)
    store.set("k", SECRET)
    operations = [SETS[name] for name in ("set", "set_many", "add", "incr", "clear")]
    with caplog.at_level(logging.DEBUG, "storage"):
        with locked(file):
            for operation in operations:
                _fails_quietly(lambda operation=operation: operation(store))  # type: ignore[misc]
        connection.execute("PRAGMA query_only = 1")
        _fails_quietly(lambda: SETS["set"](store))
        connection.execute("PRAGMA query_only = 0")
        rows(file, f"UPDATE storage SET value = CAST(x'22ff{SECRET.encode().hex()}' AS TEXT)")
        _fails_quietly(lambda: store.get("k"))
        _fails_quietly(lambda: list(store.items()))
        with closing(sqlite3.connect(file)) as other:
            other.execute("DROP TABLE storage")
        _fails_quietly(lambda: SETS["set"](store))
    assert SECRET not in caplog.text


def _fails_quietly(operation: Callable[[], object]) -> None:
    with pytest.raises(storage.StorageError) as caught:
        operation()
    assert SECRET not in _without_source(chain(caught.value))


def _without_source(text: str) -> str:
    """Tracebacks quote the lines of this file, which name no value but the constant."""
    return "\n".join(line for line in text.splitlines() if "SECRET" not in line)
