"""A JavaScript program that does what GramIO says its storages do, and storages of ours, on one
server of Redis and one of KV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.compat.gramio
import storage.compat.gramio
from storage.testing import Bridge
from tests.servers import Server
from tests.servers.cloudflare import KvServer
from tests.wire.program import Ask, Program

PROGRAM = Path(__file__).with_name("gramio.mjs")
BUNDLE = os.environ.get("STORAGE_GRAMIO")
"""A bundle of GramIO's own storages; see `tests.wire.published`."""

VALUES: dict[str, tuple[str, Any]] = {
    "object": (
        "{counter: 1, name: 'é😀', list: [1, 2.5, null]}",
        {"counter": 1, "name": "é😀", "list": [1, 2.5, None]},
    ),
    "zero": ("0", 0),
    "sum": ("0.1 + 0.2", 0.1 + 0.2),
    "minus zero": ("-0", 0),
    "safe": ("Number.MAX_SAFE_INTEGER", 2**53 - 1),
    "surrogate": ("'\\ud83d'", "\ud83d"),
    "control": ("'\\0\\x1f\\n\\\\/'", "\0\x1f\n\\/"),
    "date": ("new Date(0)", "1970-01-01T00:00:00.000Z"),
    "dropped": ("{a: 1, n: undefined}", {"a": 1}),
    "empty": ("''", ""),
    "no": ("false", False),
    "nothing": ("null", None),
    "~tilde é": ("[]", []),
}


@pytest.fixture
def program(node: Path, valkey: Server) -> Iterator[Ask]:
    program = Program(PROGRAM, node, valkey.port, *([BUNDLE] if BUNDLE else []))
    yield program.ask
    program.end()
    valkey.call("FLUSHALL")


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def colour(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def drive() -> Iterator[Callable[[Any], Any]]:
    stores = []
    with Bridge() as bridge:

        def driven(store: Any) -> Any:
            stores.append(bridge.driven(store))
            return stores[-1]

        yield driven
        for store in stores:
            store.close()


@pytest.fixture
def redis_storage(colour: Any, drive: Callable[[Any], Any], valkey: Server) -> Any:
    return lambda **options: drive(colour.compat.gramio.redis_storage(valkey.url, **options))


def on_redis(ask: Ask, **options: Any) -> Ask:
    """The other side's storage on Redis."""
    return lambda method, *args: ask(method, *args, of="redis", options=options)


# On Redis.


def test_what_the_program_writes_we_read_and_write_the_same(
    program: Ask, redis_storage: Any, valkey: Server
) -> None:
    theirs, ours = on_redis(program), redis_storage()
    for key, (script, value) in VALUES.items():
        theirs("set", key, script)
        raw = valkey.call("GET", key)

        assert repr(ours.get(key, "missing")) == repr(value), key
        assert ours.has(key)
        ours.set(key, value)
        assert valkey.call("GET", key) == raw, key


def test_what_we_write_the_program_reads(program: Ask, redis_storage: Any) -> None:
    theirs, ours = on_redis(program), redis_storage()
    for key, (_, value) in VALUES.items():
        ours.set(key, value)

        assert theirs("get", key) == value
        assert theirs("has", key) is True
    assert (ours.delete("zero"), theirs("delete", "zero"), ours.delete("zero")) == (
        True,
        False,
        False,
    )
    assert (theirs("delete", "no"), ours.delete("no"), theirs("delete", "no")) == (
        True,
        False,
        False,
    )
    assert (theirs("get", "zero"), ours.get("no", "missing")) == ("undefined", "missing")


def test_undefined_is_no_value_to_both_and_can_be_deleted_by_both(
    program: Ask, redis_storage: Any, valkey: Server
) -> None:
    theirs, ours = on_redis(program), redis_storage()
    theirs("set", "k", "undefined")
    assert valkey.call("GET", "k") == b""

    assert (theirs("get", "k"), theirs("has", "k")) == ("undefined", False)
    assert (ours.get("k", "missing"), ours.has("k")) == ("missing", False)
    assert ours.delete("k") is True
    theirs("set", "k", "undefined")
    assert theirs("delete", "k") is True
    theirs("set", "k", "undefined")
    assert ours.add("k", 1) is True
    assert theirs("get", "k") == 1


def test_a_lifetime_and_a_prefix_mean_the_same(
    program: Ask, redis_storage: Any, valkey: Server
) -> None:
    on_redis(program, prefix="pp:", ttl=60)("set", "theirs", "1")
    on_redis(program, ttl=0)("set", "for ever", "1")
    redis_storage(ttl=60, key_prefix="pp:").set("ours", 1)

    assert valkey.call("TTL", "for ever") == -1
    assert abs(valkey.call("PTTL", "pp:theirs") - valkey.call("PTTL", "pp:ours")) < 1000
    assert on_redis(program, prefix="pp:")("get", "ours") == 1
    assert redis_storage(key_prefix="pp:").get("theirs") == 1


def test_a_part_of_a_second_is_kept_by_us_and_refused_to_the_program(
    program: Ask, redis_storage: Any, valkey: Server
) -> None:
    assert on_redis(program, ttl=1.5)("set", "k", "1") in ("Error", "ReplyError")
    assert valkey.call("EXISTS", "k") == 0

    redis_storage(ttl=1.5).set("k", 1)
    assert 1000 < valkey.call("PTTL", "k") <= 1500
    assert on_redis(program)("get", "k") == 1


# On Cloudflare's KV.


@pytest.fixture
def on_kv(program: Ask, kv: KvServer) -> Ask:
    place = {name: getattr(kv, name) for name in ("url", "account", "namespace", "token")}
    return lambda method, *args: program(method, *args, of="cloudflare", options={"place": place})


@pytest.fixture
def namespace(colour: Any, drive: Callable[[Any], Any], kv: KvServer) -> Any:
    made = colour.CloudflareStorage(kv.account, kv.namespace, kv.token, base_url=kv.url)
    drive(made)
    return made


@pytest.fixture
def cloudflare(colour: Any, drive: Callable[[Any], Any], namespace: Any) -> Any:
    return drive(colour.compat.gramio.cloudflare_storage(namespace))


def test_what_the_program_puts_on_kv_we_read_and_put_the_same(
    on_kv: Ask, cloudflare: Any, kv: KvServer
) -> None:
    for key, (script, value) in VALUES.items():
        if key == "surrogate":
            continue  # what is no UTF-8 comes to the service as something else
        on_kv("set", key, script)
        stored = kv.stored[key]

        assert repr(cloudflare.get(key, "missing")) == repr(value), key
        cloudflare.set(key, value)
        assert kv.stored[key] == stored


def test_what_we_put_on_kv_the_program_reads(
    on_kv: Ask, cloudflare: Any, colour: Any, drive: Any, namespace: Any
) -> None:
    lasting = drive(colour.compat.gramio.cloudflare_storage(namespace, ttl=90))
    for key, (_, value) in VALUES.items():
        (lasting if key == "object" else cloudflare).set(key, value)

        # To GramIO a stored null is there, and read as undefined.
        assert on_kv("get", key) == ("undefined" if value is None else value)
        assert on_kv("has", key) is True
    assert cloudflare.get("nothing", "missing") is None
    on_kv("delete", "nothing")
    assert (cloudflare.delete("nothing"), cloudflare.delete("zero")) == (False, True)
    assert on_kv("has", "zero") is False
