"""The table of what an operation costs, in `docs/design.md`, is true."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

import storage
from storage.memory.kv import MemoryBackend
from tests.house.tree import ROOT
from tests.servers import Server

Store = storage.Storage[Any]

THREE = ["a", "b", "c"]
OPERATIONS: dict[str, list[Callable[[Store], object]]] = {
    "`get`, `expires_at`": [lambda s: s.get("a"), lambda s: s.expires_at("a")],
    "`has`": [lambda s: s.has("a")],
    "`set`": [lambda s: s.set("a", 5)],
    "`delete`": [lambda s: s.delete("a")],
    "`touch`": [lambda s: s.touch("a")],
    "`incr`": [lambda s: s.incr("a")],
    "`add`, of a key that is there": [lambda s: s.add("a", 5)],
    "`get_many`, 3 keys": [lambda s: s.get_many(THREE)],
    "`set_many`, 3 keys": [lambda s: s.set_many({"a": 5, "d": 6, "e": 7})],
    "`delete_many`, 3 keys": [lambda s: s.delete_many(THREE)],
    "`swap`": [lambda s: s.swap("a", 1, 5)],
    "`update`, `edit`": [
        lambda s: s.update("a", lambda value: value + 1),
        lambda s: edited(s, "new"),
    ],
    "`update`, `edit`, when nothing changes": [
        lambda s: s.update("a", lambda value: value),
        lambda s: edited(s, "old"),
    ],
    "`get_or_set`, of a key that is there": [lambda s: s.get_or_set("a", int)],
    "`get_or_set`, of a missing key": [lambda s: s.get_or_set("z", int)],
    "`keys`, 3 entries": [lambda s: list(s.keys())],
    "`values`, `items`, 3 entries": [lambda s: list(s.values()), lambda s: list(s.items())],
    "`clear`, 3 entries": [lambda s: s.clear(everything=True)],
    "`namespace`": [lambda s: s.namespace("n")],
}


class Counted:
    """Something whose calls are counted."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.thing, name)
        return self._counting(found) if callable(found) else found

    def _counting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: object) -> Any:
            self.calls += 1
            return method(*args)

        return counted


class Thing:
    """An object to adapt, with every method that `adapt` looks for."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self._values.get(key)

    def set(self, key: str, value: Any) -> None:
        self._values[key] = value

    def delete(self, key: str) -> None:
        del self._values[key]

    def has(self, key: str) -> bool:
        return key in self._values

    def touch(self, key: str) -> None:
        """Nothing ends here."""

    def keys(self) -> list[str]:
        return list(self._values)


def edited(store: Store, name: str) -> None:
    with store.edit("b") as draft:
        draft["name"] = name


def costs() -> dict[str, dict[str, int]]:
    """The rows of the table, and what each says of every column."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.partition("## What an operation costs")[2].partition("\n| ")[2]
    first, _, *rows = table.partition("\n\n")[0].splitlines()
    columns = cells(first)[1:]
    return {
        operation: dict(zip(columns, map(int, numbers), strict=True))
        for operation, *numbers in map(cells, rows)
    }


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def counted(operation: Callable[[Store], object], store: Store, counter: Counted) -> int:
    """What *operation* costs on three entries in *store*."""
    store.set_many({"a": 1, "b": {"name": "old"}, "c": 3})
    counter.calls = 0
    operation(store)
    return counter.calls


def test_the_table_has_every_operation() -> None:
    assert costs().keys() == OPERATIONS.keys()


@pytest.mark.parametrize("row", OPERATIONS)
def test_an_operation_takes_as_many_trips_as_the_table_says(row: str) -> None:
    for operation in OPERATIONS[row]:
        backend = Counted(MemoryBackend(time.time))
        assert counted(operation, storage.Storage(backend), backend) == costs()[row]["trips"]


LAYERS: dict[str, Callable[[Store], Store]] = {
    "enhanced": lambda base: storage.enhance_storage(base, migrations={1: lambda value: value}),
    "compressed": lambda base: storage.compressed(base, over=1),
    "encrypted": lambda base: storage.encrypted(base, b"k" * 32),
}
ONE_MORE = {
    ("enhanced", "`incr`"),
    ("enhanced", "`add`, of a key that is there"),
    ("encrypted", "`incr`"),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("row", OPERATIONS)
def test_a_layer_adds_no_trip_but_those_that_the_page_names(row: str, layer: str) -> None:
    for operation in OPERATIONS[row]:
        backend = Counted(MemoryBackend(time.time))
        store = LAYERS[layer](storage.Storage(backend))
        trips = costs()[row]["trips"] + ((layer, row) in ONE_MORE)
        assert counted(operation, store, backend) == trips


def test_an_older_record_is_written_back_in_one_trip_more() -> None:
    backend = Counted(MemoryBackend(time.time))
    base: Store = storage.Storage(backend)
    base.set("a", 1)
    store = storage.enhance_storage(base, migrations={1: lambda value: value})
    backend.calls = 0

    store.get("a")
    assert backend.calls == 2
    store.get("a")
    assert backend.calls == 3


@pytest.mark.parametrize("row", OPERATIONS)
def test_an_adapted_object_is_called_as_often_as_the_table_says(row: str) -> None:
    for operation in OPERATIONS[row]:
        thing = Counted(Thing())
        calls = costs()[row]["calls of an adapted object"]
        assert counted(operation, storage.adapt(thing), thing) == calls


@pytest.fixture
def admin(valkey: Server) -> Iterator[redis.Redis]:
    """Who looks at what the server is told."""
    with redis.Redis(host=valkey.host, port=valkey.port, decode_responses=True) as client:
        yield client
        client.flushall()


@pytest.fixture
def served(valkey: Server) -> Iterator[Store]:
    with storage.open(valkey.url) as store:
        yield store


def told(admin: redis.Redis, store: Store, operation: Callable[[Store], object]) -> list[str]:
    """The commands that a server gets during *operation*, without what its scripts do there.

    Each is a trip: one server gets a batch in one command.
    """
    commands = []
    with admin.monitor() as monitor:
        operation(store)
        store.get("the end")
        while (heard := monitor.next_command())["command"] != "GET storage:the end":
            if heard["client_type"] != "lua":
                commands.append(heard["command"].split()[0])
    return commands


@pytest.mark.parametrize("row", OPERATIONS)
def test_a_server_is_told_as_much_as_the_table_says(
    row: str, served: Store, admin: redis.Redis
) -> None:
    for operation in OPERATIONS[row]:
        for _ in range(2):  # a server that does not know a script yet gets it the first time
            admin.flushall()
            served.set_many({"a": 1, "b": {"name": "old"}, "c": 3})
            commands = told(admin, served, operation)
        assert len(commands) == costs()[row]["trips to Redis"], commands


def test_a_script_is_told_to_a_server_once(served: Store, admin: redis.Redis) -> None:
    served.set("a", 1)
    admin.script_flush()

    commands = told(admin, served, lambda store: [store.incr("a") for _ in range(3)])

    assert commands == ["EVALSHA", "EVAL", "EVALSHA", "EVALSHA"]


def test_a_scan_of_a_server_takes_a_page_at_a_time(served: Store, admin: redis.Redis) -> None:
    served.set_many({f"key {number}": number for number in range(1200)})

    pages = told(admin, served, lambda store: list(store.keys()))

    assert set(pages) == {"SCAN"}
    assert 1200 / 600 <= len(pages) <= 1200 / 400
