"""Who makes room in a bounded store, step by step; the machine in `tests/model` walks at random."""

from __future__ import annotations

from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import Bridge, Clock


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def store(request: pytest.FixtureRequest, clock: Clock) -> Any:
    with Bridge() as bridge, bridge.driven(request.param.LruMemoryStorage(2, clock=clock)) as lru:
        yield lru


@pytest.fixture
def clock() -> Clock:
    return Clock()


def left(store: Any) -> list[str]:
    return sorted(store.keys())


def test_the_one_that_was_not_used_longest_makes_room(store: Any) -> None:
    store.set_many({"a": 1, "b": 2})
    store.set("c", 3)

    assert left(store) == ["b", "c"]


def test_get_counts_as_use(store: Any) -> None:
    store.set_many({"a": 1, "b": 2})
    store.get("a")
    store.set("c", 3)

    assert left(store) == ["a", "c"]


def test_set_counts_as_use(store: Any) -> None:
    store.set_many({"a": 1, "b": 2})
    store.set("a", 10)
    store.set("c", 3)

    assert left(store) == ["a", "c"]


def test_has_expires_at_and_listing_do_not_count_as_use(store: Any) -> None:
    store.set_many({"a": 1, "b": 2})
    store.has("a")
    store.expires_at("a")
    list(store.items())
    store.set("c", 3)

    assert left(store) == ["b", "c"]


def test_what_is_over_goes_before_what_is_alive(store: Any, clock: Clock) -> None:
    store.set("a", 1)
    store.set("b", 2, ttl=5)
    clock.tick(6)
    store.set("c", 3)

    assert left(store) == ["a", "c"]


def test_a_key_that_is_there_makes_nobody_leave(store: Any) -> None:
    store.set_many({"a": 1, "b": 2})
    store.incr("b")

    assert left(store) == ["a", "b"]


@pytest.mark.parametrize("most", [0, -1, 0.5, float("nan"), float("inf"), True, None, "5"])
@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "aio"])
def test_the_bound_is_a_positive_finite_number(half: Any, most: Any) -> None:
    with pytest.raises(ValueError, match="max must be"):
        half.LruMemoryStorage(most)
