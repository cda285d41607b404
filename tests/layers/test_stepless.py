"""Records that say their ends themselves, in a backend that only reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import storage
import storage.aio
from storage import UnsupportedError
from storage.testing import Clock, driven
from tests.contract.stepless import ReadsAndWrites

HALVES = pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "aio"])


class Late(ReadsAndWrites):
    """It shows nothing of what was written."""

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        return [None for _ in names]


def store_over(half: Any, backend: ReadsAndWrites, clock: Clock) -> Any:
    lifted = half.lift(backend) if half is storage.aio else backend
    store = half.enhance_storage(half.Storage(lifted), clock=clock)
    store._owner = True
    return store


@HALVES
def test_what_is_unseen_is_taken_away_all_the_same(half: Any) -> None:
    clock = Clock()
    backend = Late(clock, expires=False)
    with driven(store_over(half, backend, clock)) as store:
        store.set_many({"a": 1, "b": 2, "c": 3}, ttl=10)

        assert store.delete("a") is False
        assert store.delete_many(["b", "c", "nobody"]) == 0
        assert backend.page("", None, False).names == []


@HALVES
def test_what_is_over_stays_where_nobody_can_look_and_take_it_away(half: Any) -> None:
    """Somebody may have written it anew meanwhile."""
    clock = Clock()
    backend = ReadsAndWrites(clock, expires=False)
    with driven(store_over(half, backend, clock)) as store:
        store.set("k", 1, ttl=10)
        clock.tick(10)

        assert store.get("k") is None
        assert list(store.items()) == []
        assert backend.page("", None, False).names == ["k"]
        assert store.delete("k") is False
        assert backend.page("", None, False).names == []


@HALVES
def test_an_end_that_stands_in_a_record_is_not_kept_or_moved_either(half: Any) -> None:
    clock = Clock()
    backend = ReadsAndWrites(clock, expires=False)
    with driven(store_over(half, backend, clock)) as store:
        store.set("k", 1, ttl=10)
        for refused in (
            lambda: store.set("k", 2, ttl=storage.KEEP),
            lambda: store.set_many({"k": 2}, ttl=storage.KEEP),
            lambda: store.touch("k", ttl=20),
        ):
            with pytest.raises(UnsupportedError):
                refused()

        clock.tick(9.999)
        assert (store.get("k"), store.touch("k")) == (1, True)
        clock.tick(0.001)
        assert (store.get("k"), store.touch("k")) == (None, False)
