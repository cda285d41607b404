"""The table of how many calls of a binding an operation takes, in `docs/guide/edge.md`, is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage import aio
from storage.testing import Clock, driven
from tests.cloudflare.binding import Namespace, Whole
from tests.docs.test_trips import cells
from tests.house.tree import ROOT

THREE = ["a", "b", "c"]

OPERATIONS: dict[str, list[Callable[[Any], object]]] = {
    "`get`, `has`, `touch`": [lambda s: s.get("a"), lambda s: s.has("a"), lambda s: s.touch("a")],
    "`set`": [lambda s: s.set("a", 5)],
    "`expires_at`, of an entry that ends": [lambda s: s.expires_at("ends")],
    "`expires_at`, of one that does not, or was written by something else": [
        lambda s: s.expires_at("a")
    ],
    "`delete`": [lambda s: s.delete("ends")],
    "`get_many`, 3 keys": [lambda s: s.get_many(THREE)],
    "`set_many`, 3 entries": [lambda s: s.set_many(dict.fromkeys(THREE, 5))],
    "`delete_many`, 3 keys": [lambda s: s.delete_many(THREE)],
    "`keys`, up to 1,000 keys": [lambda s: list(s.keys())],
}


def told() -> dict[str, int]:
    """What each row says of a binding that reads one key at a time."""
    text = (ROOT / "docs" / "guide" / "edge.md").read_text(encoding="utf-8")
    table = text.partition("| operation | calls of a binding |\n")[2].partition("\n\n")[0]
    rows = map(cells, table.splitlines()[1:])
    return {operation: int(number.partition(",")[0]) for operation, number in rows}


def test_the_table_has_every_operation() -> None:
    assert told().keys() == OPERATIONS.keys()


@pytest.mark.parametrize("row", OPERATIONS)
def test_a_binding_is_called_as_often_as_the_table_says(row: str) -> None:
    clock = Clock()
    namespace = Namespace(clock)
    made: Any = aio.CloudflareStorage(Whole(namespace), clock=clock)
    with driven(made) as store:
        for operation in OPERATIONS[row]:
            store.set_many(dict.fromkeys(THREE, 1))
            store.set("ends", 1, ttl=3600)
            namespace.asked()
            operation(store)
            assert len(namespace.asked()) == told()[row]
