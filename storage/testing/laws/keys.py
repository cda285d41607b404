"""What a key may be, and that namespaces are worlds of their own."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from ...errors import InvalidKeyError, UnsupportedError
from ...records import MISSING
from .. import strategies
from ..strategies import NASTY_KEYS, NASTY_NAMES
from .calls import ON_A_KEY, WALKS, methods_of
from .suite import Suite, for_all, listing, stepping

NO_KEYS: Final = (1, 1.5, True, None, b"k", ("k",), ["k"], object(), "\ud800", "a\udfffb")

DOTS: Final = ("", ".", "..", "./", "/")
"""What is a place of its own where names are paths."""

Place = tuple[tuple[str, ...], str]


class _Key(str, Enum):
    STEP = "step"


class Keys(Suite):
    def test_any_string_is_a_key_to_every_method(self, store: Any) -> None:
        for key in self.keys_among(NASTY_KEYS):
            store.set(key, "here")

            assert store.get(key) == "here"
            assert store.has(key)
            assert store.get_many([key, "x"]) == {key: "here"}
            assert store.expires_at(key) is None
            assert store.touch(key)
            if store.capabilities.iteration:
                assert list(store.items()) == [(key, "here")]
                assert list(store.keys(key)) == [key]
            assert store.delete(key)
            assert not store.has(key)

    @stepping
    def test_any_string_is_a_key_to_every_step(self, store: Any) -> None:
        for key in self.keys_among(NASTY_KEYS):
            assert store.add(key, 1)
            assert not store.add(key, 7)
            assert store.swap(key, 1, 2)
            assert store.incr(key) == 3
            assert store.update(key, lambda value: {"n": value}) == {"n": 3}
            with store.edit(key) as draft:
                draft["n"] = 4
            assert store.get_or_set(key, int) == {"n": 4}

    @listing
    def test_no_two_keys_are_one(self, store: Any) -> None:
        keys = self.keys_among(NASTY_KEYS)
        store.set_many({key: place for place, key in enumerate(keys)})

        assert dict(store.items()) == {key: place for place, key in enumerate(keys)}
        assert store.get_many(keys) == dict(store.items())

    @pytest.mark.parametrize("method", ON_A_KEY)
    def test_a_key_may_be_as_long_as_is_said_and_no_longer(self, store: Any, method: str) -> None:
        call, most = ON_A_KEY[method], self.longest_key or len(NASTY_KEYS[-1])
        for key in ("k" * most, "\u00e9" * (most // 2) + "k" * (most % 2)):
            if method in methods_of(store):
                call(store, key)
            if self.longest_key is not None:
                self._assert_refused(store, method, key + "k")
                self._assert_refused(store, method, key[:-1] + "\u20ac")
        if self.longest_key is not None and store.capabilities.iteration:
            for walk in WALKS.values():
                assert walk(store, "k" * (most + 1)) == []

    @pytest.mark.parametrize("method", ON_A_KEY)
    def test_every_string_is_a_key_but_those_of_which_it_is_said(
        self, store: Any, method: str
    ) -> None:
        for key in (*DOTS, *self.no_keys):
            if not self.is_key(key):
                self._assert_refused(store, method, key)
            elif method in methods_of(store):
                ON_A_KEY[method](store, key)

    def test_a_key_changes_no_other(self, store: Any) -> None:
        def law(one: str, other: str) -> None:
            store.delete_many([one, other])
            store.set(one, 1)
            assert store.has(other) is (one == other)
            store.set(other, 2)
            assert store.get(one) == (2 if one == other else 1)
            store.delete(other)
            assert store.has(one) is (one != other)

        for_all(law, self.keys(), self.keys())

    @pytest.mark.parametrize("method", ON_A_KEY)
    def test_what_is_no_key_is_refused_by_every_method(self, store: Any, method: str) -> None:
        for key in NO_KEYS:
            if method == "set_many" and isinstance(key, list):
                continue  # no mapping can hold it
            with pytest.raises(InvalidKeyError):
                ON_A_KEY[method](store, key)

        assert not store.has("fine")

    @pytest.mark.parametrize("method", ["get_many", "delete_many"])
    def test_one_key_is_not_taken_for_its_letters(self, store: Any, method: str) -> None:
        for place in (store, store.namespace("n")):
            place.set("f", 1)
            for key in ("f", "", b"f", bytearray(b"f"), memoryview(b"f")):
                with pytest.raises(TypeError, match=f"{method} takes several keys"):
                    getattr(place, method)(key)

            assert place.get("f") == 1

    def test_what_is_no_mapping_is_refused_with_what_is_taken(self, store: Any) -> None:
        for place in (store, store.namespace("n")):
            for values in ([("f", 1)], (), "f", None, iter([("f", 1)])):
                with pytest.raises(TypeError, match="set_many takes a mapping of values by key"):
                    place.set_many(values)

            assert not place.has("f")

    @pytest.mark.parametrize("method", ["keys", "values", "items", "namespace"])
    def test_what_is_no_prefix_or_name_is_refused_at_the_call(
        self, store: Any, method: str
    ) -> None:
        for key in NO_KEYS:
            with pytest.raises(InvalidKeyError):
                getattr(store, method)(key)

    def test_no_function_runs_for_what_is_no_key(self, store: Any) -> None:
        ran: list[object] = []

        with pytest.raises(InvalidKeyError):
            store.update(1, ran.append, default=1)
        with pytest.raises(InvalidKeyError):
            store.get_or_set(1, lambda: ran.append(1))

        assert not ran

    def test_a_refused_key_is_a_mistake_of_the_caller(self, store: Any) -> None:
        with pytest.raises(InvalidKeyError, match="surrogate") as caught:
            store.set("a\ud800", "planted-secret")

        assert isinstance(caught.value, ValueError)
        assert caught.value.store
        assert "\\ud800" in str(caught.value)
        assert "planted-secret" not in str(caught.value)

    def test_a_string_by_another_class_is_its_text(self, store: Any) -> None:
        store.set(_Key.STEP, 1)

        assert store.get("step") == 1
        assert store.delete("step")

    def _assert_refused(self, store: Any, method: str, key: str) -> None:
        """*key* is none to a *method*, which touches nothing before it says so."""
        store.set("fine", "as it was")
        refused = InvalidKeyError if method in methods_of(store) else UnsupportedError
        with pytest.raises(refused) as caught:
            ON_A_KEY[method](store, key)

        assert caught.value.store
        assert store.get("fine") == "as it was"


class Namespaces(Suite):
    def test_a_key_is_in_its_namespace_only(self, store: Any) -> None:
        if self.verbatim:
            self._assert_view(store)
            return

        def law(one: Place, other: Place) -> None:
            first, second = _at(store, one), _at(store, other)
            first.delete(one[1])
            second.delete(other[1])
            first.set(one[1], 1)

            assert second.has(other[1]) is (one == other)
            assert second.get(other[1], MISSING) == (1 if one == other else MISSING)
            assert second.delete(other[1]) is (one == other)
            assert first.has(one[1]) is (one != other)

        for_all(law, self._places(), self._places(), share=3)

    @listing
    def test_iteration_stays_in_its_namespace(self, store: Any) -> None:
        if self.verbatim:
            self._assert_view(store)
            return

        def law(places: list[Place]) -> None:
            store.clear(everything=True)
            for path, key in places:
                _at(store, (path, key)).set(key, [list(path), key])
            for path in {path for path, _ in places} | {()}:
                view = _at(store, (path, ""))
                found = {key: [list(path), key] for here, key in places if here == path}
                assert dict(view.items()) == found
                assert sorted(view.keys()) == sorted(found)

        for_all(law, st.lists(self._places(), max_size=6))

    @listing
    def test_clear_takes_a_namespace_with_all_inside_and_nothing_else(self, store: Any) -> None:
        if self.verbatim:
            self._assert_view(store)
            return

        def law(places: list[Place], path: tuple[str, ...]) -> None:
            store.clear(everything=True)
            for place in places:
                _at(store, place).set(place[1], 1)
            inside = {place for place in places if place[0][: len(path)] == path}

            assert _at(store, (path, "")).clear() == len(inside)
            for place in places:
                assert _at(store, place).has(place[1]) is (place not in inside)

        paths = st.lists(strategies.namespaces(), min_size=1, max_size=2).map(tuple)
        for_all(law, st.lists(self._places(), max_size=6), paths)

    @listing
    def test_names_that_look_alike_are_not(self, store: Any) -> None:
        if self.verbatim:
            self._assert_view(store)
            return
        for name in NASTY_NAMES:
            store.namespace(name).set("k", name)

        assert list(store.keys()) == []
        for place, name in enumerate(NASTY_NAMES, start=1):
            assert store.namespace(name).get("k") == name
            assert store.namespace(name).clear() == 1
            left = [store.namespace(other).has("k") for other in NASTY_NAMES[place:]]
            assert all(left)

    @listing
    def test_clear_without_a_prefix_wants_to_hear_everything(self, store: Any) -> None:
        store.set("k", 1)
        store.namespace("a").set("k", 1)

        if not self.prefixed:
            with pytest.raises(ValueError, match="everything"):
                store.clear()

        assert store.has("k")
        assert store.clear(everything=True) == 2
        assert store.clear(everything=True) == 0
        assert not store.has("k")
        assert not store.namespace("a").has("k")

    def test_a_namespace_does_all_that_a_store_does(self, store: Any) -> None:
        inner = store.namespace("a").namespace("b")
        for number, call in enumerate(methods_of(store).values()):
            call(inner, f"k{number}")

        assert inner.capabilities == store.capabilities
        assert inner.get_many(["k1"]) == {"k1": 1}
        assert not store.has("k1")
        if store.capabilities.iteration:
            assert "k1" in inner.keys()

    @stepping
    def test_a_key_can_be_changed_while_its_namesake_elsewhere_is(self, store: Any) -> None:
        inner = store.namespace("a")
        store.set("k", 1)
        inner.set("k", 10)

        assert store.update("k", lambda value: value + inner.incr("k")) == 12

    def test_a_namespace_needs_a_name(self, store: Any) -> None:
        with pytest.raises(ValueError, match="name"):
            store.namespace("")

    def test_the_same_namespace_twice_is_one(self, store: Any) -> None:
        store.namespace("a").set("k", 1)

        assert store.namespace("a").get("k") == 1
        assert store.namespace("a").delete("k")
        assert not store.namespace("a").has("k")

    def _places(self) -> st.SearchStrategy[Place]:
        """A path of namespaces, and a key in there; both like to look like each other."""
        paths = st.lists(strategies.namespaces(), max_size=3).map(tuple)
        keys = strategies.keys().filter(lambda key: len(key) < 100)
        places: st.SearchStrategy[Place] = st.tuples(paths, keys)
        return places.filter(lambda place: bool(place[0]) or self.is_key(place[1]))

    def _assert_view(self, store: Any) -> None:
        """In a layout that is somebody else's, a namespace is the view of the keys `name:...`."""
        inner = store.namespace("a").namespace("b")
        inner.set("k", 1)
        store.set("a:b:j", 2)
        store.set("ab", 3)

        assert store.get("a:b:k") == 1
        assert inner.get("j") == 2
        if not store.capabilities.iteration:
            return
        assert sorted(store.namespace("a").keys()) == ["b:j", "b:k"]
        assert inner.clear() == 2
        assert list(store.keys()) == ["ab"]


def _at(store: Any, place: Place) -> Any:
    for name in place[0]:
        store = store.namespace(name)
    return store
