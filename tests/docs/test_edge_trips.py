"""The table of how many requests KV is asked, in `docs/guide/edge.md`, is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import Bridge
from tests.house.tree import ROOT
from tests.servers.cloudflare import KvServer

MANY = [f"k{number:03}" for number in range(250)]
FEW = MANY[:100]
PAST = datetime(2000, 1, 1, tzinfo=timezone.utc)

OPERATIONS: dict[str, list[Callable[[Any], object]]] = {
    "`get`, `has`, `expires_at`, `touch`": [
        lambda s: s.get("k001"),
        lambda s: s.get("nobody"),
        lambda s: s.has("k001"),
        lambda s: s.expires_at("k001"),
        lambda s: s.touch("k001"),
    ],
    "`get_with_metadata`": [lambda s: s.get_with_metadata("k001")],
    "`set`, `set_with_metadata`": [
        lambda s: s.set("k001", 2),
        lambda s: s.set("k001", 2, ttl=5),
        lambda s: s.set_with_metadata("k001", 2, {"n": 1}),
    ],
    "`set` with an end that is past": [lambda s: s.set("k001", 2, ttl=PAST)],
    "`delete`": [lambda s: s.delete("k001"), lambda s: s.delete("nobody")],
    "`get_many`, up to 100 keys": [lambda s: s.get_many(FEW), lambda s: s.get_many(["k001"])],
    "`get_many`, 250 keys": [lambda s: s.get_many(MANY)],
    "`set_many`, up to 10,000 entries": [
        lambda s: s.set_many(dict.fromkeys(MANY, 2)),
        lambda s: s.set_many({f"new {number}": number for number in range(10_000)}),
    ],
    "`delete_many`, up to 100 keys": [lambda s: s.delete_many(FEW)],
    "`delete_many`, 250 keys": [lambda s: s.delete_many(MANY)],
    "`delete_many`, 10,000 keys": [
        lambda s: s.delete_many([f"new {number}" for number in range(10_000)])
    ],
    "`keys`, `keys_with_metadata`, up to 1,000 keys": [
        lambda s: list(s.keys()),
        lambda s: list(s.keys("k00")),
        lambda s: list(s.keys_with_metadata()),
    ],
    "`values`, `items`, up to 100 entries": [
        lambda s: list(s.values("k09")),
        lambda s: list(s.items("k0")),
    ],
    "`values`, `items`, 250 entries": [lambda s: list(s.values()), lambda s: list(s.items())],
    "`clear`, up to 1,000 keys": [lambda s: s.clear(everything=True)],
}


def costs() -> dict[str, int]:
    """What the table says."""
    text = (ROOT / "docs" / "guide" / "edge.md").read_text(encoding="utf-8")
    table = text.partition("## How many requests it takes")[2].partition("\n| ")[2]
    _, _, *rows = table.partition("\n\n")[0].splitlines()
    pairs = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    return {operation: int(number.strip("| ")) for operation, number in pairs}


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def store(request: pytest.FixtureRequest, kv: KvServer) -> Iterator[Any]:
    place = (kv.account, kv.namespace, kv.token)
    made = request.param.CloudflareStorage(*place, base_url=kv.url)
    with Bridge() as bridge, bridge.driven(made) as store:
        yield store


def test_the_table_has_every_operation() -> None:
    assert costs().keys() == OPERATIONS.keys()


@pytest.mark.parametrize("row", OPERATIONS)
def test_kv_is_asked_as_often_as_the_table_says(row: str, store: Any, kv: KvServer) -> None:
    for operation in OPERATIONS[row]:
        store.set_many(dict.fromkeys(MANY, 1))
        kv.forget()
        operation(store)

        assert len(kv.requests) == costs()[row], [one.action for one in kv.requests]


def test_a_page_has_as_many_keys_as_the_table_says(store: Any, kv: KvServer) -> None:
    store.set_many({f"k{number:03}": number for number in range(1000)})
    kv.forget()

    assert len(list(store.keys())) == 1000
    assert len(kv.requests) == costs()["`keys`, `keys_with_metadata`, up to 1,000 keys"]
    kv.forget()
    assert store.clear(everything=True) == 1000
    assert len(kv.requests) == costs()["`clear`, up to 1,000 keys"]


def test_nothing_is_asked_for_what_is_refused(store: Any, kv: KvServer) -> None:
    refused: list[Callable[[], object]] = [
        lambda: store.incr("k"),
        lambda: store.update("k", lambda value: value),
        lambda: store.set("k", 1, ttl=storage.KEEP),
        lambda: store.touch("k", ttl=5),
    ]
    for call in refused:
        with pytest.raises(storage.UnsupportedError):
            call()

    assert kv.requests == []
