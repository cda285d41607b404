"""What is over is absent to every method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from ...errors import UnsupportedError
from ...records import MISSING
from ...ttl import KEEP
from ..clock import Clock
from .calls import STEPS, has_steps
from .suite import Suite, expiring

OLD: Final = {"n": 1}


def _gone(store: Any) -> None:
    assert store.get("k", MISSING) is MISSING


def _new(store: Any, value: object) -> None:
    assert store.get("k") == value
    assert store.expires_at("k") is None


def _get(store: Any) -> None:
    assert store.get("k") is None
    assert store.get("k", "other") == "other"


def _has(store: Any) -> None:
    assert store.has("k") is False


def _delete(store: Any) -> None:
    assert store.delete("k") is False


def _touch(store: Any) -> None:
    assert store.touch("k") is False
    if has_steps(store):
        assert store.touch("k", ttl=10) is False
        assert store.touch("k", ttl=None) is False
    _gone(store)


def _expires_at(store: Any) -> None:
    assert store.expires_at("k") is MISSING


def _get_many(store: Any) -> None:
    assert store.get_many(["k", "alive"]) == {"alive": 1}


def _delete_many(store: Any) -> None:
    assert store.delete_many(["k", "alive"]) == 1


def _add(store: Any) -> None:
    assert store.add("k", 2) is True
    _new(store, 2)


def _incr(store: Any) -> None:
    assert store.incr("k", 5, initial=10) == 15
    _new(store, 15)


def _swap(store: Any) -> None:
    assert store.swap("k", OLD, 2) is False
    _gone(store)
    assert store.swap("k", MISSING, 2) is True
    _new(store, 2)


def _update(store: Any) -> None:
    with pytest.raises(KeyError):
        store.update("k", lambda value: value)
    assert store.update("k", lambda value: value + 1, default=1) == 2
    _new(store, 2)


def _edit(store: Any) -> None:
    with pytest.raises(KeyError), store.edit("k"):
        pytest.fail("there is nothing to edit")
    with store.edit("k", default={}) as draft:
        draft["new"] = 2
    _new(store, {"new": 2})


def _get_or_set(store: Any) -> None:
    assert store.get_or_set("k", lambda: 2) == 2
    _new(store, 2)


def _set_keep(store: Any) -> None:
    store.set("k", 2, ttl=KEEP)
    _new(store, 2)


def _set_many_keep(store: Any) -> None:
    store.set_many({"k": 2}, ttl=KEEP)
    _new(store, 2)


def _keys(store: Any) -> None:
    if store.capabilities.iteration:
        assert list(store.keys()) == ["alive"]


def _values(store: Any) -> None:
    if store.capabilities.iteration:
        assert list(store.values()) == [1]


def _items(store: Any) -> None:
    if store.capabilities.iteration:
        assert list(store.items()) == [("alive", 1)]


def _clear(store: Any) -> None:
    if store.capabilities.iteration:
        assert store.clear(everything=True) == 1


METHODS: Final[dict[str, Callable[[Any], None]]] = {
    "get": _get,
    "has": _has,
    "delete": _delete,
    "touch": _touch,
    "expires_at": _expires_at,
    "get_many": _get_many,
    "delete_many": _delete_many,
    "add": _add,
    "incr": _incr,
    "swap": _swap,
    "update": _update,
    "edit": _edit,
    "get_or_set": _get_or_set,
    "set keep": _set_keep,
    "set_many keep": _set_many_keep,
    "keys": _keys,
    "values": _values,
    "items": _items,
    "clear": _clear,
}

STEPPING: Final = (*STEPS, "set keep", "set_many keep")


class Expired(Suite):
    @pytest.mark.parametrize("method", METHODS)
    @expiring
    def test_expired_is_absent_to_every_method(self, store: Any, clock: Clock, method: str) -> None:
        """Nothing is read before the method: a read may free what is over."""
        store.set("alive", 1)
        store.set("k", OLD, ttl=10)
        self.tick(clock, (10_000 + store.capabilities.expiry_ms - 1 + self.slack_ms) / 1000)

        if method in STEPPING and not has_steps(store):
            with pytest.raises(UnsupportedError):
                METHODS[method](store)
            _gone(store)
        else:
            METHODS[method](store)

    @expiring
    def test_a_key_lives_again_with_its_new_lifetime_only(self, store: Any, clock: Clock) -> None:
        store.set("k", 1, ttl=10)
        store.set("k", 2, ttl=1000)
        self.tick(clock, 500)
        store.set("other", 1)

        assert store.get("k") == 2
        self.assert_ends(store, clock, "k", 500)

    @expiring
    def test_many_keys_end_each_at_its_time(self, store: Any, clock: Clock) -> None:
        for seconds in range(1, 51):
            store.set(f"k{seconds}", seconds, ttl=seconds * 2)
        self.tick(clock, 50 + (store.capabilities.expiry_ms + self.slack_ms) / 1000)

        alive = {f"k{seconds}" for seconds in range(26, 51)}
        assert set(store.get_many(f"k{seconds}" for seconds in range(1, 51))) == alive
