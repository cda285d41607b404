"""GramIO's own storage in a table, and ours over the same one: run by `tests.wire.published`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Server
from tests.wire.program import Ask, Program
from tests.wire.test_gramio_program import BUNDLE, PROGRAM, VALUES, colour, drive

__all__ = ["colour", "drive"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def theirs(node: Path, valkey: Server, file: Path) -> Iterator[Callable[..., Ask]]:
    assert BUNDLE
    program = Program(PROGRAM, node, valkey.port, BUNDLE)

    def made(**options: Any) -> Ask:
        told = {"filename": str(file), **options}
        return lambda method, *args: program.ask(method, *args, of="sqlite", options=told)

    yield made
    program.end()


def cells(file: Path, key: str) -> Any:
    with closing(sqlite3.connect(file)) as connection:
        sql = "SELECT typeof(value), value, expires_at FROM gramio_storage WHERE key = ?"
        return connection.execute(sql, (key,)).fetchone()


@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_both_read_what_the_other_one_wrote(
    theirs: Any, colour: Any, drive: Any, file: Path, first: str
) -> None:
    """In a table that either of them made."""
    ours = drive(colour.compat.gramio.sqlite_storage(file))
    ask = theirs()
    (ours.has if first == "ours" else lambda key: ask("get", key))("the table is made")
    for key, (script, value) in VALUES.items():
        ask("set", key, script)
        written = cells(file, key)

        assert repr(ours.get(key, "missing")) == repr(value), key
        assert ours.has(key)
        ours.set(key, value)
        if key != "minus zero":
            assert cells(file, key) == written, key
        assert ask("get", key) == value
    assert (ours.delete("zero"), ask("delete", "zero"), ours.delete("zero")) == (True, False, False)
    assert (ask("delete", "no"), ours.delete("no")) == (True, False)


def test_a_lifetime_ends_for_both(theirs: Any, colour: Any, drive: Any, file: Path) -> None:
    ours = drive(colour.compat.gramio.sqlite_storage({"filename": file, "$ttl": 1}))
    ask = theirs(ttl=1)
    ask("set", "theirs", "1")
    ours.set("ours", 1)

    # GramIO rounds the present second down, and ours the last one up.
    assert 0 <= cells(file, "ours")[2] - cells(file, "theirs")[2] <= 2
    assert (ours.get("theirs"), ask("get", "ours")) in ((1, 1), (None, 1))
    ours.set("old", 1)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE gramio_storage SET expires_at = 1700000000")
    assert (ask("get", "ours"), ours.get("theirs"), ours.has("old")) == ("undefined", None, False)
