"""A JavaScript program that does what VibeGram says it does, and a store of ours, on one server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage.aio.compat.vibegram
import storage.compat.vibegram
from storage.compat.vibegram import RedisStoreParseError
from storage.testing import driven
from tests.servers import Server
from tests.wire.program import Ask, Program

PROGRAM = Path(__file__).with_name("vibegram.mjs")
HALVES = [storage.compat.vibegram, storage.aio.compat.vibegram]
PREFIX = "vibegram:session:"
DAY_MS = 86_400_000

SESSIONS: dict[str, tuple[str, Any]] = {
    "1:2": (
        "{a: 1, u: 'é\\u2028', d: new Date(0), n: undefined}",
        {"a": 1, "u": "é\u2028", "d": "1970-01-01T00:00:00.000Z"},
    ),
    "scene": (
        "{__scene_id: 'order', __scene_state: {step: 2}}",
        {"__scene_id": "order", "__scene_state": {"step": 2}},
    ),
    "list": ("[0.1 + 0.2, 1e21, -0, Number.MAX_SAFE_INTEGER]", [0.1 + 0.2, 1e21, 0, 2**53 - 1]),
    "text": ("'\\0\\x1f\\n\\\\/ \\ud83d 😀'", "\0\x1f\n\\/ \ud83d 😀"),
    "zero": ("0", 0),
    "no": ("false", False),
    "empty": ("''", ""),
    "nothing": ("null", None),
}


@pytest.fixture(scope="module")
def program(node: Path, valkey: Server) -> Iterator[Program]:
    program = Program(PROGRAM, node, valkey.port)
    yield program
    program.end()


@pytest.fixture
def ask(program: Program, valkey: Server) -> Iterator[Ask]:
    yield program.ask
    valkey.call("FLUSHALL")


@pytest.fixture(params=HALVES, ids=["blocking", "aio"])
def store(request: pytest.FixtureRequest, valkey: Server, ask: Ask) -> Iterator[Any]:
    with driven(request.param.RedisSessionStore(valkey.url)) as store:
        yield store


@pytest.mark.parametrize("steps", [1, 2])
def test_what_the_program_writes_we_read_and_write_the_same(
    ask: Ask, store: Any, valkey: Server, steps: int
) -> None:
    for key, (script, value) in SESSIONS.items():
        ask("set", key, script, steps=steps)
        theirs = valkey.call("GET", PREFIX + key)
        assert DAY_MS - 5000 < valkey.call("PTTL", PREFIX + key) <= DAY_MS

        assert repr(store.get(key, "missing")) == repr(value), key
        valkey.call("DEL", PREFIX + key)
        store.set(key, value)
        assert valkey.call("GET", PREFIX + key) == theirs, key
        assert DAY_MS - 5000 < valkey.call("PTTL", PREFIX + key) <= DAY_MS


def test_what_we_write_the_program_reads(ask: Ask, store: Any) -> None:
    for key, (_, value) in SESSIONS.items():
        store.set(key, value)

        assert ask("get", key) == value
    assert store.delete("zero") is True
    assert ask("get", "zero") is None
    ask("delete", "list")
    assert store.has("list") is False


def test_each_side_starts_the_lifetime_anew(ask: Ask, store: Any, valkey: Server) -> None:
    ask("set", "1:2", "{}", ttlMs=5000)
    assert 0 < valkey.call("PTTL", f"{PREFIX}1:2") <= 5000
    store.set("1:2", {})
    assert DAY_MS - 5000 < valkey.call("PTTL", f"{PREFIX}1:2") <= DAY_MS
    ask("set", "1:2", "{}", ttlMs=5000)
    store.update("1:2", lambda session: {**session, "seen": True})
    assert 0 < valkey.call("PTTL", f"{PREFIX}1:2") <= 5000


@pytest.mark.parametrize("raw", ["", "{", "undefined", '{"a":1} and more'])
def test_what_one_side_can_not_read_the_other_can_not_either(
    ask: Ask, store: Any, valkey: Server, raw: str
) -> None:
    valkey.call("SET", f"{PREFIX}1:2", raw)

    assert ask("get", "1:2") == "RedisStoreParseError"
    with pytest.raises(RedisStoreParseError) as caught:
        store.get("1:2")
    assert caught.value.store_name == "session"
