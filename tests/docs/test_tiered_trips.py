"""The table of trips in `docs/guide/tiered.md` is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
from storage import NearCache
from tests.docs.test_trips import cells
from tests.fault.proxy import Proxy
from tests.house.tree import ROOT
from tests.servers import Server
from tests.waiting import until

Store = storage.Storage[Any]
PAGE = ROOT / "docs" / "guide" / "tiered.md"

OPERATIONS: dict[str, list[Callable[[Store], object]]] = {
    "`get`, `has`, `get_many`, of copies": [
        lambda s: s.get("a"),
        lambda s: s.has("a"),
        lambda s: s.get_many(["a"]),
    ],
    "`get`, of what there is no copy of": [lambda s: s.get("b")],
    "`get_many`, of what there is no copy of": [lambda s: s.get_many(["b", "c", "d"])],
    "`set`, `delete`, `incr`": [
        lambda s: s.set("a", 1),
        lambda s: s.delete("a"),
        lambda s: s.incr("a"),
    ],
    "`update`": [lambda s: s.update("a", lambda value: value + 1)],
}


def costs() -> dict[str, int]:
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("## What it costs")[2].partition("\n| ")[2]
    _, _, *rows = table.partition("\n\n")[0].splitlines()
    return {operation: int(trips) for operation, trips in map(cells, rows)}


@pytest.fixture
def near(proxy: Proxy, valkey: Server) -> Iterator[Store]:
    with storage.RedisStorage(proxy.url) as base, storage.tiered(base) as near:
        yield near
    valkey.call("FLUSHALL")


def test_the_table_tells_of_what_is_tried() -> None:
    assert list(costs()) == list(OPERATIONS)


@pytest.mark.parametrize("row", OPERATIONS)
def test_operations_take_as_many_trips_as_the_table_says(
    row: str, near: Store, valkey: Server, proxy: Proxy
) -> None:
    room = near.room(NearCache)

    def trips() -> int:
        """Without those that the listener makes by itself."""
        while True:
            asked, taken = proxy.commands.count("PING"), proxy.trips
            if proxy.commands.count("PING") == asked:
                return taken - asked

    for operation in OPERATIONS[row]:
        for _ in range(2):  # a server that does not know a script yet gets it the first time
            near.set_many({"a": 1, "b": 2, "c": 3})
            until(lambda: near.get("a") == 1 and room.info().watched and room.info().kept == 1)
            before = trips()
            operation(near)
            taken = trips() - before

        assert taken == costs()[row]
