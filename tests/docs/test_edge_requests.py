"""The table of how many requests an operation takes, in `docs/guide/edge.md`, is true in both
halves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import driven
from tests.docs.test_trips import cells
from tests.house.tree import ROOT
from tests.servers.cloudflare import KvServer

PAST = datetime(2000, 1, 1, tzinfo=timezone.utc)


def keys(number: int) -> list[str]:
    return [f"k{index}" for index in range(number)]


def entries(number: int) -> dict[str, int]:
    return dict.fromkeys(keys(number), 1)


OPERATIONS: dict[str, tuple[int, list[Callable[[Any], object]]]] = {
    "`get`, `has`, `expires_at`, `touch`": (
        1,
        [
            lambda s: s.get("k0"),
            lambda s: s.has("k0"),
            lambda s: s.expires_at("k0"),
            lambda s: s.touch("k0"),
        ],
    ),
    "`get_with_metadata`": (1, [lambda s: s.get_with_metadata("k0")]),
    "`set`, `set_with_metadata`": (
        1,
        [lambda s: s.set("k0", 5, ttl=5), lambda s: s.set_with_metadata("k0", 5, {"title": "k"})],
    ),
    "`set` with an end that is past": (1, [lambda s: s.set("k0", 5, ttl=PAST)]),
    "`delete`": (1, [lambda s: s.delete("k0"), lambda s: s.delete("k1")]),
    "`get_many`, up to 100 keys": (100, [lambda s: s.get_many(keys(100))]),
    "`get_many`, 250 keys": (3, [lambda s: s.get_many(keys(250))]),
    "`set_many`, up to 10,000 entries": (1, [lambda s: s.set_many(entries(10_000))]),
    "`delete_many`, up to 100 keys": (100, [lambda s: s.delete_many(keys(100))]),
    "`delete_many`, 250 keys": (3, [lambda s: s.delete_many(keys(250))]),
    "`keys`, `keys_with_metadata`, up to 1,000 keys": (
        1000,
        [lambda s: list(s.keys()), lambda s: list(s.keys_with_metadata())],
    ),
    "`values`, `items`, up to 100 entries": (
        100,
        [lambda s: list(s.values()), lambda s: list(s.items())],
    ),
    "`values`, `items`, 250 entries": (250, [lambda s: list(s.values())]),
    "`clear`, up to 1,000 keys": (1000, [lambda s: s.clear(everything=True)]),
}
"""Each row of the table: how many entries there are, and what is done."""


def told() -> dict[str, int]:
    text = (ROOT / "docs" / "guide" / "edge.md").read_text(encoding="utf-8")
    table = text.partition("## How many requests it takes\n\n")[2].partition("\n\n")[0]
    return {name: int(number) for name, number in map(cells, table.splitlines()[2:])}


@pytest.fixture(params=["storage", "storage.aio"])
def store(request: pytest.FixtureRequest, kv: KvServer) -> Iterator[Any]:
    options = {"base_url": kv.url, "prefix": "bot:"}
    if request.param == "storage":
        with storage.CloudflareStorage[Any](kv.account, kv.namespace, kv.token, **options) as store:
            yield store
        return
    made = storage.aio.CloudflareStorage[Any](kv.account, kv.namespace, kv.token, **options)
    with driven(made) as store:
        yield store


def test_the_table_has_every_operation() -> None:
    assert told().keys() == OPERATIONS.keys()


@pytest.mark.parametrize("row", OPERATIONS)
def test_an_operation_takes_as_many_requests_as_the_table_says(
    row: str, store: Any, kv: KvServer
) -> None:
    there, operations = OPERATIONS[row]
    for operation in operations:
        store.set_many(entries(there))
        kv.forget()
        operation(store)
        assert len(kv.requests) == told()[row]
