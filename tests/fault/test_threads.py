"""One store, many threads: right counts, no deadlock, and an end that nobody stumbles over."""

from __future__ import annotations

import random
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import ClosedError, ConflictError
from tests.fault.conftest import Open
from tests.fault.ground import label, together, until

THREADS = 16
OPERATIONS = 125
HOT = ("h0", "h1", "h2")
KINDS = ("SqliteStorage", "MemoryStorage", "LruMemoryStorage")


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, file: Path, opened: Open) -> Callable[[], Any]:
    argument = {"SqliteStorage": [file], "MemoryStorage": [], "LruMemoryStorage": [100_000]}
    return lambda: opened(request.param, *argument[request.param])


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns far more often than they do by themselves."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def edit(store: Any, key: str) -> None:
    with store.edit(f"e:{key}", default={}) as draft:
        draft[str(len(draft))] = 1


STEPS: dict[str, Callable[[Any, str], object]] = {
    "get": lambda store, key: store.get(key),
    "set": lambda store, key: store.set(f"s:{key}", [1, 2]),
    "set_many": lambda store, key: store.set_many({f"m1:{key}": 1, f"m2:{key}": 2}, ttl=60),
    "get_many": lambda store, key: store.get_many([f"m1:{key}", f"m2:{key}", key]),
    "delete": lambda store, key: store.delete(f"s:{key}"),
    "delete_many": lambda store, key: store.delete_many([f"s:{key}"]),
    "has": lambda store, key: store.has(f"s:{key}"),
    "touch": lambda store, key: store.touch(f"m1:{key}", ttl=50),
    "add": lambda store, key: store.add(f"a:{key}", 1),
    "swap": lambda store, key: store.swap(f"a:{key}", 1, 1),
    "incr": lambda store, key: store.incr(f"i:{key}"),
    "update": lambda store, key: store.update(f"u:{key}", lambda value: value + 1, default=0),
    "edit": edit,
    "get_or_set": lambda store, key: store.get_or_set(f"g:{key}", lambda: 1),
    "items": lambda store, key: list(store.items("i:")),
    "namespace": lambda store, key: store.namespace("n").incr(key),
    "expires_at": lambda store, key: store.expires_at(f"m1:{key}"),
}


def test_a_store_shared_by_threads_makes_no_errors_and_counts_right(
    make: Callable[[], Any],
) -> None:
    store = make()
    done: list[Counter[tuple[str, str]]] = []

    def work(seed: int) -> None:
        chance, mine = random.Random(seed), Counter[tuple[str, str]]()
        for _ in range(OPERATIONS):
            name, key = chance.choice(list(STEPS)), chance.choice(HOT)
            STEPS[name](store, key)
            mine[name, key] += 1
        done.append(mine)

    together(*(lambda seed=seed: work(seed) for seed in range(THREADS)))

    total = sum(done, Counter[tuple[str, str]]())
    assert total.total() == THREADS * OPERATIONS
    for key in HOT:
        assert store.get(f"i:{key}") == total["incr", key]
        assert store.get(f"u:{key}") == total["update", key]
        assert len(store.get(f"e:{key}")) == total["edit", key]
        assert store.namespace("n").get(key) == total["namespace", key]
    assert len(store._keys) == 0


def test_looking_for_a_key_that_others_remove_is_no_error(restless: None) -> None:
    store = storage.LruMemoryStorage(10)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            store.set("k", 1)
            store.delete("k")

    def look() -> None:
        try:
            for _ in range(20_000):
                store.has("k")
                store.get("k")
                store.touch("k")
        finally:
            stop.set()

    together(change, change, look)


def _for_ever(store: Any, chance: random.Random) -> None:
    while True:
        STEPS[chance.choice(list(STEPS))](store, "h0")


def test_a_close_beside_other_threads_is_an_answer_or_a_closed_error(
    make: Callable[[], Any],
) -> None:
    for _ in range(3):
        store = make()
        store.set("h0", 0)
        began = threading.Semaphore(0)

        def work(seed: int, store: Any = store, began: Any = began) -> None:
            chance = random.Random(seed)
            began.release()
            with pytest.raises(ClosedError, match=re.escape(label(store))):
                _for_ever(store, chance)

        def end(store: Any = store, began: Any = began) -> None:
            for _ in range(4):
                began.acquire()
            store.close()

        together(*(lambda seed=seed: work(seed) for seed in range(4)), end)
        until(lambda store=store: len(store._keys) == 0)  # type: ignore[misc]


def test_close_twice_is_fine_and_use_after_it_is_a_closed_error(make: Callable[[], Any]) -> None:
    store = make()
    view = store.namespace("view")
    view.set("a", 1)
    store.close()
    store.close()

    for name, step in STEPS.items():
        with pytest.raises(ClosedError):
            step(store, "a")
        with pytest.raises(ClosedError):
            step(view, "a")
        assert name in STEPS
    view.close()
    with pytest.raises(ClosedError):
        view.get("a")


def test_closing_a_view_leaves_its_base_and_other_views_open(make: Callable[[], Any]) -> None:
    store = make()
    one, two = store.namespace("v"), store.namespace("v")

    one.close()

    two.set("a", 1)
    assert two.get("a") == 1
    store.set("a", 2)
    with pytest.raises(ClosedError):
        one.get("a")


def test_a_store_that_is_closed_inside_a_change_is_closed(make: Callable[[], Any]) -> None:
    store = make()
    store.set("k", {"n": 1})

    def change(value: Any) -> Any:
        store.close()
        return {**value, "n": 2}

    with pytest.raises(ClosedError):
        store.update("k", change)
    assert len(store._keys) == 0


def nested_update(first: Any, second: Any, one: str, two: str) -> None:
    def change(value: int) -> int:
        second.update(two, lambda inner: inner + 1, default=0)
        return value + 1

    first.update(one, change, default=0)


def nested_edit(first: Any, second: Any, one: str, two: str) -> None:
    with first.edit(one, default={}) as outer:
        with second.edit(two, default={}) as inner:
            inner[f"{one}{len(inner)}"] = 1
        outer["touched"] = True


@pytest.mark.parametrize("nest", [nested_update, nested_edit])
def test_changes_nested_in_opposite_order_all_finish(
    nest: Callable[..., None], make: Callable[[], Any]
) -> None:
    store = make()
    turns = 15

    def work(one: str, two: str) -> None:
        for _ in range(turns):
            try:
                nest(store, store, one, two)
            except ConflictError:
                assert nest is nested_edit  # the same member, changed twice: said, not lost

    orders = [("a", "b"), ("b", "a"), ("a", "b"), ("b", "a")]
    together(*(lambda order=order: work(*order) for order in orders))

    assert len(store._keys) == 0
    if nest is nested_update:
        # An outer change that lost its race runs again, and its inner one with it.
        assert store.get("a") >= 4 * turns
        assert store.get("b") >= 4 * turns


def test_changes_nested_through_three_stores_all_finish(file: Path, opened: Open) -> None:
    stores = [opened("SqliteStorage", file), opened("MemoryStorage"), opened("LruMemoryStorage", 9)]

    def work(shift: int) -> None:
        first, second, third = stores[shift:] + stores[:shift]

        def outer(value: int) -> int:
            nested_update(second, third, "k", "k")
            return value + 1

        for _ in range(15):
            first.update("k", outer, default=0)

    together(*(lambda shift=shift: work(shift % 3) for shift in range(6)))

    for store in stores:
        assert store.get("k") >= 30
        assert len(store._keys) == 0


def test_making_stores_beside_nested_changes_harms_nobody(restless: None) -> None:
    store = storage.MemoryStorage({"a": 0, "b": 0})
    stop = threading.Event()

    def make_stores() -> None:
        while not stop.is_set():
            for _ in range(50):
                storage.MemoryStorage().set("k", 1)

    def nest(one: str, two: str) -> None:
        try:
            for _ in range(300):
                nested_update(store, store, one, two)
        finally:
            stop.set()

    together(make_stores, lambda: nest("a", "b"), lambda: nest("b", "a"), lambda: nest("a", "b"))

    assert len(store._keys) == 0
