"""Golden strings of GramIO on a real server: what it writes is read as it was meant, and what we
write is what it would write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio.compat.gramio
import storage.compat.gramio
from storage.testing import Bridge
from tests.compat.ground import update
from tests.servers import Server

HALVES = [storage.compat.gramio, storage.aio.compat.gramio]
GOLDEN: dict[str, tuple[str, int | None]] = json.loads(
    (Path(__file__).parent / "gramio.json").read_text(encoding="utf-8")
)["entries"]
SCENES = {key for key in GOLDEN if key.startswith("@gramio/scenes:")}


@pytest.fixture(autouse=True)
def server(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture
def theirs(server: Server) -> None:
    """What GramIO has left on the server."""
    for key, (raw, ttl) in GOLDEN.items():
        server.call("SET", key, raw, *([] if ttl is None else ["EX", ttl]))


@pytest.fixture(params=HALVES, ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def opened(half: Any, bridge: Bridge, server: Server) -> Iterator[Callable[..., Any]]:
    stores = []

    def make(**options: Any) -> Any:
        stores.append(bridge.driven(half.redis_storage(server.url, **options)))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def plain(store: Any) -> Any:
    """What is driven."""
    return getattr(store, "_thing", store)


@pytest.mark.usefixtures("theirs")
def test_what_gramio_wrote_is_read_and_written_the_same(
    opened: Callable[..., Any], server: Server
) -> None:
    store = opened()

    assert sorted(store.keys()) == sorted(GOLDEN)
    for key, (raw, ttl) in GOLDEN.items():
        value = store.get(key)
        assert repr(value) == repr(json.loads(raw)), key
        assert store.has(key)
        server.call("DEL", key)
        store.set(key, value, ttl=ttl)
        assert server.call("GET", key).decode() == raw
        assert server.call("TTL", key) == (ttl or -1)


def test_a_prefix_and_a_lifetime_are_those_that_are_said(
    opened: Callable[..., Any], server: Server
) -> None:
    with server.counted() as calls:
        opened(ttl=10, key_prefix="pp:").set("k", 1)
        opened().set("k", 2)

    words = [b" ".join(call.words).decode() for call in calls.everything]
    assert [said for said in words if said.startswith("SET ")] == ["SET pp:k 1 PX 10000", "SET k 2"]


def test_what_undefined_leaves_is_no_value(opened: Callable[..., Any], server: Server) -> None:
    """To GramIO it is absent, and was there for who deletes it."""
    server.call("SET", "k", "")
    store = opened()

    assert (store.get("k", "missing"), store.has("k"), list(store.values())) == (
        "missing",
        False,
        [],
    )
    assert (store.delete("k"), store.delete("k")) == (True, False)


@pytest.mark.usefixtures("theirs")
def test_sessions_and_scenes_are_told_from_each_other(
    half: Any, bridge: Bridge, opened: Callable[..., Any]
) -> None:
    base = plain(opened())
    sessions = bridge.driven(half.session(storage=base))
    scenes = bridge.driven(half.scenes(storage=base))

    assert sorted(sessions.keys()) == ["-100", "123", "124"]
    assert {key for key, _ in scenes.items()} == SCENES


@pytest.mark.usefixtures("theirs")
def test_a_session_that_is_changed_keeps_its_form(
    half: Any, bridge: Bridge, opened: Callable[..., Any], server: Server
) -> None:
    base = plain(opened())

    with bridge.driven(half.session(storage=base)).of(update(123)) as session:
        session["counter"] += 1
    with bridge.driven(half.scenes(storage=base)).of(update(2)) as scene:
        scene["stepId"] = 1

    for key, old, new in (
        ("123", '"counter":3', '"counter":4'),
        ("@gramio/scenes:2", '"stepId":0', '"stepId":1'),
    ):
        assert server.call("GET", key).decode() == GOLDEN[key][0].replace(old, new, 1)


def test_no_iteration_meets_a_lease(half: Any, opened: Callable[..., Any], server: Server) -> None:
    """Though they lie beside each other, without a prefix."""
    store = opened()
    store.set("123", {"counter": 1})
    with storage.compat.gramio.redis_storage(server.url) as other:
        sessions = storage.compat.gramio.session(storage=other)
        with sessions.of(update(123)):
            assert list(store.keys()) == ["123"]
            assert any(b"~lease~{123}" in name for name in server.call("KEYS", "*"))
