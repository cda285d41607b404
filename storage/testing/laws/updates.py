"""`update`: nothing between the read and the write is lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ...errors import ReentryError
from ...records import DELETE
from ..clock import Clock
from ..model import exact
from ..threads import PATIENCE_SECONDS, crowd, elsewhere
from .suite import Suite, expiring, stepping


@stepping
class Updates(Suite):
    def test_update_stores_and_gives_what_the_function_makes(self, store: Any) -> None:
        store.set("k", {"n": 1})

        assert store.update("k", lambda value: {"n": value["n"] + 1}) == {"n": 2}
        assert store.get("k") == {"n": 2}

    def test_update_of_a_missing_key_is_a_key_error(self, store: Any) -> None:
        ran: list[object] = []

        with pytest.raises(KeyError, match="nobody"):
            store.update("nobody", ran.append)

        assert not ran
        assert not store.has("nobody")

    def test_a_missing_key_begins_as_the_default(self, store: Any) -> None:
        assert store.update("k", lambda value: value + 1, default=10) == 11
        assert store.update("k", lambda value: value + 1, default=10) == 12

    def test_a_default_of_none_is_a_default(self, store: Any) -> None:
        assert store.update("k", lambda value: [value], default=None) == [None]

    def test_the_default_is_stored_when_the_function_leaves_it_as_it_is(self, store: Any) -> None:
        assert store.update("k", lambda value: value, default={"n": 1}) == {"n": 1}
        assert store.get("k") == {"n": 1}

    def test_delete_as_the_answer_removes(self, store: Any) -> None:
        store.set("k", 1)

        assert store.update("k", lambda value: DELETE) is DELETE
        assert not store.has("k")
        assert store.update("k", lambda value: DELETE, default=1) is DELETE
        assert not store.has("k")

    def test_none_as_the_answer_is_a_value(self, store: Any) -> None:
        store.set("k", 1)

        assert store.update("k", lambda value: None) is None
        assert store.has("k") is self.knows_none

    @expiring
    def test_the_same_value_back_leaves_the_expiry(self, store: Any, clock: Clock) -> None:
        store.set("k", {"a": 1, "b": 2}, ttl=10)
        self.tick(clock, 4)
        store.update("k", lambda value: value)
        store.update("k", lambda value: {"b": 2, "a": 1})

        self.assert_ends(store, clock, "k", 6)

    def test_the_same_value_back_writes_nothing(self, store: Any) -> None:
        """So a change that somebody else makes meanwhile stands."""
        store.set("k", 1)

        def change(value: int) -> int:
            elsewhere(store.set, "k", 2)
            return value

        assert store.update("k", change) == 1
        assert store.get("k") == 2

    @pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), (0.0, -0.0)])
    def test_a_value_of_another_type_is_another_value(
        self, store: Any, one: Any, other: Any
    ) -> None:
        for before, after in ((one, other), (other, one)):
            store.set("k", {"n": before})
            store.update("k", lambda value, after=after: {"n": after})

            assert exact(store.get("k")) == exact({"n": after})

    def test_the_function_runs_again_when_somebody_was_faster(self, store: Any) -> None:
        store.set("k", 1)
        seen: list[int] = []

        def change(value: int) -> int:
            seen.append(value)
            if len(seen) < 4:
                elsewhere(store.set, "k", value * 10)
            return value + 1

        assert store.update("k", change) == 1001
        assert seen == [1, 10, 100, 1000]
        assert store.get("k") == 1001

    def test_the_function_runs_again_when_the_key_was_removed(self, store: Any) -> None:
        store.set("k", 5)
        seen: list[int] = []

        def change(value: int) -> int:
            seen.append(value)
            if len(seen) == 1:
                elsewhere(store.delete, "k")
            return value + 1

        assert store.update("k", change, default=100) == 101
        assert seen == [5, 100]

    def test_a_key_removed_meanwhile_is_missing(self, store: Any) -> None:
        store.set("k", 5)

        def change(value: int) -> int:
            store.delete("k")
            return value + 1

        with pytest.raises(KeyError):
            store.update("k", change)
        assert not store.has("k")

    def test_the_function_runs_again_when_the_key_was_made(self, store: Any) -> None:
        seen: list[int] = []

        def change(value: int) -> int:
            seen.append(value)
            if len(seen) == 1:
                elsewhere(store.set, "k", 7)
            return value + 1

        assert store.update("k", change, default=0) == 8
        assert seen == [0, 7]

    def test_the_function_gets_a_copy_of_the_default_each_time(self, store: Any) -> None:
        seen: list[str] = []

        def change(value: list[int]) -> list[int]:
            seen.append(exact(value))
            value.append(1)
            if len(seen) == 1:
                elsewhere(store.set, "k", [7])
            elif len(seen) == 2:
                elsewhere(store.delete, "k")
            return value

        assert store.update("k", change, default=[]) == [1]
        assert seen == ["[]", "[7]", "[]"]

    def test_a_removal_is_not_done_to_what_came_meanwhile(self, store: Any) -> None:
        store.set("k", 1)
        seen: list[int] = []

        def change(value: int) -> Any:
            seen.append(value)
            if len(seen) == 1:
                elsewhere(store.set, "k", 2)
            return DELETE if value == 1 else value * 10

        assert store.update("k", change) == 20
        assert store.get("k") == 20

    def test_an_error_in_the_function_leaves_all_as_it_was(self, store: Any) -> None:
        store.set("k", {"a": [1]})

        def change(value: Any) -> Any:
            value["a"].append(2)
            raise LookupError("of the user")

        with pytest.raises(LookupError, match="of the user"):
            store.update("k", change)

        assert store.get("k") == {"a": [1]}
        assert elsewhere(store.update, "k", lambda value: {"a": 2}) == {"a": 2}

    def test_an_error_in_the_function_makes_no_key(self, store: Any) -> None:
        with pytest.raises(ZeroDivisionError):
            store.update("k", lambda value: 1 // value, default=0)

        assert not store.has("k")
        assert elsewhere(lambda: store.update("k", lambda value: value + 1, default=0)) == 1

    @pytest.mark.parametrize("inner", ["update", "edit", "get_or_set"])
    def test_a_key_that_is_being_changed_can_not_be_changed_in_there(
        self, store: Any, inner: str
    ) -> None:
        def change(value: Any) -> Any:
            if inner == "update":
                store.update("k", lambda value: value)
            elif inner == "get_or_set":
                store.delete("k")
                store.get_or_set("k", dict)
            else:
                with store.edit("k"):
                    pytest.fail("this would be lost")
            return value

        store.set("k", {"n": 1})

        with pytest.raises(ReentryError) as caught:
            store.update("k", change)

        assert caught.value.store
        assert caught.value.key == "k"
        store.set("k", {"n": 2})
        assert elsewhere(store.update, "k", lambda value: value) == {"n": 2}

    def test_other_keys_can_be_changed_in_there(self, store: Any) -> None:
        store.set_many({"a": 1, "b": 10})

        assert store.update("a", lambda a: a + store.update("b", lambda b: b + a)) == 12
        assert store.get_many([*"ab"]) == {"a": 12, "b": 11}

    def test_the_key_can_be_read_in_there(self, store: Any) -> None:
        store.set("k", 1)

        def change(value: int) -> int:
            assert store.get("k") == 1
            assert store.has("k")
            return value + 1

        assert store.update("k", change) == 2

    def test_two_who_want_each_others_key_both_come_through(self, store: Any) -> None:
        store.set_many({"a": 0, "b": 0})
        meet = threading.Barrier(2)

        def change(mine: str, others: str) -> None:
            def with_both(value: int) -> int:
                if not value % 100:
                    meet.wait(PATIENCE_SECONDS)
                store.update(others, lambda other: other + 1)
                return value + 100

            store.update(mine, with_both)

        crowd([lambda: change("a", "b"), lambda: change("b", "a")])

        assert store.get_many([*"ab"]).keys() == {"a", "b"}
