"""What `adapt` takes, and what it makes of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cachetools
import pytest

import storage
import storage.aio
from storage import Capabilities, ConfigurationError, CorruptValueError, StorageError

THREADS, TURNS = 8, 25


class Slow:
    """An object that lets others come between its steps."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        value = self.values.get(key)
        time.sleep(0)
        return value

    def set(self, key: str, value: Any) -> None:
        time.sleep(0)
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


class SlowAwaited:
    """The same for tasks."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    async def get(self, key: str) -> Any:
        value = self.values.get(key)
        await asyncio.sleep(0)
        return value

    async def set(self, key: str, value: Any) -> None:
        await asyncio.sleep(0)
        self.values[key] = value

    async def delete(self, key: str) -> None:
        self.values.pop(key, None)


@pytest.mark.parametrize("count", ["incr", "update"])
def test_no_increment_is_lost_between_the_threads_of_one_store(count: str) -> None:
    thing = Slow()
    store = storage.adapt(thing)

    def bump() -> None:
        for _ in range(TURNS):
            if count == "incr":
                store.incr("k")
            else:
                store.update("k", lambda value: value + 1, default=0)

    threads = [threading.Thread(target=bump) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert thing.values == {"k": THREADS * TURNS}


def test_no_increment_is_lost_between_the_tasks_of_one_store() -> None:
    thing = SlowAwaited()

    async def run() -> None:
        store = storage.aio.adapt(thing)
        await asyncio.gather(*(store.incr("k") for _ in range(200)))

    asyncio.run(run())

    assert thing.values == {"k": 200}


def test_the_callers_own_mapping_is_used_and_seen() -> None:
    mapping: dict[str, Any] = {"old": [1]}
    store = storage.adapt(mapping)
    value = {"step": 1}

    store.set("k", value)
    value["step"] = 2

    assert mapping == {"old": [1], "k": {"step": 1}}
    assert store.get("old") == [1]
    assert sorted(store.keys()) == ["k", "old"]


def test_a_cache_that_drops_entries_is_a_store_of_what_is_left() -> None:
    store = storage.adapt(cachetools.LRUCache(2))

    store.set_many({"a": 1, "b": 2, "c": 3})

    assert store.get_many([*"abc"]) == {"b": 2, "c": 3}


def test_a_store_is_its_own_adaptation() -> None:
    store = storage.MemoryStorage()

    assert storage.adapt(store) is store


def test_a_blocking_store_serves_tasks_beside_its_own_users() -> None:
    store = storage.MemoryStorage({"k": 1}, ttl=60)

    async def run() -> int:
        async with storage.aio.adapt(store) as beside:
            return await beside.incr("k")

    assert asyncio.run(run()) == 2
    assert store.get("k") == 2


def test_what_never_expires_says_so_before_anything_is_touched() -> None:
    mapping: dict[str, Any] = {}
    store = storage.adapt(mapping)

    assert store.capabilities == Capabilities("process", None, iteration=True, durable=False)
    with pytest.raises(storage.UnsupportedError, match="nothing expires"):
        store.set("k", 1, ttl=5)
    assert mapping == {}


@pytest.mark.parametrize("thing", [None, 5, "text", [], object(), dict])
def test_what_can_not_be_a_store_is_refused_with_what_is_missing(thing: Any) -> None:
    with pytest.raises(ConfigurationError, match="can not be a store"):
        storage.adapt(thing)


MAKERS: dict[str, Callable[[Any, Any], object]] = {
    "adapt": lambda half, thing: half.adapt(thing),
    "Sessions": lambda half, thing: half.Sessions(thing),
    "RateLimiter": lambda half, thing: half.RateLimiter(thing, "5/min"),
    "Conversation": lambda half, thing: half.Conversation(thing),
    "tiered": lambda half, thing: half.tiered(thing),
    "compressed": lambda half, thing: half.compressed(thing),
    "enhance_storage": lambda half, thing: half.enhance_storage(thing),
    "fallback": lambda half, thing: half.fallback({}, thing, on_error=print),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_a_url_is_told_what_makes_a_store_of_it_and_not_shown(maker: str, half: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"storage\.open\(\.\.\.\)") as caught:
        MAKERS[maker](half, "redis://:hunter2@localhost")

    assert "hunter2" not in f"{caught.value!r}"


@pytest.mark.parametrize("maker", MAKERS)
def test_a_store_that_has_to_be_awaited_is_told_where_it_is_taken(maker: str) -> None:
    with pytest.raises(ConfigurationError, match=r"MemoryStorage .* in storage\.aio"):
        MAKERS[maker](storage, storage.aio.MemoryStorage())


@pytest.mark.parametrize("maker", MAKERS)
def test_a_store_that_blocks_is_taken_by_the_asyncio_half(maker: str) -> None:
    assert MAKERS[maker](storage.aio, storage.MemoryStorage())


def test_an_object_that_has_to_be_awaited_is_refused_by_the_blocking_half() -> None:
    with pytest.raises(TypeError, match="coroutine"):
        storage.adapt(SlowAwaited())  # type: ignore[arg-type]


def test_an_error_of_the_object_is_chained_and_names_store_and_key() -> None:
    class Broken(Slow):
        def get(self, key: str) -> Any:
            raise LookupError("the secret of the object")

    store = storage.adapt(Broken())

    with pytest.raises(StorageError) as caught:
        store.get("k")

    assert (caught.value.store, caught.value.key) == ("adapted Broken", "k")
    assert isinstance(caught.value.__cause__, LookupError)
    assert "secret" not in str(caught.value)


def test_what_the_object_holds_and_json_does_not_is_corrupt_and_stays() -> None:
    mapping: dict[str, Any] = {"k": {1, 2}}
    store = storage.adapt(mapping)

    with pytest.raises(CorruptValueError, match="adapted dict: key 'k'"):
        store.get("k")
    with pytest.raises(CorruptValueError):
        store.update("k", lambda value: value)

    assert mapping == {"k": {1, 2}}


@pytest.mark.parametrize("layered", [False, True], ids=["plain", "enhanced"])
def test_one_value_that_is_none_is_told_in_a_walk_and_the_others_are_shown(layered: bool) -> None:
    mapping: dict[str, Any] = {"a": 1, "k": {1, 2}, "z": 3}
    store = storage.enhance_storage(mapping) if layered else storage.adapt(mapping)
    told: list[StorageError] = []

    assert dict(store.items(on_corrupt=told.append)) == {"a": 1, "z": 3}
    assert list(store.values(on_corrupt="skip")) == [1, 3]
    with pytest.raises(CorruptValueError, match="adapted dict: key 'k': "):
        list(store.values())

    assert [error.key for error in told] == ["k"]
    assert mapping == {"a": 1, "k": {1, 2}, "z": 3}


def test_keys_of_an_object_without_keys_are_not_guessed() -> None:
    store = storage.adapt(Slow())

    for walk in (store.keys, store.values, store.items):
        with pytest.raises(storage.UnsupportedError, match="no keys"):
            list(walk())
    with pytest.raises(storage.UnsupportedError, match="no keys"):
        store.clear(everything=True)


def test_keys_may_be_any_iterable() -> None:
    class Listed(Slow):
        def keys(self) -> Iterator[str]:
            return iter(list(self.values))

    store = storage.adapt(Listed())

    store.set_many({"a": 1, "b": 2})

    assert dict(store.items()) == {"a": 1, "b": 2}


def test_touch_reaches_the_object_for_a_key_that_is_there() -> None:
    class Touched(Slow):
        touched: tuple[str, ...] = ()

        def touch(self, key: str) -> None:
            self.touched += (key,)

    thing = Touched()
    store = storage.adapt(thing)
    store.set("k", 1)

    assert store.touch("k")
    assert not store.touch("other")
    assert thing.touched == ("k",)
    assert storage.is_ttl_storage(thing)
    assert not storage.is_ttl_storage(Slow())
