"""Iteration and batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from .. import strategies
from ..strategies import NASTY_KEYS
from ..threads import elsewhere
from .calls import WALKS
from .suite import Suite, for_all, listing, stepping

MANY: Final = 2000

EDGES: Final = (
    *("", "a", "a\0", "a\ud7ff", "a\ud7ffb", "a\ue000", "a\uffff", "a\U00010000", "a\U0010ffff"),
    *("a\U0010ffff\U0010ffff", "a\U0010ffffb", "b", "\U0010ffff", "\U0010ffff\U0010ffff", "A"),
    *("aa", "a%", "a_", "a*", "a?", "a[", "a]", "a\\", "a~", "~a", "~~a", "~", "\ud7ff", "\ue000"),
)


class Walks(Suite):
    @listing
    def test_keys_values_and_items_tell_the_same(self, store: Any) -> None:
        values = {f"k{number}": {"n": [number]} for number in range(20)}
        store.set_many(values)

        assert sorted(store.keys()) == sorted(values)
        assert dict(store.items()) == values
        assert sorted(value["n"] for value in store.values()) == [[n] for n in range(20)]

    @listing
    def test_an_empty_store_lists_nothing(self, store: Any) -> None:
        for walk in WALKS.values():
            assert walk(store) == []

    @listing
    def test_a_prefix_is_taken_letter_by_letter(self, store: Any) -> None:
        keys = self.keys_among(EDGES)
        store.set_many({key: [key] for key in keys})

        for prefix in (*EDGES, "ab", "\ud7ff\ud7ff"):
            found = sorted(key for key in keys if key.startswith(prefix))
            assert sorted(store.keys(prefix)) == found
            assert sorted(store.items(prefix)) == [(key, [key]) for key in found]
            assert sorted(store.values(prefix)) == [[key] for key in found]

    @listing
    def test_a_prefix_is_taken_letter_by_letter_in_a_namespace(self, store: Any) -> None:
        inner = store.namespace("a")
        store.set_many(dict.fromkeys(self.keys_among(EDGES), 1))
        inner.set_many(dict.fromkeys(EDGES, 2))

        for prefix in EDGES:
            found = [key for key in EDGES if key.startswith(prefix)]
            assert sorted(inner.items(prefix)) == sorted((key, 2) for key in found)

    @listing
    def test_any_prefix_of_any_keys(self, store: Any) -> None:
        def law(keys: set[str], prefix: str) -> None:
            store.clear(everything=True)
            store.set_many(dict.fromkeys(keys, 1))

            assert sorted(store.keys(prefix)) == sorted(k for k in keys if k.startswith(prefix))

        prefixes = strategies.keys().map(lambda key: key[:2])
        for_all(law, st.sets(self.keys(), max_size=8), prefixes)

    @listing
    def test_iteration_comes_to_all_of_many_keys_while_others_come_and_go(self, store: Any) -> None:
        store.set_many({f"stays{number:04}": number for number in range(MANY)})
        store.set_many({f"goes{number:04}": number for number in range(MANY // 4)})
        found = []
        for place, key in enumerate(store.keys()):
            found.append(key)
            if place % 8 == 0:
                store.delete(f"goes{place // 8:04}")
                store.set(f"comes{place:04}", place)

        stays = [key for key in found if key.startswith("stays")]
        assert set(stays) == {f"stays{number:04}" for number in range(MANY)}
        assert all(key.startswith(("stays", "goes", "comes")) for key in found)

    @listing
    def test_values_are_those_of_their_keys_over_many_pages(self, store: Any) -> None:
        store.set_many({f"k{number}": number for number in range(MANY)})

        found = dict(store.items())
        assert found == {f"k{number}": number for number in range(MANY)}
        assert sorted(store.values()) == sorted(found.values())

    @listing
    def test_unique_never_repeats_a_key(self, store: Any) -> None:
        store.set_many({f"k{number:04}": number for number in range(MANY // 2)})
        found = []
        for place, (key, _) in enumerate(store.items(unique=True)):
            found.append(key)
            if place % 10 == 0:
                store.delete(key)
                store.set(key, place)

        assert len(found) == len(set(found))
        assert set(found) == {f"k{number:04}" for number in range(MANY // 2)}

    @listing
    def test_iteration_can_be_given_up(self, store: Any) -> None:
        store.set_many({f"k{number}": number for number in range(MANY // 2)})
        for walk in (store.keys, store.values, store.items):
            assert next(iter(walk())) is not None

        store.set("k1", "new")
        assert store.get("k1") == "new"
        assert elsewhere(store.delete, "k1")

    @listing
    def test_every_call_begins_a_new_iteration(self, store: Any) -> None:
        store.set_many({"a": 1, "b": 2})
        first, second = store.keys(), store.keys()

        assert sorted([next(first), next(first)]) == ["a", "b"]
        assert sorted(second) == ["a", "b"]
        assert list(first) == []

    @listing
    def test_a_key_can_be_written_while_it_is_visited(self, store: Any) -> None:
        store.set_many({f"k{number}": number for number in range(50)})
        for key, value in store.items(unique=True):
            store.set(key, value + 100)

        assert sorted(store.values()) == list(range(100, 150))

    @listing
    @stepping
    def test_a_key_can_be_changed_while_it_is_visited(self, store: Any) -> None:
        store.set_many({f"k{number}": number for number in range(50)})
        for key in store.keys(unique=True):
            store.update(key, lambda value: value + 100)

        assert sorted(store.values()) == list(range(100, 150))

    def test_what_to_do_with_the_unreadable_is_checked_at_the_call(self, store: Any) -> None:
        for walk in (store.values, store.items):
            with pytest.raises(ValueError, match="on_corrupt"):
                walk(on_corrupt="ignore")

    @listing
    def test_clear_says_how_many_there_were(self, store: Any) -> None:
        keys = self.keys_among(NASTY_KEYS)
        store.set_many(dict.fromkeys(keys, 1))

        assert store.clear(everything=True) == len(keys)
        assert list(store.keys()) == []
        assert store.clear(everything=True) == 0


class Batches(Suite):
    def test_get_many_gives_those_that_are_there(self, store: Any) -> None:
        store.set_many({"a": 1, "b": None, "c": [3]})

        found = store.get_many(["a", "x", "c", "y"])
        assert found == {"a": 1, "c": [3]}
        assert store.get_many(["x"]) == {}

    def test_batches_take_duplicates_once(self, store: Any) -> None:
        store.set_many({"a": 1, "b": 2})

        assert store.get_many(["a", "a", "b", "a"]) == {"a": 1, "b": 2}
        assert store.delete_many(["a", "a", "x", "x"]) == 1
        assert store.get_many(["a", "b"]) == {"b": 2}

    def test_batches_may_be_empty(self, store: Any) -> None:
        store.set("a", 1)
        store.set_many({})

        assert store.get_many([]) == {}
        assert store.delete_many([]) == 0
        assert store.get("a") == 1

    def test_batches_take_any_iterable(self, store: Any) -> None:
        def names() -> Iterator[str]:
            yield from ("a", "b", "x")

        store.set_many({"a": 1, "b": 2})

        assert store.get_many(names()) == {"a": 1, "b": 2}
        assert store.get_many({"a", "x"}) == {"a": 1}
        assert store.get_many({"b": None}) == {"b": 2}
        assert store.delete_many(names()) == 2

    def test_batches_may_be_long(self, store: Any) -> None:
        values = {f"k{number}": {"n": number} for number in range(MANY)}
        store.set_many(values)

        assert store.get_many([*values, "x"]) == values
        assert store.delete_many([*values, "x"]) == MANY
        assert store.get_many(values) == {}

    def test_set_many_replaces_and_adds(self, store: Any) -> None:
        store.set("a", {"old": 1})
        store.set_many({"a": 1, "b": 2})

        assert store.get_many(["a", "b"]) == {"a": 1, "b": 2}

    def test_a_batch_does_what_its_calls_do(self, store: Any) -> None:
        def law(values: dict[str, Any], others: list[str]) -> None:
            names = [*values, *others]
            store.delete_many(names)
            store.set_many(values)
            single = {key: store.get(key) for key in names if store.has(key)}

            assert store.get_many(names) == single
            assert store.delete_many(names) == len(single)
            assert store.get_many(names) == {}

        values = st.dictionaries(self.keys(), strategies.values(3), max_size=5)
        for_all(law, values, st.lists(self.keys(), max_size=3), share=0.5)

    def test_delete_says_whether_the_key_was_there(self, store: Any) -> None:
        store.set("k", 1)

        assert store.delete("k") is True
        assert store.delete("k") is False
