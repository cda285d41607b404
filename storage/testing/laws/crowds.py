"""Many at once: nothing is lost, and nothing is made twice."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import pytest

from ..threads import crowd
from .calls import has_steps
from .suite import Suite, stepping

THREADS: Final = 8
TURNS: Final = 125


class Crowds(Suite):
    """Many threads at once; where the store is an asyncio one, each is a task of its own."""

    @stepping
    def test_no_update_is_lost(self, store: Any) -> None:
        def count() -> None:
            for _ in range(TURNS):
                store.update("k", lambda value: value + 1, default=0)

        crowd([count] * THREADS)

        assert store.get("k") == THREADS * TURNS

    @stepping
    def test_no_increment_is_lost(self, store: Any) -> None:
        def count() -> list[int]:
            return [store.incr("k") for _ in range(TURNS)]

        told = crowd([count] * THREADS)

        assert store.get("k") == THREADS * TURNS
        sums = sorted(total for one in told for total in one)
        assert sums == list(range(1, THREADS * TURNS + 1))

    @stepping
    def test_no_edit_is_lost(self, store: Any) -> None:
        def count(member: str) -> None:
            for _ in range(TURNS):
                with store.edit("k", default={}) as draft:
                    draft[member] = draft.get(member, 0) + 1

        crowd([partial(count, f"m{n}") for n in range(THREADS)])

        assert store.get("k") == {f"m{n}": TURNS for n in range(THREADS)}

    @stepping
    def test_no_swap_is_lost(self, store: Any) -> None:
        store.set("k", 0)

        def count() -> None:
            done = 0
            while done < TURNS // 5:
                value = store.get("k")
                done += store.swap("k", value, value + 1)

        crowd([count] * THREADS)

        assert store.get("k") == THREADS * (TURNS // 5)

    @stepping
    def test_updates_incr_and_edits_of_many_keys_at_once(self, store: Any) -> None:
        store.set_many({f"edit{n}": {} for n in range(4)})

        def work() -> None:
            for turn in range(TURNS // 5):
                store.update(f"update{turn % 4}", lambda value: value + 1, default=0)
                store.incr(f"incr{turn % 4}")
                with store.edit(f"edit{turn % 4}") as draft:
                    draft["n"] = draft.get("n", 0) + 1

        crowd([work] * THREADS)

        total = THREADS * (TURNS // 5)
        assert sum(store.get(f"update{n}") for n in range(4)) == total
        assert sum(store.get(f"incr{n}") for n in range(4)) == total
        assert sum(store.get(f"edit{n}")["n"] for n in range(4)) == total

    @stepping
    def test_one_of_all_who_add_wins(self, store: Any) -> None:
        for turn in range(10):
            told = crowd([partial(store.add, f"k{turn}", n) for n in range(THREADS)])

            winners = [number for number, added in enumerate(told) if added]
            assert winners == [store.get(f"k{turn}")]

    def test_one_of_all_who_delete_is_told_so(self, store: Any) -> None:
        for _ in range(10):
            store.set("k", 1)

            told = sum(crowd([lambda: store.delete("k")] * THREADS))
            assert told == 1 if has_steps(store) else 1 <= told <= THREADS
            assert not store.has("k")

    @stepping
    def test_get_or_set_makes_its_value_once(self, store: Any) -> None:
        made: list[int] = []

        def make() -> dict[str, int]:
            made.append(1)
            return {"n": len(made)}

        told = crowd([lambda: store.get_or_set("k", make)] * THREADS)

        assert made == [1]
        assert told == [{"n": 1}] * THREADS

    @stepping
    def test_who_waits_for_a_key_gets_it_when_the_holder_fails(self, store: Any) -> None:
        store.set("k", 0)

        def fail(value: int) -> int:
            raise LookupError("of the user")

        def attempt(number: int) -> None:
            if number % 2:
                store.update("k", lambda value: value + 1)
                return
            with pytest.raises(LookupError):
                store.update("k", fail)

        crowd([partial(attempt, n) for n in range(THREADS)])

        assert store.get("k") == THREADS // 2


@stepping
class Once(Suite):
    def test_get_or_set_stores_what_it_makes(self, store: Any) -> None:
        assert store.get_or_set("k", lambda: {"n": 1}) == {"n": 1}
        assert store.get_or_set("k", lambda: {"n": 2}) == {"n": 1}
        assert store.get("k") == {"n": 1}

    def test_get_or_set_makes_nothing_for_a_key_that_is_there(self, store: Any) -> None:
        store.set("k", 0)

        assert store.get_or_set("k", lambda: pytest.fail("nobody asked")) == 0

    def test_a_stored_none_is_there(self, store: Any) -> None:
        made: list[int] = []

        for _ in range(3):
            assert store.get_or_set("k", lambda: made.append(1)) is None

        assert len(made) == (1 if self.knows_none else 3)

    def test_an_error_in_the_maker_stores_nothing_and_the_next_may_try(self, store: Any) -> None:
        def fail() -> int:
            raise LookupError("of the user")

        with pytest.raises(LookupError, match="of the user"):
            store.get_or_set("k", fail)

        assert not store.has("k")
        assert crowd([lambda: store.get_or_set("k", lambda: 1)] * 2) == [1, 1]

    def test_what_came_while_it_was_made_stays(self, store: Any) -> None:
        def make() -> str:
            store.set("k", "theirs")
            return "ours"

        assert store.get_or_set("k", make) == "theirs"
        assert store.get("k") == "theirs"

    def test_another_key_can_be_made_in_there(self, store: Any) -> None:
        made = store.get_or_set("a", lambda: [store.get_or_set("b", lambda: 1)])

        assert made == [1]
        assert store.get_many([*"ab"]) == {"a": [1], "b": 1}
