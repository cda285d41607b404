"""A JavaScript program that does what puregram says it does, and a store of ours, on one server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import storage.aio.compat.puregram
import storage.compat.puregram
from storage import CorruptValueError
from storage.testing import driven
from tests.servers import Server
from tests.wire.program import Ask, Program

PROGRAM = Path(__file__).with_name("puregram.mjs")
HALVES = [storage.compat.puregram, storage.aio.compat.puregram]

VALUES: dict[str, tuple[str, Any]] = {
    "object": ("{counter: 1, name: 'é😀', list: [1, 2.5, null]}", None),
    "zero": ("0", 0),
    "sum": ("0.1 + 0.2", 0.1 + 0.2),
    "huge": ("1e21", 1e21),
    "minus zero": ("-0", 0),
    "safe": ("Number.MAX_SAFE_INTEGER", 2**53 - 1),
    "surrogate": ("'\\ud83d'", "\ud83d"),
    "control": ("'\\0\\x1f\\n\\\\/'", "\0\x1f\n\\/"),
    "date": ("new Date(0)", "1970-01-01T00:00:00.000Z"),
    "dropped": ("{a: 1, n: undefined}", {"a": 1}),
    "empty": ("''", ""),
    "no": ("false", False),
    "nothing": ("null", None),
}
VALUES["object"] = (VALUES["object"][0], {"counter": 1, "name": "é😀", "list": [1, 2.5, None]})


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
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def store(half: Any, valkey: Server, ask: Ask) -> Iterator[Any]:
    with driven(half.RedisStorage(valkey.url)) as store:
        yield store


def test_what_the_program_writes_we_read_and_write_the_same(
    ask: Ask, store: Any, valkey: Server
) -> None:
    for key, (script, value) in VALUES.items():
        ask("set", key, script)
        theirs = valkey.call("GET", f"puregram:{key}")

        assert repr(store.get(key)) == repr(value), key
        store.set(key, value)
        assert valkey.call("GET", f"puregram:{key}") == theirs, key


def test_what_we_write_the_program_reads(ask: Ask, store: Any) -> None:
    for key, (_, value) in VALUES.items():
        store.set(key, value)

        assert ask("get", key) == value
        assert ask("has", key) is True
    assert sorted(ask("keys")) == sorted(VALUES)
    assert store.delete("zero") is True
    assert ask("has", "zero") is False
    ask("delete", "sum")
    assert store.has("sum") is False
    assert ask("get", "sum") is None


def test_the_program_never_meets_a_lease(ask: Ask, half: Any, store: Any, valkey: Server) -> None:
    store.set("k", 1)
    with storage.compat.puregram.RedisStorage(valkey.url) as other:
        with storage.Leases(other).hold("k"):
            assert ask("keys") == ["k"]
        assert storage.Leases(other).claim("k", ttl=60)
        assert ask("keys") == ["k"]


def test_nothing_that_the_program_sets_is_corrupt_for_both(ask: Ask, store: Any) -> None:
    ask("set", "k", "undefined")

    assert ask("get", "k") == "SyntaxError"
    with pytest.raises(CorruptValueError) as caught:
        store.get("k")
    assert caught.value.key == "k"


def test_both_push_a_lifetime_forward(ask: Ask, half: Any, store: Any, valkey: Server) -> None:
    ask("set", "k", "1", ttlMs=5000)
    assert 0 < valkey.call("PTTL", "puregram:k") <= 5000
    with driven(half.RedisStorage(valkey.url, ttl=60)) as lasting:
        lasting.touch("k")
        assert 50_000 < valkey.call("PTTL", "puregram:k") <= 60_000
    ask("touch", "k", ttlMs=5000)
    assert 0 < valkey.call("PTTL", "puregram:k") <= 5000
    store.touch("k")
    ask("touch", "k")
    assert 0 < valkey.call("PTTL", "puregram:k") <= 5000


def test_both_bring_older_records_to_the_same_version(ask: Ask, half: Any, valkey: Server) -> None:
    migrations = {
        1: lambda user: {**user, "role": "guest"},
        2: lambda user: {**user, "counter": user.get("counter", 0)},
    }
    base = half.RedisStorage(valkey.url)
    with driven(base), driven(half.enhance_storage(base, migrations=migrations)) as store:
        for start in ("{name: 'Ann'}", "{__v: 1, data: {role: 'admin'}}"):
            ask("set", "theirs", start)
            ask("set", "ours", start)

            assert ask("get", "theirs", enhanced=True) == store.get("ours")
            raw = valkey.call("GET", "puregram:theirs")
            assert raw == valkey.call("GET", "puregram:ours")
            assert raw.startswith(b'{"__v":2,"data":{')
        store.set("k", {"counter": 7})
        assert ask("get", "k", enhanced=True) == {"counter": 7}
        ask("set", "k", "{counter: 8}", enhanced=True)
        assert store.get("k") == {"counter": 8}
