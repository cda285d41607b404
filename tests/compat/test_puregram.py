"""What puregram proves of its stores, as laws of ours, and where ours differ on purpose."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.compat.puregram
import storage.compat.puregram
from storage import ClosedError, ConfigurationError, CorruptValueError, MigrationError
from storage.testing import Clock
from tests.servers import Server

BLOCKING = storage.compat.puregram
AIO = storage.aio.compat.puregram


@pytest.fixture(params=[BLOCKING, AIO], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


def rows(file: Path, sql: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection, connection:
        return connection.execute(sql, values).fetchall()


# Memory, and memory with a bound.


@pytest.fixture(params=["memory", "lru"])
def store(request: pytest.FixtureRequest, half: Any, drive: Callable[[Any], Any]) -> Any:
    if request.param == "memory":
        return drive(half.MemoryStorage())
    return drive(half.LruMemoryStorage(max=100))


def test_a_missing_key_is_none_and_not_there(store: Any) -> None:
    assert store.get("k") is None
    assert store.has("k") is False


@pytest.mark.parametrize("value", [1, {"a": {"b": [1, {"c": None}]}}, "text", None])
def test_what_is_set_is_there(store: Any, value: Any) -> None:
    """A stored nothing is there too."""
    store.set("k", value)

    assert store.get("k", "missing") == value
    assert store.has("k") is True


def test_a_value_is_a_copy(store: Any) -> None:
    """puregram hands out the object that was stored."""
    value = {"list": [1]}
    store.set("k", value)
    value["list"].append(2)
    store.get("k")["list"].append(3)

    assert store.get("k") == {"list": [1]}


def test_what_is_deleted_is_gone_and_delete_says_whether_it_was_there(store: Any) -> None:
    """puregram's delete answers nothing."""
    store.set("k", 1)

    assert store.delete("k") is True
    assert (store.get("k"), store.has("k"), store.delete("k")) == (None, False, False)


def test_a_store_without_entries_iterates_to_nothing(store: Any) -> None:
    assert [*store.keys(), *store.values(), *store.entries()] == []
    assert store.size == 0


def test_keys_values_and_entries_show_the_same(store: Any) -> None:
    store.set_many({"a": 1, "b": 2})

    assert sorted(store.keys()) == ["a", "b"]
    assert sorted(store.values()) == [1, 2]
    assert dict(store.entries()) == dict(store.items()) == {"a": 1, "b": 2}


def test_the_size_of_a_closed_store_is_not_told(store: Any) -> None:
    store.set("a", 1)
    store.close()

    with pytest.raises(ClosedError):
        _ = store.size


def test_pairs_fill_a_store_in_their_order(half: Any, drive: Callable[[Any], Any]) -> None:
    store = drive(half.MemoryStorage([("a", "1"), ("b", "2")]))
    store.set("c", "3")
    store.set("a", "one")

    assert store.size == 3
    assert list(store.entries()) == [("a", "one"), ("b", "2"), ("c", "3")]
    assert list(store.keys()) == ["a", "b", "c"]
    assert list(store.values()) == ["one", "2", "3"]


@pytest.mark.parametrize("name", ["MemoryStorage", "LruMemoryStorage"])
def test_what_is_over_is_not_counted(
    half: Any, drive: Callable[[Any], Any], clock: Clock, name: str
) -> None:
    options = {} if name == "MemoryStorage" else {"max": 1000}
    store = drive(getattr(half, name)(clock=clock, **options))
    store.set_many({f"short {number}": 1 for number in range(100)}, ttl=5)
    store.set_many({"long": 1, "longer": 2}, ttl=50)
    store.namespace("carts").set("for ever", 3)
    assert store.size == 103

    clock.tick(5)

    assert store.size == 3
    clock.tick(50)
    assert store.size == 1


@pytest.mark.parametrize("most", [0, -1, float("nan"), float("inf")])
def test_the_bound_is_a_positive_finite_number(half: Any, most: float) -> None:
    with pytest.raises(ValueError, match="max must be a positive finite number"):
        half.LruMemoryStorage(max=most)


def test_a_bound_is_rounded_down(half: Any, drive: Callable[[Any], Any]) -> None:
    store = drive(half.LruMemoryStorage(max=2.5))
    store.set_many({"a": 1, "b": 2})
    store.set("c", 3)

    assert store.size == 2


def _get(store: Any) -> None:
    store.get("a")


def _set(store: Any) -> None:
    store.set("a", "again")


def _has(store: Any) -> None:
    store.has("a")


def _delete_another(store: Any) -> None:
    store.delete("missing")


@pytest.mark.parametrize(
    ("use", "leaves"), [(_get, "b"), (_set, "b"), (_has, "a"), (_delete_another, "a")]
)
def test_the_least_recently_used_makes_room(
    half: Any, drive: Callable[[Any], Any], use: Callable[[Any], None], leaves: str
) -> None:
    """Reading and writing count as use, and asking for it does not."""
    store = drive(half.LruMemoryStorage(max=2))
    store.set("a", 1)
    store.set("b", 2)
    assert store.size == 2

    use(store)
    store.set("c", 3)

    assert sorted(store.keys()) == sorted({"a", "b", "c"} - {leaves})
    assert store.size == 2


def test_iteration_leaves_recency_alone_and_promises_no_order(
    half: Any, drive: Callable[[Any], Any]
) -> None:
    """puregram shows the oldest first."""
    store = drive(half.LruMemoryStorage(max=2))
    store.set_many({"a": 1, "b": 2})
    store.get("a")

    assert dict(store.entries()) == {"a": 1, "b": 2}
    store.set("c", 3)
    assert dict(store.entries()) == {"a": 1, "c": 3}


# The guard.


class WithTouch:
    """A store of somebody's, which can push an expiry forward."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.touched: list[str] = []

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)

    def touch(self, key: str) -> None:
        self.touched.append(key)


class WithoutTouch(WithTouch):
    touch = None  # type: ignore[assignment]


def test_stores_in_memory_have_no_touch_for_a_plugin(half: Any) -> None:
    stores = [half.MemoryStorage(), half.LruMemoryStorage(max=5)]

    for store in [*stores, *(one.namespace("a") for one in stores)]:
        assert half.is_ttl_storage(store) is False
        assert half.is_ttl_storage(half.enhance_storage(store)) is False


def test_stores_that_last_have_one(half: Any, file: Path, drive: Callable[[Any], Any]) -> None:
    stores = [half.RedisStorage("redis://localhost"), half.SqliteStorage(file)]

    for store in [*stores, *(one.namespace("a") for one in stores)]:
        assert half.is_ttl_storage(store) is True
        for options in ({}, {"millisecond_precision": True}):
            assert half.is_ttl_storage(half.enhance_storage(store, **options)) is True
    for store in stores:
        drive(store).close()


def test_an_object_is_a_ttl_storage_if_it_has_a_touch(half: Any) -> None:
    home = storage if half is BLOCKING else storage.aio
    assert half.is_ttl_storage(WithTouch()) is True
    assert half.is_ttl_storage(WithoutTouch()) is False
    assert half.is_ttl_storage({}) is False
    for thing, answer in ((WithTouch(), True), (WithoutTouch(), False), ({}, False)):
        adapted = home.adapt(thing)
        assert half.is_ttl_storage(adapted) is answer
        assert half.is_ttl_storage(half.enhance_storage(adapted)) is answer
        assert half.is_ttl_storage(half.enhance_storage(thing)) is answer


def test_a_blocking_store_answers_the_same_in_asyncio(file: Path) -> None:
    assert AIO.is_ttl_storage(BLOCKING.MemoryStorage()) is False
    assert AIO.is_ttl_storage(storage.adapt(WithTouch())) is True
    assert AIO.is_ttl_storage(storage.adapt(WithoutTouch())) is False
    with BLOCKING.SqliteStorage(file) as store:
        assert AIO.is_ttl_storage(store) is True


# Versioned records.


@pytest.fixture
def base() -> dict[str, Any]:
    return {}


@pytest.fixture
def enhanced(half: Any, drive: Callable[[Any], Any], base: dict[str, Any], clock: Clock) -> Any:
    """Makes a store of records over a mapping that the test looks into."""
    return lambda **options: drive(half.enhance_storage(base, clock=clock, **options))


def one(value: Any) -> Any:
    return [*value, 1]


def two(value: Any) -> Any:
    return [*value, 2]


def three(value: Any) -> Any:
    return [*value, 3]


def test_a_value_is_kept_in_a_record(enhanced: Callable[..., Any], base: dict[str, Any]) -> None:
    store = enhanced()
    store.set("k", {"a": 1})

    assert base == {"k": {"__v": 0, "data": {"a": 1}}}
    assert store.get("k") == {"a": 1}
    assert store.get("missing") is None


def test_a_plain_value_passes_all_migrations_and_is_written_back(
    enhanced: Callable[..., Any], base: dict[str, Any]
) -> None:
    base["k"] = []

    assert enhanced(migrations={3: three, 1: one, 2: two}).get("k") == [1, 2, 3]
    assert base == {"k": {"__v": 3, "data": [1, 2, 3]}}


def test_a_bare_string_has_version_0(enhanced: Callable[..., Any], base: dict[str, Any]) -> None:
    base["k"] = "Ann"

    assert enhanced(migrations={1: lambda name: {"name": name}}).get("k") == {"name": "Ann"}


def test_a_record_passes_the_migrations_that_it_has_not_passed(
    enhanced: Callable[..., Any], base: dict[str, Any]
) -> None:
    base["k"] = {"__v": 1, "data": ["at 1"]}

    assert enhanced(migrations={1: one, 2: two}).get("k") == ["at 1", 2]


def test_a_record_that_is_over_is_missing_and_goes_away(
    enhanced: Callable[..., Any], base: dict[str, Any], clock: Clock
) -> None:
    store = enhanced()
    for key in ("a", "b", "c"):
        base[key] = {"__v": 0, "data": 1, "__exp": clock.ms + 1000}
    base["d"] = {"__v": 0, "data": 2}
    assert store.get("a") == 1

    clock.tick(1)

    assert store.get("a") is None
    assert base.keys() == {"b", "c", "d"}
    assert store.has("b") is False
    assert dict(store.entries()) == {"d": 2}
    assert list(store.values()) == [2]
    assert list(store.keys()) == ["d"]  # puregram shows those that are over too


def test_the_end_of_a_record_survives_a_migration(
    enhanced: Callable[..., Any], base: dict[str, Any], clock: Clock
) -> None:
    ends = clock.ms + 1000
    base["k"] = {"__v": 0, "data": [], "__exp": ends}

    assert enhanced(migrations={1: one}, millisecond_precision=True).get("k") == [1]
    assert base == {"k": {"__v": 1, "data": [1], "__exp": ends}}


def test_with_millisecond_precision_a_set_keeps_the_end_of_a_record(
    enhanced: Callable[..., Any], base: dict[str, Any], clock: Clock
) -> None:
    for key in "ab":
        base[key] = {"__v": 0, "data": 1, "__exp": clock.ms + 1000}

    enhanced(millisecond_precision=True).set("a", 2)
    enhanced().set("b", 2)

    assert base["a"] == {"__v": 0, "data": 2, "__exp": clock.ms + 1000}
    assert base["b"] == {"__v": 0, "data": 2}


def test_an_end_can_be_given(
    enhanced: Callable[..., Any], base: dict[str, Any], clock: Clock
) -> None:
    """puregram reads `__exp` and has no way to set it."""
    enhanced().set("k", 1, ttl=60)

    assert base == {"k": {"__v": 0, "data": 1, "__exp": clock.ms + 60_000}}


def test_readers_of_an_older_record_agree(
    half: Any, drive: Callable[[Any], Any], base: dict[str, Any]
) -> None:
    """What the slower one made of it is not written over what somebody else wrote meanwhile."""
    base["k"] = {"__v": 0, "data": []}

    def late(value: Any) -> Any:
        if base["k"]["__v"] == 0:
            base["k"] = {"__v": 1, "data": ["newer"]}
        return [*value, 1]

    store = drive(half.enhance_storage(base, migrations={1: late}))

    assert store.get("k") == [1]
    assert base == {"k": {"__v": 1, "data": ["newer"]}}
    assert store.get("k") == ["newer"]


def test_delete_and_has_ask_the_base(enhanced: Callable[..., Any], base: dict[str, Any]) -> None:
    store = enhanced()
    base["k"] = {"__v": 0, "data": 1}

    assert store.has("k") is True
    assert store.delete("k") is True
    assert base == {}
    assert store.has("k") is False


def test_keys_values_and_entries_show_what_is_in_the_records(
    enhanced: Callable[..., Any], base: dict[str, Any]
) -> None:
    """Older ones are migrated, and not written back."""
    base.update({"a": {"__v": 1, "data": [9]}, "b": [8]})
    before = dict(base)
    store = enhanced(migrations={1: one})

    assert sorted(store.keys()) == ["a", "b"]
    assert sorted(store.values()) == [[8, 1], [9]]
    assert dict(store.entries()) == {"a": [9], "b": [8, 1]}
    assert base == before


@pytest.mark.parametrize("options", [{}, {"millisecond_precision": True}])
def test_touch_goes_to_an_object_that_has_one(
    half: Any, drive: Callable[[Any], Any], options: dict[str, Any]
) -> None:
    thing = WithTouch()
    store = drive(half.enhance_storage(thing, **options))
    store.set("k", 1)

    assert store.touch("k") is True
    assert store.touch("missing") is False
    assert thing.touched == ["k"]
    assert drive(half.enhance_storage(WithoutTouch(), **options)).touch("k") is False


def test_data_of_newer_code_raises_unless_it_is_asked_for(
    enhanced: Callable[..., Any], base: dict[str, Any]
) -> None:
    """puregram hands it to the older code, whose next write stamps it with the older version."""
    base["k"] = {"__v": 2, "data": "newer"}

    with pytest.raises(MigrationError):
        enhanced(migrations={1: one}).get("k")
    assert enhanced(migrations={1: one}, on_newer="read").get("k") == "newer"
    assert base == {"k": {"__v": 2, "data": "newer"}}


def test_a_document_with_a_version_of_its_own_is_no_record(
    enhanced: Callable[..., Any], base: dict[str, Any]
) -> None:
    """puregram takes any object with a `__v` for a record."""
    base["k"] = {"__v": 7, "name": "Ann"}

    assert enhanced().get("k") == {"__v": 7, "name": "Ann"}


def test_one_record_that_can_not_be_read_does_not_end_an_iteration(
    enhanced: Callable[..., Any], base: dict[str, Any]
) -> None:
    def picky(value: Any) -> Any:
        return value["name"]

    base.update({"good": {"name": "Ann"}, "bad": {}})
    store = enhanced(migrations={1: picky})

    with pytest.raises(MigrationError) as caught:
        list(store.entries())
    assert caught.value.key == "bad"
    assert dict(store.items(on_corrupt="skip")) == {"good": "Ann"}


# SQLite.


@pytest.fixture
def sqlite(half: Any, drive: Callable[[Any], Any], file: Path, clock: Clock) -> Any:
    return lambda **options: drive(half.SqliteStorage(file, clock=clock, **options))


def test_a_table_is_made(sqlite: Callable[..., Any], file: Path) -> None:
    sqlite()
    sqlite(table='a "table"')

    found = rows(file, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    assert found == [('a "table"',), ("puregram_kv",)]


def test_rows_are_those_of_puregram(sqlite: Callable[..., Any], file: Path, clock: Clock) -> None:
    sqlite().set("user:1:chat:3", {"counter": 1})
    sqlite(ttl=5).set("~k", [1, "é"])

    assert rows(file, "SELECT key, value, expires_at FROM puregram_kv ORDER BY key") == [
        ("user:1:chat:3", '{"counter":1}', None),
        ("~k", '[1,"é"]', clock.ms + 5000),
    ]


def test_rows_are_read_deleted_and_missed(sqlite: Callable[..., Any], file: Path) -> None:
    store = sqlite()
    rows(file, "INSERT INTO puregram_kv (key, value) VALUES ('k', '{\"a\": [1, 2]}')")

    assert store.get("k") == {"a": [1, 2]}
    assert dict(store.entries()) == {"k": {"a": [1, 2]}}
    assert (store.get("missing"), store.has("missing")) == (None, False)
    assert (store.delete("k"), store.has("k"), store.delete("k")) == (True, False, False)


def test_a_connection_is_used_and_left_open(
    half: Any, drive: Callable[[Any], Any], file: Path
) -> None:
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        drive(half.SqliteStorage(db=connection)).set("k", 1)
        with pytest.raises(ConfigurationError, match="sweep_interval wants a path"):
            half.SqliteStorage(db=connection, sweep_interval=60)

        assert connection.execute("SELECT value FROM puregram_kv").fetchall() == [("1",)]


def test_a_row_that_is_over_is_missing_to_every_method(
    sqlite: Callable[..., Any], file: Path, clock: Clock
) -> None:
    """puregram's `has` and `keys` show it, and its `touch` brings it back."""
    store = sqlite(ttl=5)
    store.set_many(dict.fromkeys("abc", 1))
    clock.tick(5)

    assert store.has("a") is False
    assert store.touch("a") is False
    assert store.delete("b") is False
    assert [*store.keys(), *store.values(), *store.entries()] == []
    assert store.get("a") is None
    assert ("a",) not in rows(file, "SELECT key FROM puregram_kv")


def test_touch_pushes_the_end_of_a_row_forward(
    sqlite: Callable[..., Any], file: Path, clock: Clock
) -> None:
    store = sqlite(ttl=5)
    store.set("k", 1)
    clock.tick(3)

    assert store.touch("k") is True
    assert rows(file, "SELECT expires_at FROM puregram_kv") == [(clock.ms + 5000,)]
    assert sqlite().touch("k") is True  # without a default, nothing moves
    assert rows(file, "SELECT expires_at FROM puregram_kv") == [(clock.ms + 5000,)]


def test_a_sweep_frees_what_is_over_and_says_how_many(
    sqlite: Callable[..., Any], file: Path, clock: Clock
) -> None:
    store = sqlite()
    store.set_many({f"over {number}": 1 for number in range(1500)}, ttl=5)
    store.set_many({"later": 3}, ttl=50)
    store.set("for ever", 4)
    assert store.sweep() == 0
    clock.tick(5)

    assert store.sweep() == 1500
    assert rows(file, "SELECT key FROM puregram_kv ORDER BY key") == [("for ever",), ("later",)]
    assert store.sweep() == 0
    store.close()
    with pytest.raises(ClosedError):
        store.sweep()


def test_a_sweep_is_traced(
    sqlite: Callable[..., Any], file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = sqlite()
    with caplog.at_level(logging.DEBUG, "storage"):
        store.sweep()

    (line,) = [message for message in caplog.messages if "sweep" in message]
    assert f"sqlite:{file}[puregram_kv]" in line


def test_a_value_that_is_no_json_names_its_key(sqlite: Callable[..., Any], file: Path) -> None:
    """puregram's error names neither the key nor the store."""
    store = sqlite()
    rows(file, "INSERT INTO puregram_kv (key, value) VALUES ('k', '')")

    with pytest.raises(CorruptValueError) as caught:
        store.get("k")
    assert caught.value.key == "k"
    assert "puregram_kv" in str(caught.value.store)


@pytest.mark.parametrize("number", range(3))
def test_leases_of_an_entry_are_one_by_whatever_name(
    half: Any, sqlite: Callable[..., Any], number: int
) -> None:
    kind = (storage if half is BLOCKING else storage.aio).LeaseStore
    store = sqlite()
    rooms = [
        (store.room(kind), "a:b:k"),
        (store.namespace("a").room(kind), "b:k"),
        (store.namespace("a").namespace("b").room(kind), "k"),
    ]
    room, key = rooms[number]

    assert room.acquire(key, "ann", 60_000, 0).granted is True
    assert [other.acquire(name, "bob", 60_000, 0).granted for other, name in rooms] == [False] * 3


# Redis: what the original proves with a client of its own making, here on a server.


@pytest.fixture
def redis_of(
    half: Any, drive: Callable[[Any], Any], valkey: Server
) -> Iterator[Callable[..., Any]]:
    yield lambda **options: drive(half.RedisStorage(client=valkey.url, **options))
    valkey.call("FLUSHALL")


def test_entries_on_a_server_are_found_under_their_prefix(
    redis_of: Callable[..., Any], valkey: Server
) -> None:
    store = redis_of(prefix="pg:")
    store.set("user:1", {"step": 1})
    valkey.call("SET", "other:user:2", "{}")

    assert store.get("user:1") == {"step": 1}
    assert (store.get("user:2"), store.has("user:2")) == (None, False)
    assert list(store.keys()) == ["user:1"]
    assert list(store.entries()) == [("user:1", {"step": 1})]
    assert (store.delete("user:1"), store.has("user:1"), store.delete("user:1")) == (
        *(True, False, False),
    )


def test_no_character_of_a_prefix_has_a_meaning(
    redis_of: Callable[..., Any], valkey: Server
) -> None:
    """puregram asks for `KEYS prefix*`, in which some have."""
    valkey.call("MSET", "bot1:k", "1", "bot[12]:k", "2")

    assert dict(redis_of(prefix="bot[12]:").entries()) == {"k": 2}


def test_keys_are_never_asked_for_all_at_once(redis_of: Callable[..., Any], valkey: Server) -> None:
    store = redis_of()
    store.set("k", 1)
    with valkey.counted() as calls:
        assert list(store.keys()) == ["k"]

    assert set(calls.names) == {"SCAN"}
