"""What VibeGram proves of the memory of its Codex, as laws of ours, and where ours differs on
purpose."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage
import storage.aio
import storage.aio.compat.vibegram
import storage.compat.vibegram
from storage import (
    ClosedError,
    ConfigurationError,
    InvalidKeyError,
    StorageError,
    UnstorableError,
    UnsupportedError,
)
from storage.compat.vibegram import MemoryCodexStore, RedisStoreParseError
from storage.core.codex import Arrays
from storage.testing import Bridge, Clock
from tests.contract.clients import InSeconds, OneStep, TwoSteps
from tests.servers import Server

BLOCKING = storage.compat.vibegram
AIO = storage.aio.compat.vibegram
PREFIX = "vibegram:codex:"
KEY = "user:42"


def said(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": text}


def told(*words: str) -> list[dict[str, Any]]:
    """Messages by their texts; those that begin with S are of the system."""
    return [said(word, "system" if word.startswith("S") else "user") for word in words]


def words(messages: Any) -> str:
    return ",".join(message["content"] for message in messages)


def theirs(kept: list[Any], message: Any, most: int) -> list[Any]:
    """What VibeGram makes of *kept*; of the last none it takes all."""
    kept = [*kept, message]
    if len(kept) <= most:
        return kept
    system = kept[:1] if kept[0]["role"] == "system" else []
    return [*system, *kept[-(most - len(system)) :]]


def written(*messages: Any) -> str:
    return json.dumps(messages, separators=(",", ":"), ensure_ascii=False)


@pytest.fixture(params=[BLOCKING, AIO], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def memory(half: Any, drive: Callable[[Any], Any], clock: Clock) -> Callable[..., Any]:
    return lambda *args, **options: drive(half.MemoryCodexStore(*args, clock=clock, **options))


@pytest.fixture
def by(half: Any, drive: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda client, **options: drive(half.RedisCodexMemoryStore(client, **options))


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture(params=["memory", "one step", "two steps", "in seconds", "dict", "sqlite", "url"])
def made(
    request: pytest.FixtureRequest,
    half: Any,
    drive: Callable[[Any], Any],
    memory: Callable[..., Any],
    by: Callable[..., Any],
    clock: Clock,
    file: Path,
) -> Callable[..., Any]:
    """Makes stores of one kind."""
    clients = {"one step": OneStep, "two steps": TwoSteps, "in seconds": InSeconds}
    if request.param == "memory":
        return memory
    if request.param == "dict":
        return lambda *args, **options: drive(half.CodexStore({}, *args, **options))
    if request.param == "sqlite":
        home = storage if half is BLOCKING else storage.aio
        store = home.open(f"sqlite:///{file}")
        drive(store)
        return lambda *args, **options: drive(half.CodexStore(store, *args, **options))
    if request.param == "url":
        place: Any = request.getfixturevalue("server").url
    else:
        place = clients[request.param](clock)
    return lambda most=20, ttl=None: by(place, max_history=most, ttl=ttl)


# What stays.


@pytest.mark.parametrize(
    ("most", "messages", "kept"),
    [
        (4, "S,1,2,3,4", "S,2,3,4"),
        (3, "S,1,2,3,4", "S,3,4"),
        (2, "S,1,2,3,4", "S,4"),
        (5, "S,1,2,3,4", "S,1,2,3,4"),
        (4, "S1,S2,1,2,3", "S1,1,2,3"),
        (3, "1,S,2,3", "S,2,3"),
        (3, "1,S,2,3,4,5", "S,4,5"),
        (2, "1,S,2,3,4,5", "S,5"),
        (1, "1,2,3", "3"),
        (1, "1,S", "S"),
    ],
)
def test_the_oldest_go_and_a_first_one_of_the_system_stays(
    made: Callable[..., Any], most: int, messages: str, kept: str
) -> None:
    one_by_one, at_once = made(most), made(most)
    for message in told(*messages.split(",")):
        one_by_one.append("one by one", message)
    at_once.append_many("at once", iter(told(*messages.split(","))))

    assert words(one_by_one.list("one by one")) == kept
    assert words(at_once.list("at once")) == kept


def test_of_one_message_that_is_of_the_system_there_never_become_more(
    made: Callable[..., Any],
) -> None:
    """In VibeGram all messages stay then, and the system's comes anew with each of them."""
    store = made(1)
    for message in told("S", "1", "S2", "2"):
        store.append(KEY, message)

        assert store.list(KEY) == told("S")
    store.append_many(KEY, told("3", "S3"))
    assert store.list(KEY) == told("S")


@st.composite
def _said(draw: st.DrawFn) -> dict[str, Any]:
    role = draw(st.sampled_from(["system", "user", "assistant"]))
    return said(draw(st.text(st.characters(codec="utf-8"), max_size=3)), role)


@given(
    st.integers(1, 5),
    st.lists(st.lists(_said(), min_size=1, max_size=4), max_size=6),
    st.booleans(),
)
def test_what_stays_is_what_stays_in_vibegram(
    most: int, groups: list[list[Any]], at_once: bool
) -> None:
    """Wherever that is bounded."""
    store = MemoryCodexStore(most)
    expected: list[Any] = []
    for group in groups:
        if at_once:
            store.append_many(KEY, group)
        for message in group:
            if not at_once:
                store.append(KEY, message)
            expected = theirs(expected, message, most)
            if len(expected) > most:  # which is the case of one message of the system alone
                assert (most, expected[0]["role"]) == (1, "system")
                expected = expected[:1]

        assert store.list(KEY) == expected
    assert len(store.list(KEY)) <= most


def test_a_history_that_is_too_long_is_brought_down_to_the_bound(by: Callable[..., Any]) -> None:
    """One that another bound was for, or that VibeGram let grow."""
    thing = OneStep(Clock())
    for most, kept in ((3, "S,4,5"), (1, "S"), (6, "S,1,2,3,4,5")):
        thing.set(f"{PREFIX}{KEY}", written(*told("S", "S", "S", "S", "1", "2", "3", "4")))
        store = by(thing, max_history=most)
        store.append(KEY, said("5"))

        assert words(store.list(KEY)) == kept


# Messages.


def test_what_was_never_said_is_nothing(made: Callable[..., Any]) -> None:
    store = made()
    assert store.list(KEY) == []
    assert store.clear(KEY) is False
    store.append_many(KEY, [])
    assert store.list(KEY) == []

    store.append(KEY, said("1"))
    store.append("user:7", said("2"))
    assert store.clear(KEY) is True
    assert (store.list(KEY), store.clear(KEY)) == ([], False)
    assert store.list("user:7") == [said("2")]


def test_messages_come_back_as_they_went_in(made: Callable[..., Any]) -> None:
    store = made()
    messages = [
        said('é \u2028 😀 " \\ \0 ] [ } { ,'),
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "args": {"a": [1.5]}}]},
        {"content": [{"type": "text", "text": "hi"}, []], "role": "", "by": 2**53 - 1, "": {}},
        {"role": "tool"},
        said("\ud83d"),
    ]
    for message in messages:
        store.append(KEY, message)

    assert store.list(KEY) == messages
    assert [list(message) for message in store.list(KEY)] == [list(one) for one in messages]


def test_messages_are_copies(made: Callable[..., Any]) -> None:
    """VibeGram hands out the very array that it keeps."""
    store = made()
    message: dict[str, Any] = {"role": "user", "content": ["1"]}
    store.append(KEY, message)
    message["content"].append("2")
    store.list(KEY)[0]["content"].append("3")
    store.list(KEY).append(said("4"))

    assert store.list(KEY) == [{"role": "user", "content": ["1"]}]


def test_a_message_may_be_any_mapping(made: Callable[..., Any]) -> None:
    store = made()
    store.append(KEY, MappingProxyType(said("1")))

    assert store.list(KEY) == [said("1")]


def test_one_message_is_not_taken_for_several(made: Callable[..., Any]) -> None:
    store = made()
    for messages in (said("1"), "secret", "", b"secret"):
        with pytest.raises(TypeError, match=r"append_many .* several messages"):
            store.append_many(KEY, messages)
    assert store.list(KEY) == []


@pytest.mark.parametrize(
    ("message", "path"),
    [
        *((message, "") for message in (None, 5, "hi", [said("1")], object())),
        *((message, ".role") for message in ({}, {"role": None}, {"role": 5}, {"content": "hi"})),
        ({"role": "user", "content": math.nan}, ".content"),
        ({"role": "user", "content": ["", b"secret"]}, ".content[1]"),
        ({"role": "user", "id": 2**53}, ".id"),
        ({"role": "user", 5: 5}, ""),
    ],
)
def test_what_is_no_message_is_refused_before_anything_is_kept(
    made: Callable[..., Any], message: Any, path: str
) -> None:
    store = made()
    store.append(KEY, said("1"))
    with pytest.raises(UnstorableError) as caught:
        store.append(KEY, message)
    assert (caught.value.path, caught.value.key) == (f"${path}", KEY)
    assert "secret" not in str(caught.value)
    with pytest.raises(UnstorableError) as caught:
        store.append_many(KEY, [said("2"), message])
    assert (caught.value.path, caught.value.key) == (f"$[1]{path}", KEY)

    assert store.list(KEY) == [said("1")]


def test_a_key_is_a_text(made: Callable[..., Any]) -> None:
    store = made()
    for key in (5, None, "\ud83d"):
        for use in (lambda key: store.append(key, said("1")), store.list, store.clear):
            with pytest.raises(InvalidKeyError):
                use(key)


@pytest.mark.parametrize("most", [0, -1, 1.5, "3", None, True, math.inf])
def test_a_bound_is_a_positive_integer(half: Any, clock: Clock, most: Any) -> None:
    """In memory, VibeGram takes any; of 0 and less it makes none, or keeps nothing."""
    for make in (
        half.MemoryCodexStore,
        lambda most: half.CodexStore({}, most),
        lambda most: half.RedisCodexMemoryStore(OneStep(clock), max_history=most),
    ):
        with pytest.raises(ValueError, match="max_history must be a positive integer, not"):
            make(most)


def test_a_history_grows_no_longer_than_can_be_read(half: Any, drive: Callable[[Any], Any]) -> None:
    home = storage if half is BLOCKING else storage.aio
    base = home.MemoryStorage(codec=storage.JsonCodec(max_bytes=100))
    drive(base)
    store = drive(half.CodexStore(base))
    store.append(KEY, said("1" * 60))
    with pytest.raises(UnstorableError, match="more than the 100 allowed") as caught:
        store.append(KEY, said("2"))

    assert caught.value.key == KEY
    assert store.list(KEY) == [said("1" * 60)]


def test_a_history_that_is_too_long_to_be_read_is_told_and_stays(
    half: Any, drive: Callable[[Any], Any], file: Path
) -> None:
    home = storage if half is BLOCKING else storage.aio
    wide = home.SqliteStorage(file)
    drive(wide).set(KEY, told("1", "2", "3"))
    narrow = home.SqliteStorage(file, codec=storage.JsonCodec(max_bytes=60))
    drive(narrow)
    store = drive(half.CodexStore(narrow))
    for use in (lambda: store.list(KEY), lambda: store.append(KEY, said("4"))):
        with pytest.raises(RedisStoreParseError, match="more than the 60 allowed"):
            use()

    assert drive(half.CodexStore(wide)).list(KEY) == told("1", "2", "3")


def test_arrays_are_the_same_where_their_bytes_are() -> None:
    """What others wrote is no more ours than it was."""
    arrays = Arrays(storage.JsonCodec())

    assert arrays.same(b"[1]", b"[1]") is True
    assert arrays.same(b"[ 1]", b"[1]") is False


# What is kept.


def test_what_is_kept_is_an_array_under_the_key(by: Callable[..., Any], clock: Clock) -> None:
    thing = OneStep(clock)
    store = by(thing)
    store.append(KEY, said("S", "system"))
    store.append(KEY, said("é"))

    assert thing.entries == {
        f"{PREFIX}{KEY}": (
            '[{"role":"system","content":"S"},{"role":"user","content":"é"}]',
            None,
        )
    }
    by(thing, prefix="prod:").append("~a*", said("1"))
    assert thing.get("prod:~a*") == '[{"role":"user","content":"1"}]'
    assert store.clear(KEY) is True
    assert list(thing.entries) == ["prod:~a*"]


THEIRS = (
    '{"role":"user","id":12345678901234567890, "cost":1e-7,"n":-0,"a":"\\u00e9","a":[ ] }',
    '{"content":"]}\\",[","role":"assistant","big":1' + "0" * 400 + "}",
)


def test_messages_of_others_stay_as_they_are_written(by: Callable[..., Any], clock: Clock) -> None:
    """Numbers that JavaScript can not hold, spaces, escapes, and members of one name."""
    thing = OneStep(clock)
    thing.set(f"{PREFIX}{KEY}", f" [\n{THEIRS[0]} ,\t{THEIRS[1]}\r\n] ")
    store = by(thing, max_history=3)
    assert store.list(KEY)[0]["id"] == 12345678901234567890
    store.append(KEY, said("1"))
    assert (
        thing.get(f"{PREFIX}{KEY}") == f'[{THEIRS[0]},{THEIRS[1]},{{"role":"user","content":"1"}}]'
    )
    store.append(KEY, said("2"))

    assert thing.get(f"{PREFIX}{KEY}") == f"[{THEIRS[1]},{written(said('1'), said('2'))[1:]}"


@pytest.mark.parametrize("raw", ["[]", " [ ] ", '[[],{},null,5,"S"]', '[{"role":["system"]}]'])
def test_items_of_others_may_be_anything(by: Callable[..., Any], clock: Clock, raw: str) -> None:
    """As in VibeGram, which looks at none of them."""
    thing = OneStep(clock)
    thing.set(f"{PREFIX}{KEY}", raw)
    store = by(thing)

    assert store.list(KEY) == json.loads(raw)
    store.append(KEY, said("1"))
    assert store.list(KEY) == [*json.loads(raw), said("1")]
    once = by(thing, max_history=1)
    once.append(KEY, said("2"))
    assert once.list(KEY) == [said("2")]


BROKEN = [
    *("", "{", "{}", "5", "null", '"[]"', "undefined", "[", "[,]", "[1,]", "[1 2]", "[1,,2]", "]"),
    *('[{"role":"user","content":"secret"}', "[] and more", "[NaN]", "[1e999]", "[01]", "[[]"),
    *('[{"role":"user","content":"a\nb"}]', '[{"role":"user",}]', "[1}", '["\\x"]'),
]


@pytest.mark.parametrize("raw", [*BROKEN, b'["\xff"]', b"\xef\xbb\xbf[]"])
def test_what_is_no_array_is_told_and_stays(
    by: Callable[..., Any], clock: Clock, raw: str | bytes
) -> None:
    thing = OneStep(clock)
    thing.set(f"{PREFIX}{KEY}", raw)
    store = by(thing)
    for use in (
        lambda: store.list(KEY),
        lambda: store.append(KEY, said("1")),
        lambda: store.append_many(KEY, told("1", "2")),
    ):
        with pytest.raises(RedisStoreParseError) as caught:
            use()
        assert (caught.value.store_name, caught.value.key) == ("codex-memory", KEY)
        assert "secret" not in str(caught.value)
    assert thing.get(f"{PREFIX}{KEY}") == raw

    assert store.clear(KEY) is True
    assert store.list(KEY) == []


def test_so_it_is_on_a_server(by: Callable[..., Any], server: Server) -> None:
    """Also of an entry that is no string."""
    store = by(server.url)
    for raw in (*BROKEN, b'["\xff"]', b"\xff"):
        told = raw.encode() if isinstance(raw, str) else raw
        server.call("SET", f"{PREFIX}{KEY}", told)
        for use in (lambda: store.list(KEY), lambda: store.append(KEY, said("1"))):
            with pytest.raises(RedisStoreParseError):
                use()
        assert server.call("GET", f"{PREFIX}{KEY}") == told
    server.call("DEL", f"{PREFIX}{KEY}")
    server.call("RPUSH", f"{PREFIX}{KEY}", "secret")

    for use in (lambda: store.list(KEY), lambda: store.append(KEY, said("1"))):
        with pytest.raises(StorageError) as caught:
            use()
        assert type(caught.value) is storage.WrongTypeError
        assert "secret" not in str(caught.value)
    assert server.call("LRANGE", f"{PREFIX}{KEY}", 0, -1) == [b"secret"]


# Lifetimes.


@pytest.mark.parametrize("kind", [OneStep, TwoSteps, InSeconds])
def test_each_append_begins_the_lifetime_anew(
    by: Callable[..., Any], clock: Clock, kind: Callable[[Any], Any]
) -> None:
    thing = kind(clock)
    store = by(thing, ttl=timedelta(seconds=120))
    for append in (
        lambda: store.append(KEY, said("1")),
        lambda: store.append(KEY, said("2")),
        lambda: store.append_many(KEY, told("3", "4")),
    ):
        append()
        assert thing.entries[f"{PREFIX}{KEY}"][1] == clock.ms + 120_000
        clock.tick(100)
        store.list(KEY)
    assert words(store.list(KEY)) == "1,2,3,4"
    clock.tick(20)

    assert store.list(KEY) == []


def test_a_lifetime_begins_anew_where_nothing_else_changes(
    by: Callable[..., Any], server: Server
) -> None:
    store = by(server.url, max_history=1, ttl=120)
    store.append(KEY, said("S", "system"))
    assert 115_000 < server.call("PTTL", f"{PREFIX}{KEY}") <= 120_000
    server.call("PEXPIRE", f"{PREFIX}{KEY}", 1000)
    store.append(KEY, said("1"))

    assert 115_000 < server.call("PTTL", f"{PREFIX}{KEY}") <= 120_000
    assert store.list(KEY) == told("S")


def test_without_a_lifetime_an_append_is_for_ever(by: Callable[..., Any], server: Server) -> None:
    """Also where something else gave one, as in VibeGram."""
    store = by(server.url)
    store.append(KEY, said("1"))
    assert server.call("PTTL", f"{PREFIX}{KEY}") == -1
    server.call("PEXPIRE", f"{PREFIX}{KEY}", 1000)
    store.append(KEY, said("2"))

    assert server.call("PTTL", f"{PREFIX}{KEY}") == -1


def test_in_memory_a_lifetime_may_be_told(memory: Callable[..., Any], clock: Clock) -> None:
    store = memory(ttl=60)
    store.append(KEY, said("1"))
    clock.tick(59)
    store.append(KEY, said("2"))
    clock.tick(59)
    assert words(store.list(KEY)) == "1,2"
    clock.tick(1)

    assert store.list(KEY) == []
    store.append(KEY, said("3"))
    assert words(store.list(KEY)) == "3"


@pytest.mark.parametrize("ttl", [0, -1, True, math.nan, datetime.now(timezone.utc), storage.KEEP])
def test_a_lifetime_is_checked_when_the_store_is_made(half: Any, clock: Clock, ttl: Any) -> None:
    for make in (
        half.MemoryCodexStore,
        lambda ttl: half.RedisCodexMemoryStore(OneStep(clock), ttl=ttl),
    ):
        with pytest.raises(ValueError, match="ttl"):
            make(ttl=ttl)


def test_a_client_needs_a_command_for_lifetimes_where_there_are_any(
    half: Any, drive: Callable[[Any], Any], clock: Clock
) -> None:
    class Plain(OneStep):
        psetex = None  # type: ignore[assignment]

    with pytest.raises(ConfigurationError, match="no psetex, pexpire or expire"):
        half.RedisCodexMemoryStore(Plain(clock), ttl=60)
    store = drive(half.RedisCodexMemoryStore(Plain(clock)))
    store.append(KEY, said("1"))
    assert store.list(KEY) == [said("1")]
    with pytest.raises(ConfigurationError, match="no get, no set"):
        half.RedisCodexMemoryStore(object())
    with pytest.raises(ConfigurationError, match="client of redis-py"):
        half.RedisCodexMemoryStore(OneStep(clock), timeout=5)


# Any store.


def test_a_store_may_be_anything(half: Any, drive: Callable[[Any], Any], clock: Clock) -> None:
    """Its lifetime is the default, its values may be sealed, and it stays open."""
    home = storage if half is BLOCKING else storage.aio
    base = home.MemoryStorage(ttl=60, clock=clock)
    driven = drive(base)
    layered = home.compressed(base.namespace("codex"), over=1)
    store = drive(half.CodexStore(layered, 3))
    store.append_many(KEY, told("S", "1", "2", "3"))
    clock.tick(59)
    assert words(store.list(KEY)) == "S,2,3"
    clock.tick(1)
    assert store.list(KEY) == []

    lasting = drive(half.CodexStore(base, ttl=None))
    lasting.append(KEY, said("1"))
    lasting.close()
    with pytest.raises(ClosedError):
        lasting.append(KEY, said("2"))
    assert driven.get(KEY) == [said("1")]
    assert driven.expires_at(KEY) is None


def test_a_dict_has_the_messages_themselves(half: Any, drive: Callable[[Any], Any]) -> None:
    shelf: dict[str, Any] = {}
    store = drive(half.CodexStore(shelf))
    store.append(KEY, said("1"))

    assert shelf == {KEY: [said("1")]}
    with pytest.raises(UnsupportedError, match="nothing expires"):
        half.CodexStore(shelf, ttl=5)


@pytest.mark.parametrize("ttl", [None, 60])
@pytest.mark.parametrize("precise", [False, True])
def test_an_enhanced_store_of_a_dict_has_records(
    half: Any, drive: Callable[[Any], Any], clock: Clock, ttl: float | None, precise: bool
) -> None:
    """With the end in them, where there is one, also where a `set` would keep that."""
    home = storage if half is BLOCKING else storage.aio
    shelf: dict[str, Any] = {}
    base = home.enhance_storage(shelf, millisecond_precision=precise, ttl=ttl, clock=clock)
    store = drive(half.CodexStore(base, 1))
    for text in ("a longer one", "1"):
        clock.tick(59)
        store.append(KEY, said(text))
        assert store.list(KEY) == [said(text)]
        end = {} if ttl is None else {"__exp": clock.ms + 60_000}
        assert shelf == {KEY: {"__v": 0, "data": [said(text)], **end}}
    clock.tick(60)

    assert store.list(KEY) == ([said("1")] if ttl is None else [])


def test_a_store_has_to_write_json(half: Any) -> None:
    class Reversed(storage.JsonCodec):
        def encode(self, value: Any, /) -> bytes:
            return super().encode(value)[::-1]

    home = storage if half is BLOCKING else storage.aio
    with pytest.raises(ConfigurationError, match="writes JSON"):
        half.CodexStore(home.MemoryStorage(codec=Reversed()))


def test_a_store_is_closed_once_and_for_all(half: Any, bridge: Bridge, server: Server) -> None:
    for store in (half.MemoryCodexStore(), half.RedisCodexMemoryStore(server.url)):
        with bridge.driven(store) as driven:
            driven.append(KEY, said("1"))
            assert type(store).__name__ in repr(store)
        driven.close()
        for use in (lambda: driven.list(KEY), lambda: driven.append(KEY, said("1"))):
            with pytest.raises(ClosedError):
                use()
