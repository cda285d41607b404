"""GramIO's storages: what each of them holds, what is told of it, and what it may be made of."""

from __future__ import annotations

import gc
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

import storage
import storage.aio.compat.gramio
import storage.compat.gramio
from storage import (
    DELETE,
    KEEP,
    MISSING,
    ConfigurationError,
    CorruptValueError,
    UnsupportedError,
)
from storage.testing import Bridge, Clock
from storage.testing.threads import crowd
from tests.contract.clients import OneStep, OnServer
from tests.servers import Server
from tests.servers.cloudflare import KvServer

Drive = Callable[[Any], Any]

BLOCKING = storage.compat.gramio
FALSY = {"zero": 0, "empty": "", "no": False, "nothing": None, "list": [], "object": {}}
SECRET = "a password that nobody shows"


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def colour(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def half(colour: Any) -> Any:
    return colour.compat.gramio


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    valkey.call("FLUSHALL")
    yield valkey
    valkey.call("FLUSHALL")


# What is true of every storage.


@dataclass
class Place:
    """A storage by plain calls, and a way to put a text there that is no JSON."""

    store: Any
    spoil: Callable[[str], object]


def _memory(request: pytest.FixtureRequest, half: Any, drive: Drive) -> Place:
    store = half.in_memory_storage()
    backend = request.getfixturevalue("bridge").driven(store._backend)
    return Place(drive(store), lambda key: backend.write(key, b"{", None))


def _mapping(request: pytest.FixtureRequest, half: Any, drive: Drive) -> Place:
    mapping: dict[str, Any] = {}
    store = drive(half.in_memory_storage(mapping))
    return Place(store, lambda key: mapping.update({key: {"data": {"a", "set"}}}))


def _redis(request: pytest.FixtureRequest, half: Any, drive: Drive) -> Place:
    server: Server = request.getfixturevalue("server")
    return Place(drive(half.redis_storage(server.url)), lambda key: server.call("SET", key, "{"))


def _client(request: pytest.FixtureRequest, half: Any, drive: Drive) -> Place:
    client = OneStep(request.getfixturevalue("clock"))
    return Place(drive(half.redis_storage(client)), lambda key: client.set(key, "{"))


def _sqlite(request: pytest.FixtureRequest, half: Any, drive: Drive) -> Place:
    file = request.getfixturevalue("file")
    spoil = "INSERT OR REPLACE INTO gramio_storage VALUES (?, '{', NULL)"
    return Place(drive(half.sqlite_storage(file)), lambda key: sql(file, spoil, key))


def _cloudflare(request: pytest.FixtureRequest, half: Any, drive: Drive) -> Place:
    namespace = _namespace(half, request.getfixturevalue("kv"))
    drive(namespace)
    store = half.cloudflare_storage(namespace)
    backend = request.getfixturevalue("bridge").driven(store._backend)
    return Place(drive(store), lambda key: backend.write(key, b"{", None))


def _fallback(request: pytest.FixtureRequest, half: Any, drive: Drive) -> Place:
    mapping: dict[str, Any] = {}
    boxes = half.in_memory_storage(mapping)
    store = drive(half.with_fallback_storages([boxes, half.in_memory_storage()]))
    return Place(store, lambda key: mapping.update({key: {"data": {"a", "set"}}}))


PLACES = {
    "memory": _memory,
    "mapping": _mapping,
    "redis": _redis,
    "client": _client,
    "sqlite": _sqlite,
    "cloudflare": _cloudflare,
    "fallback": _fallback,
}


def _namespace(half: Any, kv: KvServer, **options: Any) -> Any:
    colour = storage if half is BLOCKING else storage.aio
    return colour.CloudflareStorage(kv.account, kv.namespace, kv.token, base_url=kv.url, **options)


def sql(file: Path, text: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection, connection:
        return connection.execute(text, values).fetchall()


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.server] if name == "redis" else []) for name in PLACES
    ]
)
def place(request: pytest.FixtureRequest, half: Any, kv: KvServer, drive: Drive) -> Place:
    return PLACES[request.param](request, half, drive)


def test_what_is_falsy_is_a_value(place: Place) -> None:
    store = place.store
    for key, value in FALSY.items():
        store.set(key, value)

        assert store.get(key, "none") == value
        assert type(store.get(key, "none")) is type(value)
        assert store.has(key)
    assert store.get_many([*FALSY, "missing"]) == FALSY


def test_a_deletion_says_whether_something_was_there(place: Place) -> None:
    store = place.store
    store.set("k", None)

    assert [store.delete("k"), store.delete("k"), store.delete("missing")] == [True, False, False]
    assert (store.has("k"), store.get("k", "none")) == (False, "none")
    store.set_many({"a": 0, "b": False})
    assert store.delete_many(["a", "b", "c"]) == 2


def test_what_can_not_be_read_is_named_by_its_key_and_stays(place: Place) -> None:
    store = place.store
    store.has("the table is made")
    place.spoil("broken")
    store.set("fine", 1)

    with pytest.raises(CorruptValueError, match="'broken'") as caught:
        store.get("broken")
    assert caught.value.key == "broken"
    with pytest.raises(CorruptValueError):
        store.get_many(["fine", "broken"])
    assert store.has("broken")
    if store.capabilities.iteration:
        assert list(store.items(on_corrupt="skip")) == [("fine", 1)]
        assert sorted(store.keys()) == ["broken", "fine"]
    assert store.delete("broken") is True
    assert store.has("broken") is False


def test_a_value_is_a_copy_on_the_way_in_and_out(place: Place) -> None:
    value = {"list": [1]}
    place.store.set("k", value)
    value["list"].append(2)
    place.store.get("k")["list"].append(3)

    assert place.store.get("k") == {"list": [1]}


@pytest.mark.parametrize("key", [1, None, b"k", ["k"]])
def test_a_key_is_a_text(place: Place, key: Any) -> None:
    for call in (place.store.get, place.store.has, place.store.delete):
        with pytest.raises(storage.InvalidKeyError):
            call(key)


# In memory.


def test_the_callers_mapping_is_used_and_seen(half: Any, drive: Drive) -> None:
    mapping: dict[str, Any] = {"there": {"data": {"n": 1}}, "odd": {"data": None, "more": 1}}
    store = drive(half.in_memory_storage(mapping))

    assert (store.get("there"), store.get("odd", "none")) == ({"n": 1}, None)
    store.set("~new", [0])
    store.namespace("cart").set("5", False)
    assert store.update("there", lambda value: {"n": value["n"] + 1}) == {"n": 2}
    assert store.incr("hits") == 1
    assert mapping == {
        "there": {"data": {"n": 2}},
        "odd": {"data": None, "more": 1},
        "~new": {"data": [0]},
        "cart:5": {"data": False},
        "hits": {"data": 1},
    }
    del mapping["there"]
    assert store.has("there") is False
    store.close()
    assert len(mapping) == 4


@pytest.mark.parametrize("foreign", [3, None, {}, {"value": 1}, ["data"], "data"])
def test_what_is_no_box_is_corrupt_and_can_be_taken_away(
    half: Any, drive: Drive, foreign: Any
) -> None:
    mapping = {"k": foreign, "fine": {"data": 1}}
    store = drive(half.in_memory_storage(mapping))

    with pytest.raises(CorruptValueError, match="data"):
        store.get("k")
    with pytest.raises(CorruptValueError):
        store.update("k", lambda value: value)
    assert mapping["k"] == foreign
    assert dict(store.items(on_corrupt="skip")) == {"fine": 1}
    assert store.delete("k") is True
    assert mapping == {"fine": {"data": 1}}


def test_several_threads_lose_no_change_in_a_mapping() -> None:
    mapping: dict[str, Any] = {}
    store = BLOCKING.in_memory_storage(mapping)

    def count() -> None:
        for _ in range(200):
            store.update("k", lambda value: value + 1, default=0)
            store.incr("other")

    crowd([count] * 4)

    assert mapping == {"k": {"data": 800}, "other": {"data": 800}}


@pytest.mark.parametrize("thing", [[], "text", 5, object()])
def test_a_storage_in_memory_wants_a_mapping(half: Any, thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="mutable"):
        half.in_memory_storage(thing)


def test_nothing_ends_in_a_mapping(half: Any, drive: Drive) -> None:
    store = drive(half.in_memory_storage({}))

    with pytest.raises(UnsupportedError):
        store.set("k", 1, ttl=5)
    assert store.expires_at("k") is MISSING


# On Redis.


def _options(server: Server, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port, **more}


@pytest.mark.server
@pytest.mark.parametrize("said", ["ttl", "$ttl", "url"])
def test_what_options_say_is_done(half: Any, drive: Drive, server: Server, said: str) -> None:
    if said == "ttl":
        store = half.redis_storage(_options(server, db=2, key_prefix="pp:"), ttl=10)
    elif said == "$ttl":
        store = half.redis_storage({**_options(server, db=2, keyPrefix="pp:"), "$ttl": 10})
    else:
        url = f"redis://127.0.0.1:{server.port}/2"
        store = half.redis_storage({"url": url, "$ttl": 10, "keyPrefix": "pp:"})
    drive(store).set("k", {"n": 1})

    with redis.Redis(port=server.port, db=2) as client:
        assert client.get("pp:k") == b'{"n":1}'
        assert 9_000 < client.pttl("pp:k") <= 10_000


@pytest.mark.server
def test_a_lifetime_of_whole_seconds_is_that_of_setex(
    half: Any, drive: Drive, server: Server
) -> None:
    """To GramIO 0 is no lifetime, and a part of a second is refused by its server."""
    server.call("SETEX", "theirs", 60, "1")
    drive(half.redis_storage({**_options(server), "$ttl": 60})).set("ours", 1)
    drive(half.redis_storage({**_options(server), "$ttl": 0})).set("for ever", 1)
    drive(half.redis_storage(server.url, ttl=1.5)).set("brief", 1)

    assert abs(server.call("PTTL", "theirs") - server.call("PTTL", "ours")) < 1000
    assert server.call("PTTL", "for ever") == -1
    assert 1000 < server.call("PTTL", "brief") <= 1500


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"hots": "x"}, "hots"),
        ({"host": "x", "retryStrategy": None, "lazyConnect": True}, "lazyConnect, retryStrategy"),
        ({"single_connection_client": True}, "single_connection_client"),
        ({"connection_pool": None}, "connection_pool"),
        ({"port": "6379"}, "port"),
        ({"db": True}, "db"),
        ({"host": 5}, "host must be a str"),
        ({"socket_timeout": "5"}, "socket_timeout must be positive seconds"),
        ({"socket_connect_timeout": 0}, "socket_connect_timeout must be positive seconds"),
        ({"retry": 3}, "retry must be a Retry"),
        ({"keyPrefix": 5}, "keyPrefix must be a str, not int"),
        ({"$ttl": 5, "keyPrefix": "a", "key_prefix": "a"}, "twice"),
        ({"url": "redis://x", "db": 1}, "url"),
        ({"url": None}, "url"),
        ({"url": "http://x"}, "begins with"),
        ({"max_connections": -1}, "ValueError"),
    ],
)
def test_options_that_nobody_knows_are_refused(
    half: Any, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        half.redis_storage({**options, "password": SECRET} if "url" not in options else options)
    assert SECRET not in f"{caught.value} {caught.value.__cause__} {caught.value!r}"


@pytest.mark.parametrize("ttl", [-1, float("nan"), True, False, "5"])
def test_a_lifetime_of_options_is_checked(half: Any, ttl: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"ttl"):
        half.redis_storage({"$ttl": ttl})


def test_a_lifetime_and_a_prefix_are_said_once(half: Any) -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        half.redis_storage({"$ttl": 5}, ttl=5)
    with pytest.raises(ConfigurationError, match="twice"):
        half.redis_storage({"keyPrefix": "a:"}, key_prefix="b:")
    with pytest.raises(ConfigurationError, match="twice"):
        half.sqlite_storage({"filename": "x", "$ttl": 5}, ttl=5)


def test_what_is_none_is_not_said(half: Any) -> None:
    """As `undefined` is to GramIO."""
    shown = repr(half.redis_storage({"keyPrefix": None, "$ttl": None}))
    assert shown == repr(half.redis_storage({}))
    named = half.redis_storage({"keyPrefix": None}, key_prefix="pp:")
    assert named._layers.names.prefix == "pp:"
    with pytest.raises(ConfigurationError, match="key_prefix must be a str, not NoneType"):
        half.redis_storage("redis://localhost", key_prefix=None)


@pytest.mark.server
def test_no_password_is_shown(half: Any, drive: Drive, server: Server) -> None:
    options = _options(server, username="nobody", password=SECRET)
    base = half.redis_storage(options)
    store = drive(base)

    with pytest.raises(storage.StorageError) as caught:
        store.get("k")
    shown = [repr(base), str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
    assert not any(SECRET in text for text in shown)
    assert options["password"] == SECRET


@pytest.mark.server
def test_what_was_connected_here_is_closed_and_a_client_stays_open(
    half: Any, colour: Any, bridge: Bridge, drive: Drive, server: Server
) -> None:
    def connected() -> int:
        return int(server.call("CLIENT", "LIST").count(b"name=here"))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = drive(half.redis_storage(_options(server, client_name="here")))
        store.set("k", 1)
        assert connected() == 1
        store.close()
        gc.collect()
    assert connected() == 0

    library = redis if colour is storage else redis.asyncio
    client = library.Redis(port=server.port, client_name="here")
    driven = bridge.driven(client)
    store = drive(half.redis_storage(client))
    store.set("k", 2)
    store.close()
    assert driven.get("k") == b"2"
    getattr(driven, "close" if colour is storage else "aclose")()


@pytest.mark.server
def test_a_client_of_any_make_is_taken(half: Any, drive: Drive, server: Server) -> None:
    store = drive(half.redis_storage(OnServer(server), ttl=60))

    store.set("k", [0])
    assert (server.call("GET", "k"), store.get("k")) == (b"[0]", [0])
    assert 0 < server.call("PTTL", "k") <= 60_000
    with pytest.raises(ConfigurationError):
        half.redis_storage(object())


# What `set(undefined)` leaves on Redis.


@pytest.fixture(params=["redis-py", "any"])
def undefined(
    request: pytest.FixtureRequest, half: Any, drive: Drive, server: Server
) -> tuple[Any, Any]:
    """A storage, and what is under its key `k`: an empty string."""
    place = server.url if request.param == "redis-py" else OnServer(server)
    server.call("SET", "k", "")
    return drive(half.redis_storage(place)), lambda: server.call("GET", "k")


@pytest.mark.server
def test_undefined_is_no_value_and_can_be_deleted(undefined: Any) -> None:
    store, raw = undefined

    assert (store.get("k"), store.get("k", 5), store.has("k")) == (None, 5, False)
    assert store.get_many(["k"]) == {}
    assert store.swap("k", None, 1) is False
    if store.capabilities.iteration:
        assert list(store.items()) == []
    assert raw() == b""
    assert (store.delete("k"), store.delete("k")) == (True, False)
    assert raw() is None


@pytest.mark.server
def test_undefined_does_not_end_and_is_not_touched(
    half: Any, bridge: Bridge, drive: Drive, server: Server
) -> None:
    server.call("SET", "k", "")
    server.call("SET", "five", "5")
    base = half.redis_storage(server.url)
    store, backend = drive(base), bridge.driven(base._backend)

    assert (store.expires_at("k"), store.expires_at("five")) == (MISSING, None)
    assert backend.ends_many(["k", "five", "missing"]) == [MISSING, None, MISSING]
    assert (store.touch("k"), store.touch("k", ttl=5), store.touch("five")) == (False, False, True)
    assert int(server.call("PTTL", "k")) == -1
    assert backend.restore([("k", b"6", None), ("five", b"7", None)], False) == 1
    assert (server.call("GET", "k"), server.call("GET", "five")) == (b"6", b"5")


CHANGES: dict[str, tuple[Callable[[Any], object], object, bytes | None]] = {
    "set": (lambda store: store.set("k", 1), None, b"1"),
    "add": (lambda store: store.add("k", 1), True, b"1"),
    "swap": (lambda store: store.swap("k", MISSING, 1), True, b"1"),
    "incr": (lambda store: store.incr("k", initial=4), 5, b"5"),
    "update": (lambda store: store.update("k", lambda n: n + 1, default=1), 2, b"2"),
    "get_or_set": (lambda store: store.get_or_set("k", lambda: 7), 7, b"7"),
    "keep": (lambda store: store.set("k", 1, ttl=KEEP), None, b"1"),
    "delete": (lambda store: store.update("k", lambda _: DELETE, default=1), DELETE, b""),
}


@pytest.mark.server
@pytest.mark.parametrize("change", CHANGES)
def test_undefined_gives_way_to_what_is_written(undefined: Any, change: str) -> None:
    store, raw = undefined
    act, answer, left = CHANGES[change]

    assert act(store) == answer
    assert raw() == left


@pytest.mark.server
def test_a_number_is_not_counted_on_where_there_is_another_value(undefined: Any) -> None:
    store, raw = undefined
    store.set("k", "five")

    with pytest.raises(storage.WrongTypeError):
        store.incr("k")
    assert raw() == b'"five"'


@pytest.mark.server
def test_a_session_begins_where_undefined_was_left(
    half: Any, bridge: Bridge, drive: Drive, server: Server
) -> None:
    server.call("SET", "123", "")
    base = half.redis_storage(server.url)
    drive(base)
    sessions = bridge.driven(half.session(storage=base, initial=lambda: {"n": 0}))

    with sessions.open("123") as session:
        session["n"] += 1
    assert server.call("GET", "123") == b'{"n":1}'


# In SQLite.


def test_options_of_a_table_are_those_of_gramio(half: Any, drive: Drive, file: Path) -> None:
    clock = Clock(1_700_000_000.5)
    options = {"filename": file, "$ttl": 60, "tableName": "bot"}
    store = drive(half.sqlite_storage(options, clock=clock))
    store.set("k", 42)
    assert sql(file, "SELECT * FROM bot") == [("k", "42", 1_700_000_061)]

    connection = sqlite3.connect(file, check_same_thread=False)
    lasting = drive(half.sqlite_storage({"db": connection, "table_name": "bot"}, clock=clock))
    lasting.set("k", 43)
    lasting.close()
    assert connection.execute("SELECT * FROM bot").fetchall() == [("k", "43", None)]
    connection.close()

    with pytest.raises(ConfigurationError, match="readOnly"):
        half.sqlite_storage({"filename": file, "readOnly": True})
    with pytest.raises(ConfigurationError):
        half.sqlite_storage({"filename": file, "db": file})
    with pytest.raises(ConfigurationError):
        half.sqlite_storage({})


@pytest.mark.parametrize("mode", ["delete", "memory", "wal"])
def test_a_callers_handle_keeps_its_journal(half: Any, drive: Drive, file: Path, mode: str) -> None:
    connection = sqlite3.connect(file, check_same_thread=False)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    store = drive(half.sqlite_storage(connection))
    store.set("k", 1)
    store.close()

    assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)
    connection.close()


def test_a_row_that_ends_between_two_seconds_is_read_as_it_was_meant(
    half: Any, drive: Drive, file: Path
) -> None:
    """GramIO writes a `$ttl` of 1.5 as it is, and its clock tells whole seconds."""
    clock = Clock(1_700_000_001.0)
    store = drive(half.sqlite_storage(file, clock=clock))
    store.has("the table is made")
    sql(file, "INSERT INTO gramio_storage VALUES ('k', '1', 1700000001.5)")

    assert store.get("k") == 1
    assert store.expires_at("k").timestamp() == 1_700_000_002
    clock.tick(1)
    assert (store.get("k"), store.has("k"), list(store.keys())) == (None, False, [])


# On Cloudflare's KV.


def test_keys_lie_on_kv_as_they_are(half: Any, drive: Drive, kv: KvServer) -> None:
    namespace = _namespace(half, kv, prefix="bot:")
    base = drive(namespace)
    store = drive(half.cloudflare_storage(namespace))
    store.set("~k", {"é": [None]})
    store.namespace("cart").set("5", 0)

    assert {name: (one.value, one.metadata, one.expiration) for name, one in kv.stored.items()} == {
        "bot:~k": ('{"é":[null]}'.encode(), None, None),
        "bot:cart:5": (b"0", None, None),
    }
    assert sorted(store.keys()) == ["cart:5", "~k"]
    store.close()
    base.set("k", 1)
    assert base.get("k") == 1


def test_a_lifetime_on_kv_is_that_which_is_said(half: Any, drive: Drive, kv: KvServer) -> None:
    namespace = _namespace(half, kv, ttl=90)
    drive(namespace)

    drive(half.cloudflare_storage(namespace)).set("theirs", 1)
    drive(half.cloudflare_storage(namespace, ttl=None)).set("none", 1)
    drive(half.cloudflare_storage(namespace, ttl=300)).set("ours", 1)
    ends = {name: one.expiration for name, one in kv.stored.items()}
    assert ends["none"] is None
    assert 200 < ends["ours"] - ends["theirs"] < 220


def test_a_step_on_kv_is_refused(half: Any, drive: Drive, kv: KvServer) -> None:
    namespace = _namespace(half, kv)
    drive(namespace)
    store = half.cloudflare_storage(namespace)

    with pytest.raises(UnsupportedError):
        drive(store).update("k", lambda value: value, default=0)
    with pytest.raises(UnsupportedError):
        half.session(storage=store)
    with pytest.raises(UnsupportedError):
        half.rate_limit(storage=store)
    assert kv.requests == []


class Binding:
    """A namespace as a Worker has it."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def get(self, key: str, *_: Any, **__: Any) -> Any:
        return self.values.get(key)

    async def put(self, key: str, value: Any, *_: Any, **__: Any) -> None:
        self.values[key] = value

    async def delete(self, key: str) -> None:
        self.values.pop(key, None)

    async def list(self, *_: Any, **__: Any) -> Any:
        return {"keys": [{"name": name} for name in sorted(self.values)], "list_complete": True}


def test_a_binding_belongs_into_the_asyncio_half(drive: Drive) -> None:
    binding = Binding()
    with pytest.raises(ConfigurationError):
        BLOCKING.cloudflare_storage(binding)
    store = drive(storage.aio.compat.gramio.cloudflare_storage(binding))

    store.set("k", None)
    assert (store.get("k", 1), store.delete("k"), store.delete("k")) == (None, True, False)


@pytest.mark.parametrize("thing", [None, "name", {}, object()])
def test_a_namespace_is_one_of_kv(half: Any, thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="CloudflareStorage"):
        half.cloudflare_storage(thing)
