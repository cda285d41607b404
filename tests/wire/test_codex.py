"""What VibeGram's Codex remembers on Redis, read and written by us, and a program in JavaScript
that remembers in the same arrays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage.aio.compat.vibegram
import storage.compat.vibegram
from storage.compat.vibegram import RedisStoreParseError
from storage.testing import Bridge
from tests.contract.clients import OnServer
from tests.servers import Server
from tests.wire.program import Ask, Program

PROGRAM = Path(__file__).with_name("codex.mjs")
HALVES = [storage.compat.vibegram, storage.aio.compat.vibegram]
GOLDEN: dict[str, tuple[str, int | None]] = json.loads(
    Path(__file__).with_name("codex.json").read_text(encoding="utf-8")
)["entries"]
PREFIX = "vibegram:codex:"
KEY = "user:42"


@pytest.fixture(autouse=True)
def server(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture(params=HALVES, ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=[lambda server: server.url, OnServer], ids=["url", "client"])
def opened(
    request: pytest.FixtureRequest, half: Any, server: Server
) -> Iterator[Callable[..., Any]]:
    """Makes stores over the same server."""
    with Bridge() as bridge:
        stores = []

        def opened(**options: Any) -> Any:
            store = half.RedisCodexMemoryStore(request.param(server), **options)
            stores.append(bridge.driven(store))
            return stores[-1]

        yield opened
        for store in stores:
            store.close()


@pytest.fixture(scope="module")
def ask(node: Path, valkey: Server) -> Iterator[Ask]:
    program = Program(PROGRAM, node, valkey.port)
    yield program.ask
    program.end()


def kept(server: Server, key: str) -> str | None:
    raw = server.call("GET", PREFIX + key)
    return None if raw is None else raw.decode()


def message(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": text}


def test_what_vibegram_wrote_reads_as_it_was_meant(
    opened: Callable[..., Any], server: Server
) -> None:
    store = opened()
    for name, (raw, ttl_ms) in GOLDEN.items():
        server.call("SET", name, raw, *(() if ttl_ms is None else ("PX", ttl_ms)))

        assert repr(store.list(name.removeprefix(PREFIX))) == repr(json.loads(raw))


def test_what_we_write_is_what_vibegram_would_write(
    opened: Callable[..., Any], server: Server
) -> None:
    """Without a lifetime, or with it."""
    for name, (raw, ttl_ms) in GOLDEN.items():
        key = name.removeprefix(PREFIX)
        store = opened(ttl=None if ttl_ms is None else ttl_ms / 1000)
        store.append_many(key, json.loads(raw))

        assert kept(server, key) == raw, name
        left = server.call("PTTL", name)
        assert left == -1 if ttl_ms is None else ttl_ms - 5000 < left <= ttl_ms


def test_what_stands_there_stays_as_it_is_written(
    opened: Callable[..., Any], server: Server
) -> None:
    for name, (raw, _) in GOLDEN.items():
        key = name.removeprefix(PREFIX)
        server.call("SET", name, raw)
        store = opened(max_history=21)
        store.append(key, message("hi"))

        assert kept(server, key) == raw[:-1] + ',{"role":"user","content":"hi"}]'


@pytest.mark.parametrize("most", [2, 3, 4, 20])
@pytest.mark.parametrize("ttl", [None, 120])
@pytest.mark.parametrize("roles", ["SUAUAUA", "UASUAUA", "SSUAUSA", "UUAASUA"])
def test_both_sides_append_to_one_array(
    opened: Callable[..., Any], ask: Ask, server: Server, most: int, ttl: int | None, roles: str
) -> None:
    """Whoever appends: there stands what would if the program had appended each time, and as long
    as it would."""
    store = opened(max_history=most, ttl=ttl)
    told: dict[str, Any] = {"maxHistory": most, **({} if ttl is None else {"ttlMs": ttl * 1000})}
    names = {"S": "system", "U": "user", "A": "assistant"}
    for number, role in enumerate(roles):
        for key in (KEY, "theirs"):
            server.call("PEXPIRE", PREFIX + key, 1000)
        one = message(f"é {number}", names[role])
        ask("append", "theirs", json.dumps(one), **told)
        if number % 2:
            ask("append", KEY, json.dumps(one), **told)
        else:
            store.append(KEY, one)

        assert kept(server, KEY) == kept(server, "theirs")
        left, expected = (server.call("PTTL", PREFIX + key) for key in (KEY, "theirs"))
        assert abs(left - expected) < 1000
        assert (left == -1) is (ttl is None)
        assert store.list(KEY) == ask("list", KEY)


def test_of_a_system_message_alone_there_is_no_more_than_one_on_our_side(
    opened: Callable[..., Any], ask: Ask, server: Server
) -> None:
    """The program keeps all of them, and the system's anew with each; we bring that down."""
    store = opened(max_history=1)
    for one in (message("S", "system"), message("1"), message("2")):
        ask("append", KEY, json.dumps(one), maxHistory=1)
    assert [one["content"] for one in ask("list", KEY)] == ["S", "S", "S", "1", "2"]
    store.append(KEY, message("3"))

    assert ask("list", KEY) == store.list(KEY) == [message("S", "system")]


def test_what_only_javascript_has_becomes_what_it_makes_of_it(
    opened: Callable[..., Any], ask: Ask, server: Server
) -> None:
    ask("append", KEY, "{ role: 'user', content: new Date(0), n: NaN, no: undefined, m: 2 ** 60 }")
    theirs = kept(server, KEY)
    assert theirs is not None
    store = opened()
    store.append(KEY, message("1"))

    assert kept(server, KEY) == f'{theirs[:-1]},{{"role":"user","content":"1"}}]'
    assert store.list(KEY)[0] == {
        "role": "user",
        "content": "1970-01-01T00:00:00.000Z",
        "n": None,
        "m": 1152921504606847000,
    }


def test_what_one_side_clears_the_other_has_no_more(
    opened: Callable[..., Any], ask: Ask, server: Server
) -> None:
    store = opened()
    store.append(KEY, message("1"))
    ask("clear", KEY)
    assert store.list(KEY) == []
    ask("append", KEY, json.dumps(message("2")))
    assert store.clear(KEY) is True

    assert ask("list", KEY) == []
    assert server.call("KEYS", "*") == []


@pytest.mark.parametrize("raw", ["", "{", "{}", "5", "null", '"[]"', "undefined", "[] and more"])
def test_what_one_side_can_not_read_the_other_can_not_either(
    opened: Callable[..., Any], ask: Ask, server: Server, raw: str
) -> None:
    store = opened()
    server.call("SET", PREFIX + KEY, raw)

    for method in ("list", "append"):
        assert ask(method, KEY, json.dumps(message("1"))) == "RedisStoreParseError"
    for use in (lambda: store.list(KEY), lambda: store.append(KEY, message("1"))):
        with pytest.raises(RedisStoreParseError) as caught:
            use()
        assert caught.value.store_name == "codex-memory"
    assert kept(server, KEY) == raw


def test_items_that_are_no_messages_are_read_on_both_sides(
    opened: Callable[..., Any], ask: Ask, server: Server
) -> None:
    raw = '[5,"S",[],{},{"role":5}]'
    server.call("SET", PREFIX + KEY, raw)
    store = opened()

    assert store.list(KEY) == ask("list", KEY) == json.loads(raw)
