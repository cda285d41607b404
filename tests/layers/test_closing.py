"""Closing a layer closes what was made for it, and nothing that was there before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import ClosedError
from storage.testing import Bridge
from tests.waiting import until

LAYERS: dict[str, Callable[[Any, Any], Any]] = {
    "enhanced": lambda half, base: half.enhance_storage(base),
    "in milliseconds": lambda half, base: half.enhance_storage(base, millisecond_precision=True),
    "compressed": lambda half, base: half.compressed(base),
    "encrypted": lambda half, base: half.encrypted(base, b"k" * 32),
}


@pytest.fixture(params=LAYERS.values(), ids=LAYERS.keys())
def layer(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_base_stays_open(half: Any, bridge: Bridge, base: Any, layer: Any) -> None:
    wrapped = bridge.driven(layer(half, base))
    view = bridge.driven(layer(half, base)).namespace("a")
    wrapped.set("k", 1)
    wrapped.close()
    wrapped.close()

    with pytest.raises(ClosedError):
        wrapped.get("k")
    view.set("k", 2)
    assert bridge.driven(base).has("k")


def test_a_closed_base_is_closed_for_its_layers(half: Any, bridge: Bridge, layer: Any) -> None:
    base = half.MemoryStorage()
    wrapped = bridge.driven(layer(half, base))
    bridge.driven(base).close()

    with pytest.raises(ClosedError):
        wrapped.get("k")
    with pytest.raises(ClosedError):
        wrapped.set("k", 1)


def test_what_was_adapted_for_it_is_not_closed(half: Any, bridge: Bridge, layer: Any) -> None:
    base = storage.MemoryStorage()
    wrapped = bridge.driven(layer(half, base))
    wrapped.set("k", 1)
    wrapped.close()

    assert base.has("k")
    base.close()


def test_the_thread_of_a_file_ends_with_the_layer(tmp_path: Path, layer: Any) -> None:
    """Of a blocking store in the asyncio half, nobody else holds it."""
    with storage.SqliteStorage(tmp_path / "bot.db") as base, Bridge() as bridge:
        wrapped = bridge.driven(layer(storage.aio, base))
        wrapped.set("k", 1)
        assert lifted()
        wrapped.close()
        until(lambda: not lifted())

        assert base.has("k")


def lifted() -> list[threading.Thread]:
    """The threads that lifted backends run in."""
    return [one for one in threading.enumerate() if one.name == "storage hops"]
