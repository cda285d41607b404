"""Golden strings of puregram on a real server: what it writes is read as it was meant, and what we
write is what it would write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage.aio.compat.puregram
import storage.compat.puregram
from storage import KEEP, ConfigurationError, CorruptValueError, InvalidKeyError, MigrationError
from storage.testing import Bridge
from tests.servers import Server

pytestmark = pytest.mark.timed

HALVES = [storage.compat.puregram, storage.aio.compat.puregram]
GOLDEN: dict[str, tuple[str, int | None]] = json.loads(
    (Path(__file__).parent / "puregram.json").read_text(encoding="utf-8")
)["entries"]
PREFIX = "puregram:"

MEANT: dict[str, Any] = {
    "user:1:chat:3": {"counter": 1},
    "user:2:chat:3": {"x": "v", "__ttl": {"x": {"t": 1000, "at": 1700000000000}}},
    "default:77": {"hits": 1, "resetAt": 1060000},
    "42:/img/a.jpg": "AgACAgIAAxkBAAI",
    "100:9:message": {
        "id": "ask",
        "kind": "message",
        "chatId": 100,
        "fromId": 9,
        "attempts": 0,
        "createdAt": 1700000000000,
    },
    "zero": 0,
    "negative": -7,
    "half": 1.5,
    "sum": 0.1 + 0.2,
    "huge": 1e21,
    "long": 10**20,
    "tiny": 1e-7,
    "minus zero": 0,
    "safe": 2**53 - 1,
    "not a number": None,
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": "",
    "digits": "42",
    "text": 'it\'s "é" 😀',
    "separator": "\u2028",
    "surrogate": "\ud83d",
    "control": "\0\x1f\n\\/\x7f",
    "date": "1970-01-01T00:00:00.000Z",
    "map": {},
    "dropped": {"a": 1},
    "holes": [None, None, None],
    "numbered": {"2": 3, "10": 2, "b": 1},
    "empties": [{}, []],
    "": "the empty key",
    "~tilde": 1,
    "~~": 2,
    "a*[b]?\\": 3,
    "ключ 😀": 4,
    "enhanced": {"__v": 2, "data": {"counter": 1}},
    "enhanced 0": {"__v": 0, "data": "Ann"},
    "enhanced until": {"__v": 2, "data": {"counter": 1}, "__exp": 1718000000000},
    "enhanced until a fraction": {"__v": 2, "data": [], "__exp": 1718000000000.5},
}
"""What the golden strings mean, but for the one that means nothing."""

SPELLED_IN_PYTHON = {"tiny": "1e-07"}
"""A float that both sides read alike and write in their own ways."""

NOT_WRITTEN = {"long"}
"""What JavaScript would not read as the same number."""


@pytest.fixture(autouse=True)
def server(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture(params=HALVES, ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def driven(half: Any) -> Iterator[Callable[[Any], Any]]:
    with Bridge() as bridge:
        stores = []

        def drive(store: Any) -> Any:
            stores.append(bridge.driven(store))
            return stores[-1]

        yield drive
        for store in stores:
            store.close()


@pytest.fixture
def opened(half: Any, driven: Callable[[Any], Any], server: Server) -> Callable[..., Any]:
    return lambda **options: driven(half.RedisStorage(client=server.url, **options))


@pytest.fixture
def theirs(server: Server) -> None:
    """What puregram has left on the server."""
    for name, (raw, ttl_ms) in GOLDEN.items():
        server.call("SET", name, raw, *([] if ttl_ms is None else ["PX", ttl_ms]))


def shown(value: object) -> str:
    """A value with its types: 1 is not 1.0 here, nor True."""
    return repr(value)


@pytest.mark.usefixtures("theirs")
def test_what_puregram_wrote_reads_as_it_was_meant(opened: Callable[..., Any]) -> None:
    store = opened()

    assert {PREFIX + key for key in MEANT} | {f"{PREFIX}undefined"} == GOLDEN.keys()
    for key, value in MEANT.items():
        assert shown(store.get(key)) == shown(value), key
        assert store.has(key)
    found = dict(store.items(on_corrupt="skip"))
    assert shown(sorted(found.items())) == shown(sorted(MEANT.items()))
    assert sorted(store.keys()) == sorted([*MEANT, "undefined"])


@pytest.mark.usefixtures("theirs")
def test_nothing_that_was_set_is_corrupt_and_not_missing(
    opened: Callable[..., Any], server: Server
) -> None:
    """`set(undefined)` leaves an empty string."""
    store = opened()

    for read in (store.get, lambda key: store.update(key, lambda value: value)):
        with pytest.raises(CorruptValueError) as caught:
            read("undefined")
        assert caught.value.key == "undefined"
    assert server.call("GET", "puregram:undefined") == b""
    assert store.has("undefined") is True
    assert store.delete("undefined") is True
    assert server.call("EXISTS", "puregram:undefined") == 0


def test_what_we_write_is_what_puregram_would_write(
    opened: Callable[..., Any], server: Server
) -> None:
    store = opened()
    for key in MEANT.keys() - NOT_WRITTEN:
        raw, ttl_ms = GOLDEN[PREFIX + key]
        store.set(key, MEANT[key], ttl=None if ttl_ms is None else ttl_ms / 1000)

        expected = SPELLED_IN_PYTHON.get(key, raw)
        assert server.call("GET", PREFIX + key).decode() == expected, key
        left = server.call("PTTL", PREFIX + key)
        assert left == -1 if ttl_ms is None else ttl_ms - 1000 < left <= ttl_ms


@pytest.mark.usefixtures("theirs")
def test_what_puregram_wrote_can_be_changed_and_its_lifetime_stays(
    opened: Callable[..., Any], server: Server
) -> None:
    store = opened(ttl=60)

    assert store.update("user:1:chat:3", lambda user: {**user, "seen": True}) == {
        "counter": 1,
        "seen": True,
    }
    assert store.incr("default:78", initial=1, ttl=KEEP) == 2
    assert store.incr("zero") == 1
    assert store.swap("text", MEANT["text"], "new") is True
    with store.edit("dropped") as draft:
        draft["b"] = 2

    assert server.call("GET", "puregram:user:1:chat:3") == b'{"counter":1,"seen":true}'
    assert 0 < server.call("PTTL", "puregram:user:1:chat:3") <= 5000
    assert server.call("GET", "puregram:dropped") == b'{"a":1,"b":2}'
    assert [server.call("PTTL", f"puregram:{key}") for key in ("zero", "text", "dropped")] == [
        *(-1, -1, -1)
    ]


def test_spaces_and_escapes_of_other_writers_are_read_and_left(
    opened: Callable[..., Any], server: Server
) -> None:
    foreign = b' { "b" : 2.0,\n "a" : "\\u00e9" } '
    server.call("SET", "puregram:k", foreign)
    store = opened()

    assert store.update("k", lambda value: {**value}) == {"b": 2.0, "a": "é"}
    assert server.call("GET", "puregram:k") == foreign


def test_the_commands_are_those_of_puregram(opened: Callable[..., Any], server: Server) -> None:
    store, lasting = opened(), opened(ttl=5)
    with server.counted() as calls:
        lasting.set("user:1:chat:3", {"counter": 1})
        store.set("k", 1)
        store.get("k")
        store.has("k")
        lasting.touch("k")

    words = [b" ".join(call.words).decode() for call in calls.everything]
    assert [said for said in words if "puregram:" in said] == [
        'SET puregram:user:1:chat:3 {"counter":1} PX 5000',
        "SET puregram:k 1",
        "GET puregram:k",
        "EXISTS puregram:k",
        "PEXPIRE puregram:k 5000",
    ]


def test_lifetimes_are_those_of_the_server(opened: Callable[..., Any], server: Server) -> None:
    store, lasting = opened(), opened(ttl=0.5)

    lasting.set("k", 1)
    assert 0 < server.call("PTTL", "puregram:k") <= 500
    store.touch("k")
    assert 0 < server.call("PTTL", "puregram:k") <= 500
    store.set("k", 2)
    assert server.call("PTTL", "puregram:k") == -1
    lasting.touch("k")
    assert 0 < server.call("PTTL", "puregram:k") <= 500
    lasting.set("k", 3, ttl=None)
    assert server.call("PTTL", "puregram:k") == -1


# Versioned records.


def guest(user: Any) -> Any:
    return {**user, "role": "guest"}


def counting(user: Any) -> Any:
    return {**user, "counter": user.get("counter", 0)}


MIGRATIONS = {1: guest, 2: counting}


@pytest.fixture
def enhanced(half: Any, driven: Callable[[Any], Any], server: Server) -> Callable[..., Any]:
    """Makes a store of records over one on the server."""

    def make(ttl: float | None = None, **options: Any) -> Any:
        base = driven(half.RedisStorage(server.url, ttl=ttl))
        inner = getattr(base, "_thing", base)
        return driven(half.enhance_storage(inner, migrations=MIGRATIONS, **options))

    return make


def test_a_record_is_written_as_puregram_writes_it(
    enhanced: Callable[..., Any], server: Server
) -> None:
    enhanced().set("a", {"counter": 1})
    enhanced(ttl=60).set("b", {"counter": 1})

    assert server.call("GET", "puregram:a") == b'{"__v":2,"data":{"counter":1}}'
    assert server.call("PTTL", "puregram:a") == -1
    assert server.call("GET", "puregram:b") == b'{"__v":2,"data":{"counter":1}}'
    assert 50_000 < server.call("PTTL", "puregram:b") <= 60_000


def test_the_end_of_a_record_stands_last(enhanced: Callable[..., Any], server: Server) -> None:
    enhanced(millisecond_precision=True).set("k", [1], ttl=60)

    raw = server.call("GET", "puregram:k").decode()
    end = json.loads(raw)["__exp"]
    assert raw == f'{{"__v":2,"data":[1],"__exp":{end}}}'
    assert 50_000 < server.call("PTTL", "puregram:k") <= 60_000


@pytest.mark.usefixtures("theirs")
def test_a_record_that_puregram_wrote_is_read(enhanced: Callable[..., Any], server: Server) -> None:
    store = enhanced()

    assert store.get("enhanced") == {"counter": 1}
    assert store.get("user:1:chat:3") == {"counter": 1, "role": "guest"}
    assert store.get("enhanced until") is None  # which was in 2024
    assert server.call("EXISTS", "puregram:enhanced until") == 0
    assert server.call("GET", "puregram:user:1:chat:3") == (
        b'{"__v":2,"data":{"counter":1,"role":"guest"}}'
    )
    assert 0 < server.call("PTTL", "puregram:user:1:chat:3") <= 5000


@pytest.mark.parametrize("end", [b"4102444800000", b"4102444800000.5"])
def test_the_end_that_a_record_carries_stays_with_it(
    enhanced: Callable[..., Any], server: Server, end: bytes
) -> None:
    """Over a migration: it is rounded up to a whole millisecond."""
    server.call("SET", "puregram:k", b'{"__v":1,"data":{"a":1},"__exp":%b}' % end)

    assert enhanced(millisecond_precision=True).get("k") == {"a": 1, "counter": 0}

    kept = b"4102444800001" if b"." in end else end
    expected = b'{"__v":2,"data":{"a":1,"counter":0},"__exp":%b}' % kept
    assert server.call("GET", "puregram:k") == expected


def test_data_of_newer_code_is_refused_unless_it_is_asked_for(
    enhanced: Callable[..., Any], server: Server
) -> None:
    newer = b'{"__v":3,"data":{"counter":{"n":1}}}'
    server.call("SET", "puregram:k", newer)

    with pytest.raises(MigrationError) as caught:
        enhanced().get("k")
    assert (caught.value.key, caught.value.version) == ("k", 3)
    assert enhanced(on_newer="read").get("k") == {"counter": {"n": 1}}
    assert server.call("GET", "puregram:k") == newer


# Names.


def test_keys_and_namespaces_are_plain_text_under_the_prefix(
    opened: Callable[..., Any], server: Server
) -> None:
    store = opened()
    store.set("~tilde", 1)
    store.namespace("carts").set("ann", 2)
    opened(prefix="pg:").set("k", 3)

    names = {b"puregram:~tilde", b"puregram:carts:ann", b"pg:k"}
    assert set(server.call("KEYS", "*")) == names
    assert store.get("carts:ann") == 2
    assert (store.key_prefix, opened(prefix="pg:").key_prefix) == ("puregram:", "pg:")


def leases(half: Any) -> Any:
    """The protocol of leases, in the colour of *half*."""
    return (storage if half is storage.compat.puregram else storage.aio).LeaseStore


def use(room: Any, *keys: str) -> None:
    """A lease that is held, one that is waited for, and a claim, of each of *keys*."""
    for key in keys:
        for token in ("ann", "bob"):
            room.acquire(key, token, 60_000, 60_000)
        assert room.claim(key, "ann", 60_000) == "taken"


@pytest.mark.parametrize("prefix", ["puregram:", "{bot}:", "a{b", "~", ""])
def test_leases_and_claims_are_no_entries(
    half: Any, opened: Callable[..., Any], server: Server, prefix: str
) -> None:
    """Neither for us nor, where there is a prefix, for who asks for `KEYS prefix*`."""
    store = opened(prefix=prefix)
    store.set("k", 1)
    use(store.room(leases(half)), "k", "{tag}")

    assert list(store.keys()) == ["k"]
    assert list(store.entries()) == [("k", 1)]
    if prefix not in ("", "~"):
        assert server.call("KEYS", f"{prefix}*") == [f"{prefix}k".encode()]
    assert len(server.call("KEYS", "~lease~*{*")) >= 6
    assert set(server.call("KEYS", "~claim~*")) == {
        f"~claim~{prefix}{key}".encode() for key in ("k", "{tag}")
    }


@pytest.mark.parametrize("name", ["~lease~", "~claim~a"])
def test_a_prefix_can_not_be_that_of_a_lease(
    half: Any, opened: Callable[..., Any], name: str
) -> None:
    with pytest.raises(ConfigurationError, match="begin with"):
        half.RedisStorage("redis://localhost", prefix=name)
    with pytest.raises(ConfigurationError, match="begin with"):
        opened(prefix="").namespace(name)


def test_clear_leaves_leases_and_claims_alone(
    half: Any, opened: Callable[..., Any], server: Server
) -> None:
    store = opened()
    store.set("k", 1)
    use(store.room(leases(half)), "k")

    assert store.clear() == 1
    assert len(server.call("KEYS", "*")) == 4


@pytest.mark.parametrize("prefix", ["", "~", "~lea"])
def test_leases_and_claims_that_lie_between_the_entries_are_not_cleared(
    half: Any, opened: Callable[..., Any], server: Server, prefix: str
) -> None:
    store = opened(prefix=prefix)
    store.set_many({f"k{number}": number for number in range(1100)})
    use(store.room(leases(half)), "k")

    assert store.clear(everything=True) == 1100
    assert list(store.keys()) == []
    assert len(server.call("KEYS", "*")) == 4


@pytest.mark.parametrize("key", ["~lease~{k}:held", "~claim~k"])
def test_a_key_can_not_be_that_of_a_lease(half: Any, opened: Callable[..., Any], key: str) -> None:
    between, apart = opened(prefix=""), opened()

    with pytest.raises(InvalidKeyError, match="begin with"):
        between.set(key, 1)
    with pytest.raises(InvalidKeyError, match="begin with"):
        opened(prefix="~").set(key[1:], 1)
    apart.set(key, 1)
    between.set("~k", 2)

    assert apart.get(key) == 1
    assert dict(between.items("~")) == {"~k": 2}


def test_one_entry_has_one_lease_by_whatever_name(
    half: Any, opened: Callable[..., Any], server: Server
) -> None:
    """A namespace is a view, and so is a longer prefix."""
    store, kind = opened(), leases(half)
    rooms = [
        (store.room(kind), "carts:ann"),
        (store.namespace("carts").room(kind), "ann"),
        (opened(prefix="puregram:carts:").room(kind), "ann"),
    ]

    turns = [room.acquire(key, str(n), 60_000, 0) for n, (room, key) in enumerate(rooms)]

    assert [turn.granted for turn in turns] == [True, False, False]
    assert [room.claim(key, str(number), 60_000) for number, (room, key) in enumerate(rooms)] == [
        *("taken", "busy", "busy")
    ]
