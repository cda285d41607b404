"""Golden strings of VibeGram on a real server: what it writes is read as it was meant, and what we
write is what it would write, by redis-py and by a client of another make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio.compat.vibegram
import storage.compat.vibegram
from storage.compat.vibegram import RedisStoreParseError
from storage.testing import Bridge
from tests.servers import Server

pytestmark = pytest.mark.timed

HALVES = [storage.compat.vibegram, storage.aio.compat.vibegram]
GOLDEN: dict[str, tuple[str, int]] = json.loads(
    (Path(__file__).parent / "vibegram.json").read_text(encoding="utf-8")
)["entries"]
PREFIX = "vibegram:session:"
DAY_MS = 86_400_000

MEANT: dict[str, Any] = {
    "100:7": {"counter": 1, "cart": ["tea"], "locale": "en"},
    "1:2": {"a": 1, "u": "é\u2028", "d": "1970-01-01T00:00:00.000Z"},
    "scene": {"__scene_id": "order", "__scene_state": {"step": 2}},
    "wizard": {"__wizard_id": "sign up", "__wizard_cursor": 1, "__wizard_state": {}},
    "-1001234567890:42": {},
    "brief": {"step": "idle"},
    "long": {},
    "zero": 0,
    "half": 1.5,
    "sum": 0.1 + 0.2,
    "minus zero": 0,
    "safe": 2**53 - 1,
    "not a number": None,
    "tiny": 1e-7,
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": "",
    "text": 'it\'s "é" 😀',
    "surrogate": "\ud83d",
    "control": "\0\x1f\n\\/\x7f",
    "map": {},
    "holes": [None, None, None],
    "empties": [{}, []],
    "constructor": {"__proto__": {"a": 1}, "constructor": 1},
    "": "the empty key",
    "~tilde": 1,
    "~~": 2,
    "a*[b]?\\": 3,
    "ключ 😀": 4,
}
"""What the golden strings mean, but for those that mean nothing."""

CORRUPT = {"broken", "left empty"}

SPELLED_IN_PYTHON = {"tiny": "1e-07"}
"""A float that both sides read alike and write in their own ways."""


class ByHand:
    """A client of another make, in one step or in two."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def get(self, key: str) -> str | None:
        raw = self.server.call("GET", key)
        return None if raw is None else raw.decode()

    def set(self, key: str, value: str) -> None:
        self.server.call("SET", key, value)

    def delete(self, key: str) -> None:
        self.server.call("DEL", key)


class InOneStep(ByHand):
    def psetex(self, key: str, ms: int, value: str) -> None:
        self.server.call("PSETEX", key, ms, value)


class InTwoSteps(ByHand):
    def pexpire(self, key: str, ms: int) -> None:
        self.server.call("PEXPIRE", key, ms)


@pytest.fixture(autouse=True)
def server(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture(params=HALVES, ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=[lambda server: server.url, InOneStep, InTwoSteps], ids=["url", "1", "2"])
def opened(
    request: pytest.FixtureRequest, half: Any, server: Server
) -> Iterator[Callable[..., Any]]:
    """Makes stores over the same server."""
    with Bridge() as bridge:
        stores = []

        def opened(**options: Any) -> Any:
            store = half.RedisSessionStore(request.param(server), **options)
            stores.append(bridge.driven(store))
            return stores[-1]

        yield opened
        for store in stores:
            store.close()


@pytest.fixture
def theirs(server: Server) -> None:
    """What VibeGram has left on the server."""
    for name, (raw, ttl_ms) in GOLDEN.items():
        server.call("PSETEX", name, ttl_ms, raw)


@pytest.mark.usefixtures("theirs")
def test_what_vibegram_wrote_reads_as_it_was_meant(opened: Callable[..., Any]) -> None:
    store = opened()

    assert {PREFIX + key for key in MEANT.keys() | CORRUPT} == GOLDEN.keys()
    for key, value in MEANT.items():
        assert repr(store.get(key, "missing")) == repr(value), key
        assert store.has(key)
    assert store.get("nobody", "missing") == "missing"


@pytest.mark.usefixtures("theirs")
@pytest.mark.parametrize("key", sorted(CORRUPT))
def test_what_is_no_json_is_corrupt_and_not_missing(
    opened: Callable[..., Any], server: Server, key: str
) -> None:
    """An empty string too."""
    store = opened()

    for read in (store.get, lambda key: store.update(key, lambda value: value, default=1)):
        with pytest.raises(RedisStoreParseError) as caught:
            read(key)
        assert (caught.value.store_name, caught.value.key) == ("session", key)
        assert "token" not in str(caught.value)
    assert server.call("GET", PREFIX + key).decode() == GOLDEN[PREFIX + key][0]
    assert store.has(key) is True
    assert store.delete(key) is True
    assert server.call("EXISTS", PREFIX + key) == 0


def test_what_we_write_is_what_vibegram_would_write(
    opened: Callable[..., Any], server: Server
) -> None:
    store = opened()
    for key, value in MEANT.items():
        raw, ttl_ms = GOLDEN[PREFIX + key]
        if ttl_ms == DAY_MS:
            store.set(key, value)
        else:
            store.set(key, value, ttl=ttl_ms / 1000)

        expected = SPELLED_IN_PYTHON.get(key, raw)
        assert server.call("GET", PREFIX + key).decode() == expected, key
        assert ttl_ms - 1000 < server.call("PTTL", PREFIX + key) <= ttl_ms


def test_every_set_gives_the_whole_lifetime(opened: Callable[..., Any], server: Server) -> None:
    store = opened(prefix="bot:session:", ttl=7 * 86_400)
    store.set("1:2", {})
    for change in (lambda: store.set("1:2", {"n": 1}), lambda: store.touch("1:2")):
        server.call("PEXPIRE", "bot:session:1:2", 1000)
        change()
        left = server.call("PTTL", "bot:session:1:2")
        assert 7 * DAY_MS - 1000 < left <= 7 * DAY_MS
    assert server.call("GET", "bot:session:1:2") == b'{"n":1}'


def test_a_lifetime_may_be_none(opened: Callable[..., Any], server: Server) -> None:
    """In VibeGram it can not be turned off."""
    store, lasting = opened(), opened(ttl=None)

    store.set("1:2", {})
    lasting.set("1:2", {})
    assert server.call("PTTL", f"{PREFIX}1:2") == -1
    store.set("1:2", {}, ttl=0.5)
    assert 0 < server.call("PTTL", f"{PREFIX}1:2") <= 500
    store.set("1:2", {}, ttl=None)
    assert server.call("PTTL", f"{PREFIX}1:2") == -1


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (lambda server: server.url, ["SET {} PX 86400000", "GET", "UNLINK"]),
        (InOneStep, ["PSETEX 86400000 {}", "GET", "GET", "DEL"]),
        (InTwoSteps, ["SET {}", "PEXPIRE 86400000", "GET", "GET", "DEL"]),
    ],
    ids=["url", "1", "2"],
)
def test_these_are_the_commands(
    half: Any, server: Server, client: Any, expected: list[str]
) -> None:
    with Bridge() as bridge:
        store = bridge.driven(half.RedisSessionStore(client(server)))
        with server.counted() as calls:
            store.set("1:2", {})
            store.get("1:2")
            store.delete("1:2")
        store.close()

    words = [b" ".join(call.words).decode() for call in calls.everything]
    told = [said.replace(f" {PREFIX}1:2", "") for said in words if PREFIX in said]
    assert told == expected


def test_leases_stand_outside_of_the_prefix(server: Server) -> None:
    with storage.compat.vibegram.RedisSessionStore(server.url) as store:
        lease = storage.Leases(store).hold("1:2")
        with lease:
            assert list(store.keys()) == []
            assert server.call("EXISTS", f"~lease~{{{PREFIX}1:2}}:held") == 1
