"""What is over in memory is freed while the store is used, and never seen meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import storage
from storage.memory.kv import MemoryBackend
from storage.testing import Clock

MAKERS: dict[str, Callable[[Any], Any]] = {
    "memory": lambda clock: storage.MemoryStorage(clock=clock),
    "lru": lambda clock: storage.LruMemoryStorage(10_000, clock=clock),
}


class Interrupting:
    """A clock that does something else once, between two steps of who asks it."""

    def __init__(self) -> None:
        self.time = Clock()
        self.meanwhile: Callable[[], object] | None = None

    def __call__(self) -> float:
        then, self.meanwhile = self.meanwhile, None
        if then is not None:
            then()
        return self.time()


def kept(store: Any) -> int:
    """How many entries are in memory."""
    room: MemoryBackend = store._backend._room
    return len(room)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    "write",
    [
        lambda store: store.set("alive", {"n": 1}),
        lambda store: store.set("alive", {"n": 1}, ttl=60),
        lambda store: store.update("alive", lambda value: {"n": value["n"] + 1}),
        lambda store: store.incr("count"),
    ],
    ids=["set", "set with a lifetime", "update", "incr"],
)
def test_whoever_writes_frees_what_is_over(name: str, write: Callable[[Any], object]) -> None:
    clock = Clock()
    store = MAKERS[name](clock)
    store.set("alive", {"n": 0})
    store.set_many({f"k{number}": number for number in range(100)}, ttl=5)
    clock.tick(6)

    for _ in range(50):
        write(store)

    assert kept(store) <= 2


@pytest.mark.parametrize("name", MAKERS)
def test_a_key_that_is_written_over_and_over_leaves_nothing_behind(name: str) -> None:
    clock = Clock()
    store = MAKERS[name](clock)
    for number in range(10_000):
        store.set("k", number, ttl=None if number % 2 else 100)
        clock.tick(0.001)

    assert len(store._backend._room._due._heap) < 5_000


@pytest.mark.parametrize("name", MAKERS)
def test_a_reader_does_not_see_what_somebody_frees_at_this_moment(name: str) -> None:
    clock = Interrupting()
    store = MAKERS[name](clock)
    store.set("over", 1, ttl=5)
    clock.time.tick(6)
    clock.meanwhile = lambda: store.set("other", 2)

    assert store.get("over") is None
    assert store.get("other") == 2


@pytest.mark.parametrize("name", MAKERS)
def test_a_value_that_is_over_before_it_comes_takes_no_room(name: str) -> None:
    clock = Clock()
    store = MAKERS[name](clock)
    store.set("k", 1)
    store.set("k", 2, ttl=clock.now.replace(year=2001))

    assert kept(store) == 0
