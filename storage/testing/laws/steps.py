"""The small atomic steps: `add`, `swap`, `incr`."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import strategies as st

from ...errors import UnstorableError, WrongTypeError
from ...records import DELETE, MISSING
from .. import strategies
from ..model import exact
from ..strategies import SAFE
from .suite import Suite, for_all, stepping

ALIKE: Final[tuple[tuple[Any, Any], ...]] = (
    *((1, True), (1, 1.0), (0, False), (0, 0.0), (0.0, -0.0)),
    *((0, ""), ("1", 1), ([], {})),
)
NO_INTEGERS: Final[tuple[Any, ...]] = (
    *(1.0, 1.5, True, False, "1", "text", ""),
    *([], [1], {}, {"n": 1}, None),
)


@stepping
class Adding(Suite):
    def test_add_stores_what_is_missing_only(self, store: Any) -> None:
        assert store.add("k", {"n": 1}) is True
        assert store.add("k", {"n": 2}) is False
        assert store.get("k") == {"n": 1}

    def test_add_after_delete_stores(self, store: Any) -> None:
        store.set("k", 1)
        store.delete("k")

        assert store.add("k", 2) is True
        assert store.get("k") == 2


@stepping
class Swapping(Suite):
    def test_swap_replaces_what_is_there(self, store: Any) -> None:
        store.set("k", {"a": [1]})

        assert store.swap("k", {"a": [1]}, {"a": [2]}) is True
        assert store.get("k") == {"a": [2]}

    def test_swap_leaves_anything_else_alone(self, store: Any) -> None:
        store.set("k", {"a": [1]})

        others: list[Any] = [{"a": [2]}, {"a": [1], "b": 1}, {}, [1], "text", 0, MISSING]
        for other in others:
            assert store.swap("k", other, "new") is False
        assert store.get("k") == {"a": [1]}

    def test_swap_of_a_missing_key_does_nothing(self, store: Any) -> None:
        olds: list[Any] = [1, {}, "", "text"]
        for old in olds:
            assert store.swap("k", old, 2) is False
        assert not store.has("k")

    def test_swap_from_missing_adds(self, store: Any) -> None:
        assert store.swap("k", MISSING, 1) is True
        assert store.swap("k", MISSING, 2) is False
        assert store.get("k") == 1

    def test_swap_to_delete_removes(self, store: Any) -> None:
        store.set("k", 1)

        assert store.swap("k", 2, DELETE) is False
        assert store.has("k")
        assert store.swap("k", 1, DELETE) is True
        assert not store.has("k")
        assert store.swap("k", 1, DELETE) is False

    def test_swap_from_missing_to_delete_says_whether_it_was_missing(self, store: Any) -> None:
        assert store.swap("k", MISSING, DELETE) is True
        store.set("k", 1)
        assert store.swap("k", MISSING, DELETE) is False
        assert store.get("k") == 1

    @pytest.mark.parametrize(("one", "other"), ALIKE, ids=repr)
    def test_swap_tells_types_apart(self, store: Any, one: Any, other: Any) -> None:
        for there, asked in ((one, other), (other, one)):
            store.set("k", {"n": there})

            assert store.swap("k", {"n": asked}, "new") is False
            assert exact(store.get("k")) == exact({"n": there})
            assert store.swap("k", {"n": there}, "new") is True

    def test_the_order_of_members_says_nothing(self, store: Any) -> None:
        store.set("k", {"a": 1, "b": {"c": 2, "d": 3}})

        assert store.swap("k", {"b": {"d": 3, "c": 2}, "a": 1}, "new") is True

    def test_swap_finds_whatever_was_stored(self, store: Any) -> None:
        def law(one: Any, other: Any) -> None:
            store.set("k", one)
            if one is None and not self.knows_none:
                return
            assert store.swap("k", other, "new") is (exact(one) == exact(other))
            store.set("k", one)
            assert store.swap("k", one, other) is True
            assert exact(store.get("k")) == exact(other)

        for_all(law, strategies.values(), strategies.values())


@stepping
class Counting(Suite):
    def test_incr_counts_from_nothing(self, store: Any) -> None:
        assert [store.incr("k") for _ in range(3)] == [1, 2, 3]
        assert exact(store.get("k")) == "3"

    def test_incr_counts_from_what_is_there(self, store: Any) -> None:
        store.set("k", 41)

        assert store.incr("k") == 42
        assert store.incr("k", 8, initial=1000) == 50

    def test_incr_begins_where_it_is_told(self, store: Any) -> None:
        assert store.incr("k", 5, initial=10) == 15
        assert store.incr("j", initial=-1) == 0

    def test_incr_counts_down_and_by_nothing(self, store: Any) -> None:
        assert store.incr("k", -5) == -5
        assert store.incr("k", 0) == -5
        assert store.incr("j", 0) == 0
        assert store.get("j") == 0

    @pytest.mark.parametrize("value", NO_INTEGERS, ids=repr)
    def test_incr_of_what_is_no_integer_is_refused_and_changes_nothing(
        self, store: Any, value: Any
    ) -> None:
        store.set("k", value)
        if value is None and not self.knows_none:
            assert store.incr("k") == 1
            return

        with pytest.raises(WrongTypeError) as caught:
            store.incr("k")

        assert caught.value.key == "k"
        assert caught.value.store
        assert exact(store.get("k")) == exact(value)

    @pytest.mark.parametrize("number", [1.0, 1.5, True, "1", None], ids=repr)
    def test_incr_by_what_is_no_integer_is_refused(self, store: Any, number: Any) -> None:
        store.set("k", 1)

        with pytest.raises(TypeError):
            store.incr("k", number)
        with pytest.raises(TypeError):
            store.incr("new", initial=number)

        assert store.get("k") == 1
        assert not store.has("new")

    @pytest.mark.parametrize("sign", [1, -1])
    def test_incr_ends_where_the_integers_of_javascript_do(self, store: Any, sign: int) -> None:
        store.set("k", sign * (SAFE - 1))
        assert store.incr("k", sign) == sign * SAFE

        for by in (sign, sign * 2**70):
            with pytest.raises(UnstorableError) as caught:
                store.incr("k", by)
            assert caught.value.key == "k"
            assert caught.value.store
            assert str(SAFE) not in str(caught.value)
        with pytest.raises(UnstorableError):
            store.incr("new", sign, initial=sign * SAFE)

        assert store.get("k") == sign * SAFE
        assert not store.has("new")

    def test_incr_is_addition(self, store: Any) -> None:
        def law(start: int, by: int) -> None:
            store.set("k", start)
            if abs(start + by) <= SAFE:
                assert store.incr("k", by) == start + by
                assert exact(store.get("k")) == exact(start + by)
                return
            with pytest.raises(UnstorableError):
                store.incr("k", by)
            assert store.get("k") == start

        edges = st.sampled_from([0, 1, -1, SAFE, -SAFE, SAFE - 1, 1 - SAFE])
        integers = st.one_of(edges, st.integers(-SAFE, SAFE))
        for_all(law, integers, integers)
