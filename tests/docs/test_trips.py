"""The table of what an operation costs, in `docs/design.md`, is true."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import storage
from storage.memory.kv import MemoryBackend
from tests.house.tree import ROOT

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


def costs() -> dict[str, tuple[str, str]]:
    """The rows of the table."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.partition("| operation | trips |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \| (\d+) \| (\d+) \|$", table, re.MULTILINE)
    return {operation: (trips, calls) for operation, trips, calls in rows}


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
    trips, _ = costs()[row]

    for operation in OPERATIONS[row]:
        backend = Counted(MemoryBackend(time.time))
        assert counted(operation, storage.Storage(backend), backend) == int(trips)


@pytest.mark.parametrize("row", OPERATIONS)
def test_an_adapted_object_is_called_as_often_as_the_table_says(row: str) -> None:
    _, calls = costs()[row]

    for operation in OPERATIONS[row]:
        thing = Counted(Thing())
        assert counted(operation, storage.adapt(thing), thing) == int(calls)
