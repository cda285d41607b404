"""Golden tables of SQLite: the originals' are read, written and left as they would do it, and our
own stays what it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import KEEP
from storage.testing import Bridge, Clock

GOLDEN = Path(__file__).parent
NOW = 1_700_000_000.457

COMMON: dict[str, Any] = {
    "zero": 0,
    "answer": 42,
    "negative": -7,
    "half": 1.5,
    "sum": 0.1 + 0.2,
    "safe": 2**53 - 1,
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": "",
    "digits": "42",
    "text": 'it\'s "é" 😀',
    "surrogate": "\ud83d",
    "control": "\0\x1f\n\\/",
    "list": [1, "a", None, 1.5],
    "empties": [{}, []],
}
GRAMIO: dict[str, Any] = {
    **COMMON,
    # What does not fit 64 bits is a double in the cell, and to JavaScript every number is.
    "big": 1.2345678901234567e19,
    "bigger than js": 1.2345678901234567e19,
    "ten to 16": 10**16,
    "minus zero": 0,
    "617580375": {"counter": 1},
    "@gramio/scenes:617580375": {
        "name": "scene-name",
        "state": {},
        "stepId": 0,
        "previousStepId": 0,
        "firstTime": False,
    },
    "rl:cmd:77": [1718000000000, 1718000000500],
}
PUREGRAM: dict[str, Any] = {
    **COMMON,
    "exponent": 1e300,
    "big": 12345678901234567000,
    "minus zero": 0,
    "user:1:chat:3": {"counter": 1},
    "user:2:chat:3": {"x": "v", "__ttl": {"x": {"t": 1000, "at": 1700000000000}}},
    "default:77": {"hits": 1, "resetAt": 1060000},
    "enhanced": {"__v": 2, "data": {"a": 1}, "__exp": 1718000000000},
}


@dataclass(frozen=True)
class Table:
    """One of the originals' tables."""

    layout: str
    name: str
    values: dict[str, Any]
    unit_ms: int
    expiring: str
    ending_first: str
    upsert: str


TABLES = [
    Table(
        *("gramio", "gramio_storage", GRAMIO, 1000, "617580375", "rl:cmd:77"),
        "INSERT OR REPLACE INTO gramio_storage VALUES (?, ?, ?)",
    ),
    Table(
        *("puregram", "puregram_kv", PUREGRAM, 1, "user:1:chat:3", "default:77"),
        "INSERT INTO puregram_kv (key, value, expires_at) VALUES (?, ?, ?) ON CONFLICT(key) "
        "DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
    ),
]


@pytest.fixture(params=TABLES, ids=lambda table: table.layout)
def table(request: pytest.FixtureRequest) -> Table:
    found: Table = request.param
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def opened(
    request: pytest.FixtureRequest, file: Path, clock: Clock
) -> Iterator[Callable[..., Any]]:
    with Bridge() as bridge:
        stores = []

        def make(**options: Any) -> Any:
            stores.append(bridge.driven(request.param.SqliteStorage(file, clock=clock, **options)))
            return stores[-1]

        yield make
        for store in stores:
            store.close()


@pytest.fixture
def original(table: Table, file: Path, opened: Callable[..., Any]) -> Any:
    """Our store over a table that the original has filled."""
    load(file, table.name)
    return opened(layout=table.layout)


def load(file: Path, golden: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((GOLDEN / f"{golden}.sql").read_text(encoding="utf-8"))


def rows(file: Path, sql: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection, connection:
        return connection.execute(sql, values).fetchall()


def cell(file: Path, table: Table, key: str) -> Any:
    """Type, value and expiry as they stand in the table."""
    sql = f"SELECT typeof(value), value, expires_at FROM {table.name} WHERE key = ?"
    (found,) = rows(file, sql, key) or [None]
    return found


def as_javascript(value: Any) -> Any:
    """What `JSON.parse` makes of a cell: it takes a number for its text."""
    return json.loads(value if isinstance(value, str) else repr(value))


def test_what_the_original_wrote_reads_as_it_was_meant(original: Any, table: Table) -> None:
    for key, value in table.values.items():
        found = original.get(key)
        assert (type(found), repr(found)) == (type(value), repr(value)), key
    assert repr(sorted(original.items())) == repr(sorted(table.values.items()))
    assert original.get_many(table.values) == table.values


def test_what_is_over_for_the_original_is_over_for_us(
    original: Any, table: Table, clock: Clock
) -> None:
    assert original.get("over") is None
    assert not original.has("over")
    assert original.expires_at("answer") is None
    assert original.get(table.ending_first) is not None

    clock.tick(timedelta(seconds=1))

    assert original.get(table.ending_first) is None
    assert original.get(table.expiring) == {"counter": 1}
    clock.tick(timedelta(seconds=100))
    assert original.get(table.expiring) is None


def test_a_number_that_the_original_wrote_can_be_counted_on_swapped_and_changed(
    original: Any, table: Table, file: Path
) -> None:
    assert original.incr("answer") == 43
    assert original.update("half", lambda value: value * 3) == 4.5
    assert original.swap("negative", -7, -8) is True
    assert original.swap("negative", -7, -9) is False
    assert original.swap("sum", 0.1 + 0.2, "0.3") is True
    assert original.update("zero", lambda value: value) == 0
    assert original.swap("yes", True, storage.DELETE) is True
    assert original.add("answer", 0) is False

    read = {key: original.get(key) for key in ("answer", "half", "negative", "sum", "zero")}
    assert read == {"answer": 43, "half": 4.5, "negative": -8, "sum": "0.3", "zero": 0}
    for key, value in read.items():
        assert as_javascript(cell(file, table, key)[1]) == value
    assert cell(file, table, "yes") is None


def test_every_value_can_be_changed_and_changed_back(original: Any, table: Table) -> None:
    for key, value in table.values.items():
        if type(value) is int and value > 2**53:
            continue  # read as it is, and not written: JavaScript would not read the same
        assert original.update(key, lambda old: [old]) == [value], key
        assert original.update(key, lambda new: new[0]) == value, key
        assert original.get(key) == value, key


def test_what_we_write_is_what_the_original_would_write(
    table: Table, file: Path, tmp_path: Path, opened: Callable[..., Any]
) -> None:
    """Cell for cell and type for type, in a table of the original's making and in one of ours."""
    load(tmp_path / "golden.db", table.name)
    store = opened(layout=table.layout)
    skipped = {"big", "bigger than js", "minus zero", "exponent", "ten to 16"}
    ours = {key: value for key, value in table.values.items() if key not in skipped}

    for key, value in ours.items():
        store.set(key, value)

    sql = f"SELECT key, value FROM {table.name} ORDER BY key"
    golden = [row for row in rows(tmp_path / "golden.db", sql) if row[0] in ours]
    written = rows(file, sql)
    # A column that we make ourselves keeps the text that is bound, and no number made of it.
    assert [(key, str(value)) for key, value in written] == [
        (key, str(value)) for key, value in golden
    ]
    assert {kind for (kind,) in rows(file, f"SELECT typeof(value) FROM {table.name}")} == {"text"}
    columns = [
        (name, key) for _, name, _, _, _, key in rows(file, f"PRAGMA table_info({table.name})")
    ]
    assert columns == [("key", 1), ("value", 0), ("expires_at", 0)]


def test_what_we_write_into_the_originals_table_is_bound_as_text(
    original: Any, table: Table, file: Path
) -> None:
    original.set_many({"object": {"a": [1, "é"]}, "word": "x", "true": True, "n": 7, "f": 2.5})

    kinds = {key: cell(file, table, key)[0] for key in ("object", "word", "true", "n", "f")}
    texts = dict.fromkeys(("object", "word", "true"), "text")
    numbers = ("integer", "real") if table.layout == "gramio" else ("text", "text")
    assert kinds == {**texts, "n": numbers[0], "f": numbers[1]}
    assert cell(file, table, "object")[1] == '{"a":[1,"é"]}'
    assert as_javascript(cell(file, table, "n")[1]) == 7


def test_an_expiry_is_written_in_the_originals_unit(
    original: Any, table: Table, file: Path, clock: Clock
) -> None:
    def ends(key: str) -> int:
        expires: int = cell(file, table, key)[2]
        return expires

    original.set("k", 1, ttl=60)
    # A coarse table rounds up: nothing ends too early.
    exact = 1_700_000_060_457
    assert ends("k") == -(-exact // table.unit_ms)
    original.touch("k", ttl=timedelta(minutes=2))
    assert ends("k") == -(-(exact + 60_000) // table.unit_ms)
    original.update("k", lambda value: value + 1)
    original.incr("k")
    original.set("k", 4, ttl=KEEP)
    assert ends("k") == -(-(exact + 60_000) // table.unit_ms)
    original.set("k", 5)
    assert ends("k") is None
    original.set("short", 1, ttl=0.001)
    assert ends("short") == -(-1_700_000_000_458 // table.unit_ms)
    clock.tick(1)
    assert original.get("short") is None


def test_the_originals_statements_work_on_a_table_that_we_made(
    table: Table, file: Path, opened: Callable[..., Any]
) -> None:
    store = opened(layout=table.layout)
    store.set("ours", {"a": 1}, ttl=60)

    rows(file, table.upsert, "theirs", '{"b":2}', None)
    rows(file, table.upsert, "ours", "[1]", None)

    assert dict(store.items()) == {"ours": [1], "theirs": {"b": 2}}
    assert rows(file, f"DELETE FROM {table.name} WHERE key = ? RETURNING key", "ours") == [
        ("ours",)
    ]
    assert store.get("ours") is None


def test_keys_are_written_as_they_are_in_the_originals_tables(
    original: Any, table: Table, file: Path
) -> None:
    original.set("~tilde", 1)
    original.namespace("bucket").set("77", 2)

    assert cell(file, table, "~tilde")[1] in (1, "1")
    assert cell(file, table, "bucket:77")[1] in (2, "2")
    assert original.get("bucket:77") == 2


def test_what_another_writer_changed_is_not_overwritten(
    original: Any, table: Table, file: Path
) -> None:
    def change(value: int) -> int:
        if value == 42:
            rows(file, table.upsert, "answer", "50", None)
        return value + 1

    assert original.update("answer", change) == 51


def fill(store: Any) -> None:
    """What the golden table of our own layout holds."""
    carts = store.namespace("carts")
    store.set("", "the empty key")
    store.set("answer", 42)
    store.set("control", "\0\x1f\n\\/")
    store.set("empties", [{}, [], "", 0, False, None])
    store.set("float", 1.0)
    store.set("half", 1.5, ttl=3600)
    store.set("minus zero", -0.0)
    store.set("moment", None, ttl=0.001)
    store.set("safe", 2**53 - 1)
    store.set("session", {"step": 3, "name": "é😀", "nested": {"list": [1, 2]}}, ttl=1.5)
    store.set("sum", 0.1 + 0.2)
    store.set("surrogate", "\ud83d")
    store.set("ключ 😀", True)
    store.set("~", "two tildes were one")
    store.set("~ns~carts~5", "a key that looks like a namespace")
    carts.set("5", {"items": ["a"]})
    carts.set("~5", "a key with a tilde in a namespace")
    carts.namespace("archive").set("5", "a namespace in a namespace", ttl=timedelta(minutes=1))
    store.namespace("50%~").set("5", "escaped")


def dump(file: Path) -> list[Any]:
    """The whole of a database: its schema, and every cell with its type."""
    schema = rows(
        file, "SELECT replace(sql, 'IF NOT EXISTS ', '') FROM sqlite_master ORDER BY name"
    )
    cells = "key, typeof(value), quote(value), typeof(expires_at), expires_at"
    return [*schema, *rows(file, f"SELECT {cells} FROM storage ORDER BY key")]


def test_our_own_table_is_written_as_it_always_was(
    file: Path, tmp_path: Path, opened: Callable[..., Any]
) -> None:
    fill(opened())

    load(tmp_path / "golden.db", "storage")
    assert dump(file) == dump(tmp_path / "golden.db")


def test_our_own_table_is_read_as_it_always_was(
    file: Path, opened: Callable[..., Any], clock: Clock
) -> None:
    load(file, "storage")
    store = opened()

    assert sorted(store.keys()) == sorted(
        [
            *("", "answer", "control", "empties", "float", "half", "minus zero", "moment"),
            *("safe", "session", "sum", "surrogate", "ключ 😀", "~", "~ns~carts~5"),
        ]
    )
    assert (repr(store.get("float")), repr(store.get("minus zero"))) == ("1.0", "-0.0")
    assert store.get("session") == {"step": 3, "name": "é😀", "nested": {"list": [1, 2]}}
    assert store.get("~") == "two tildes were one"
    assert store.get("moment", "missing") is None
    assert dict(store.namespace("carts").items()) == {
        "5": {"items": ["a"]},
        "~5": "a key with a tilde in a namespace",
    }
    assert store.namespace("carts").namespace("archive").get("5") == "a namespace in a namespace"
    assert store.namespace("50%~").get("5") == "escaped"
    assert store.expires_at("half") == clock.now + timedelta(hours=1)
    clock.tick(0.001)
    assert store.get("moment", "missing") == "missing"
