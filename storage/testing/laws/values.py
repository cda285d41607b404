"""What comes back: the same value, always a copy, or a refusal before anything is touched."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final

import pytest

from ...errors import UnstorableError, UnsupportedError
from ...records import MISSING
from .. import strategies
from ..model import exact
from .calls import has_steps
from .suite import Suite, assert_steps_refused, for_all, stepping

FALSY: Final[tuple[Any, ...]] = (None, 0, "", False, {}, [], 0.0)


def _cycle() -> list[Any]:
    inside: list[Any] = []
    inside.append(inside)
    return inside


def _deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]
    return value


UNSTORABLE: Final[dict[str, tuple[Callable[[], Any], str]]] = {
    "a decimal": (lambda: {"cart": [1, 2, {"price": Decimal("1.50")}]}, "$.cart[2].price"),
    "a set": (lambda: [0, {1, 2}], "$[1]"),
    "bytes": (lambda: {"a": b"x"}, "$.a"),
    "a tuple": (lambda: {"a": (1, 2)}, "$.a"),
    "a datetime": (lambda: {"a": datetime(2026, 1, 1, tzinfo=timezone.utc)}, "$.a"),
    "an object": (object, "$"),
    "a function": (lambda: [len], "$[0]"),
    "nan": (lambda: {"a": [math.nan]}, "$.a[0]"),
    "infinity": (lambda: -math.inf, "$"),
    "an integer beyond 2**53": (lambda: {"id": 2**53}, "$.id"),
    "an integer key": (lambda: {"a": {1: "one"}}, "$.a"),
    "a key of None": (lambda: {None: 1}, "$"),
    "a subclass of dict": (lambda: OrderedDict(a=1), "$"),
    "two halves of a character": (lambda: {"a": "\ud83d\ude00"}, "$.a"),
    "a missing value": (lambda: {"a": MISSING}, "$.a"),
    "a cycle": (_cycle, "$"),
    "ten thousand levels": (_deep, "$"),
}


def _edit(store: Any, value: Any) -> None:
    with store.edit("k") as draft:
        draft["new"] = value


REFUSALS: Final[dict[str, tuple[Callable[[Any, Any], object], str]]] = {
    "set": (lambda s, v: s.set("k", v), ""),
    "set_many": (lambda s, v: s.set_many({"other": 1, "k": v, "last": 2}), ""),
    "add": (lambda s, v: s.add("k", v), ""),
    "swap new": (lambda s, v: s.swap("k", {"n": 1}, v), ""),
    "swap old": (lambda s, v: s.swap("k", v, 1), ""),
    "update": (lambda s, v: s.update("k", lambda _: v), ""),
    "edit": (_edit, ".new"),
}
"""Each is called on a key that holds `{"n": 1}`; the path begins with what stands second."""


class Values(Suite):
    def test_what_is_set_is_got_with_its_types(self, store: Any) -> None:
        def law(value: Any) -> None:
            store.set("k", value)

            assert exact(store.get("k")) == exact(value)

        for_all(law, strategies.values())

    def test_every_way_in_and_out_gives_the_same(self, store: Any) -> None:
        def law(value: Any) -> None:
            store.delete_many(["a", "b", "c", "d", "e"])
            ways = 2
            store.set_many({"a": value})
            store.set("b", value)
            if has_steps(store):
                ways = 5
                store.add("c", value)
                store.update("d", lambda start: start, default=value)
                store.get_or_set("e", lambda: value)

            found = store.get_many(["a", "b", "c", "d", "e"])
            if value is None and not self.knows_none:
                assert found == {}
            else:
                assert [exact(one) for one in found.values()] == [exact(value)] * ways

        for_all(law, strategies.values())

    @pytest.mark.parametrize("value", [1, 1.0, True, 0, 0.0, -0.0, False, "1", None], ids=repr)
    def test_types_are_kept(self, store: Any, value: Any) -> None:
        store.set("k", {"a": value})

        assert exact(store.get("k")) == exact({"a": value})

    def test_long_values_come_back(self, store: Any) -> None:
        value = {"text": "\u00e9\U0001f600x" * 100_000, "list": list(range(50_000))}
        store.set("k", value)

        assert store.get("k") == value

    @pytest.mark.parametrize("value", FALSY, ids=repr)
    def test_falsy_values_are_values(self, store: Any, value: Any) -> None:
        store.set("k", value)
        if value is None and not self.knows_none:
            assert not store.has("k")
            return

        assert store.has("k")
        assert exact(store.get("k", "other")) == exact(value)
        assert exact(store.get("k", MISSING)) == exact(value)
        assert exact(store.get_many(["k"])) == exact({"k": value})
        assert store.expires_at("k") is None
        assert store.touch("k")
        if store.capabilities.iteration:
            assert exact(list(store.items())) == exact([("k", value)])
        assert store.delete("k")

    @pytest.mark.parametrize("value", FALSY, ids=repr)
    @stepping
    def test_falsy_values_are_there_to_every_step(self, store: Any, value: Any) -> None:
        store.set("k", value)
        if value is None and not self.knows_none:
            assert store.add("k", value)
            return

        assert not store.add("k", "other")
        assert exact(store.get_or_set("k", lambda: "other")) == exact(value)
        assert exact(store.update("k", lambda found: found, default="other")) == exact(value)
        assert not store.swap("k", MISSING, "other")
        assert store.swap("k", value, "other")

    @pytest.mark.parametrize("value", [{}, []], ids=repr)
    @stepping
    def test_empty_drafts_can_be_edited(self, store: Any, value: Any) -> None:
        store.set("k", value)

        with store.edit("k", default={"other": 1}) as draft:
            assert draft == value

    def test_missing_is_told_by_a_default(self, store: Any) -> None:
        assert store.get("k") is None
        assert store.get("k", MISSING) is MISSING
        assert store.get("k", 7) == 7
        assert store.get("k", default="seven") == "seven"

    def test_a_default_is_handed_back_as_it_is_and_never_stored(self, store: Any) -> None:
        default = object()

        assert store.get("k", default) is default
        assert not store.has("k")

    def test_a_set_replaces_a_value_of_another_kind(self, store: Any) -> None:
        for value in ({"a": 1}, [1], "text", 5, 1.5, True):
            store.set("k", value)

            assert exact(store.get("k")) == exact(value)


class Copies(Suite):
    def test_changing_what_was_handed_in_changes_nothing(self, store: Any) -> None:
        value: dict[str, Any] = {"a": [1]}
        store.set("set", value)
        store.set_many({"set_many": value})
        value["a"].append(2)

        assert store.get_many(["set", "set_many"]) == {"set": {"a": [1]}, "set_many": {"a": [1]}}

    @stepping
    def test_changing_what_was_handed_to_a_step_changes_nothing(self, store: Any) -> None:
        value: dict[str, Any] = {"a": [1]}
        store.add("add", value)
        store.swap("swap", MISSING, value)
        store.update("update", lambda _: value, default=0)
        store.update("default", lambda found: found, default=value)
        store.get_or_set("get_or_set", lambda: value)
        with store.edit("edit", default={}) as draft:
            draft.update(value)
        value["a"].append(2)

        names = ("add", "swap", "update", "default", "get_or_set", "edit")
        assert store.get_many(names) == {name: {"a": [1]} for name in names}

    def test_changing_what_was_handed_out_changes_nothing(self, store: Any) -> None:
        store.set("k", {"a": [1]})
        handed = [
            store.get("k"),
            store.get_many(["k"])["k"],
        ]
        if store.capabilities.iteration:
            handed += [*store.values(), *(value for _, value in store.items())]
        for value in handed:
            value["a"].append(2)
            value["b"] = 1

        assert store.get("k") == {"a": [1]}

    @stepping
    def test_changing_what_a_step_handed_out_changes_nothing(self, store: Any) -> None:
        store.set("k", {"a": [1]})
        handed = [
            store.update("k", lambda found: found),
            store.update("k", lambda found: {**found}),
            store.get_or_set("k", dict),
        ]
        with store.edit("k") as draft:
            handed.append(draft)
        for value in handed:
            value["a"].append(2)
            value["b"] = 1

        assert store.get("k") == {"a": [1]}

    @stepping
    def test_what_a_first_writer_gets_back_is_its_own(self, store: Any) -> None:
        made = store.get_or_set("a", lambda: {"a": [1]})
        updated = store.update("b", lambda found: found, default={"a": [1]})
        made["a"].append(2)
        updated["a"].append(2)

        assert store.get_many(["a", "b"]) == {"a": {"a": [1]}, "b": {"a": [1]}}

    @stepping
    def test_the_default_of_an_update_is_a_fresh_copy_each_time(self, store: Any) -> None:
        default: dict[str, list[int]] = {"seen": []}

        def change(value: Any) -> Any:
            value["seen"].append(1)
            return value

        for key in ("a", "b", "c"):
            store.update(key, change, default=default)

        assert default == {"seen": []}
        assert store.get_many([*"abc"]) == {key: {"seen": [1]} for key in "abc"}

    @stepping
    def test_the_default_of_an_edit_is_a_fresh_copy_each_time(self, store: Any) -> None:
        default: dict[str, list[int]] = {"seen": []}
        for key in ("a", "b", "c"):
            with store.edit(key, default=default) as draft:
                draft["seen"].append(1)

        assert default == {"seen": []}
        assert store.get_many([*"abc"]) == {key: {"seen": [1]} for key in "abc"}

    @stepping
    def test_a_default_may_be_a_function_that_makes_one(self, store: Any) -> None:
        assert store.update("a", lambda found: {**found, "n": 1}, default=dict) == {"n": 1}
        with store.edit("b", default=list) as draft:
            draft.append(1)

        assert store.get("b") == [1]

    def test_two_reads_are_two_values(self, store: Any) -> None:
        store.set("k", {"a": [1]})
        first, second = store.get("k"), store.get("k")
        first["a"].append(2)

        assert second == {"a": [1]}


class Refusals(Suite):
    @pytest.mark.parametrize("method", REFUSALS)
    def test_the_unstorable_is_refused_before_anything_is_touched(
        self, store: Any, method: str
    ) -> None:
        call, start = REFUSALS[method]
        if method not in ("set", "set_many") and not has_steps(store):
            assert_steps_refused(store)
            return
        for make, path in UNSTORABLE.values():
            store.set("k", {"n": 1})

            with pytest.raises(UnstorableError) as caught:
                call(store, make())

            error = caught.value
            assert error.key == "k"
            assert error.path.startswith(f"${start}{path[1:]}")
            assert error.store
            for part in (error.store, "'k'", error.path):
                assert part in str(error)
            assert store.get_many(["k", "other", "last"]) == {"k": {"n": 1}}

    @stepping
    def test_what_begins_as_unstorable_is_never_stored(self, store: Any) -> None:
        for make, _ in UNSTORABLE.values():
            with pytest.raises(UnstorableError) as caught:
                store.get_or_set("k", make)
            assert caught.value.key == "k"
            with pytest.raises(UnstorableError):
                store.update("k", lambda value: value, default=make())
            with pytest.raises(UnstorableError), store.edit("k", default={}) as draft:
                draft["a"] = make()

            assert not store.has("k")

    def test_a_refusal_leaves_the_key_usable(self, store: Any) -> None:
        store.set("k", {"n": 1})
        refused = UnstorableError if has_steps(store) else (UnstorableError, UnsupportedError)
        for method, (call, _) in REFUSALS.items():
            with pytest.raises(refused):
                call(store, {method})

        assert store.get("k") == {"n": 1}
        store.set("k", {"n": 2})
        assert store.get("k") == {"n": 2}
        if has_steps(store):
            assert store.update("k", lambda value: {"n": value["n"] + 1}) == {"n": 3}

    def test_a_refusal_names_the_place_and_not_the_value(self, store: Any) -> None:
        with pytest.raises(UnstorableError) as caught:
            store.set("k", {"password": {"planted-secret"}})

        assert "planted-secret" not in f"{caught.value!s} {caught.value!r} {caught.value.args}"
        assert "planted-secret" not in str(caught.value.__cause__ or "")
