"""A store is open until it is closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ...errors import ClosedError, StorageError, UnsupportedError
from ...records import Capabilities
from .calls import ALL, STEPS, has_steps
from .suite import Suite, stepping


def _refusal(store: Any, method: str) -> type[StorageError]:
    """What a *method* of *store* raises when it is closed; what it never does, it does not then."""
    return UnsupportedError if method in STEPS and not has_steps(store) else ClosedError


class Closing(Suite):
    def test_closing_twice_is_fine(self, store: Any) -> None:
        store.set("k", 1)
        store.close()
        store.close()

    def test_a_closed_store_refuses_every_method(self, store: Any) -> None:
        store.set("k", {"n": 1})
        store.close()

        for method, call in ALL.items():
            with pytest.raises(_refusal(store, method)) as caught:
                call(store)
            assert caught.value.store

    @pytest.mark.parametrize("method", ALL)
    def test_a_namespace_of_a_closed_store_refuses_every_method(
        self, store: Any, method: str
    ) -> None:
        view = store.namespace("a")
        inner = view.namespace("b")
        inner.set("k", {"n": 1})
        store.close()

        for one in (view, inner, store.namespace("c")):
            with pytest.raises(_refusal(store, method)):
                ALL[method](one)

    def test_closing_a_namespace_closes_the_view_only(self, store: Any) -> None:
        view, other = store.namespace("a"), store.namespace("a")
        view.set("k", 1)
        store.set("k", 2)
        view.close()
        view.close()

        for method, call in ALL.items():
            with pytest.raises(_refusal(store, method)):
                call(view)
        assert store.get("k") == 2
        assert other.get("k") == 1

    @stepping
    def test_nothing_runs_on_a_closed_store(self, store: Any) -> None:
        ran: list[object] = []
        store.close()

        with pytest.raises(ClosedError):
            store.update("k", ran.append, default=1)
        with pytest.raises(ClosedError):
            store.get_or_set("k", lambda: ran.append(1))
        with pytest.raises(ClosedError), store.edit("k", default={}):
            ran.append(1)

        assert not ran

    def test_a_store_is_a_context_manager(self, opened: Callable[..., Any]) -> None:
        with opened() as store:
            store.set("k", 1)
            with store.namespace("a") as view:
                view.set("k", 2)
            with pytest.raises(ClosedError):
                view.get("k")
            assert store.get("k") == 1

        with pytest.raises(ClosedError):
            store.get("k")

    def test_an_error_in_the_block_comes_through(self, opened: Callable[..., Any]) -> None:
        with pytest.raises(LookupError, match="of the user"), opened() as store:
            raise LookupError("of the user")

        with pytest.raises(ClosedError):
            store.get("k")

    def test_capabilities_are_told_before_and_after_closing(self, store: Any) -> None:
        before = store.capabilities
        store.close()

        assert isinstance(before, Capabilities)
        assert store.capabilities == before

    def test_a_closed_store_has_a_name(self, store: Any) -> None:
        before = repr(store)
        store.close()

        assert repr(store) == before
