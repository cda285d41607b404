"""Which stores on Redis are whole ones, of which `clear` wants to hear that all of it goes."""

from __future__ import annotations

from typing import Any

import pytest

from storage.testing import Bridge
from tests.servers import Server


@pytest.fixture(autouse=True)
def _no_keys_are_left(valkey: Server) -> Any:
    yield
    valkey.call("FLUSHALL")


@pytest.mark.parametrize("query", ["", "?prefix=", "?prefix=storage:"])
def test_a_store_under_the_usual_prefix_is_emptied_by_who_says_so(
    query: str, half: Any, bridge: Bridge, valkey: Server
) -> None:
    made = half.open(valkey.url + query)
    with bridge.driven(made) as store:
        store.set("k", 1)
        store.namespace("n").set("k", 1)
        for view in (store, store.typed(int), bridge.driven(half.compressed(made))):
            with pytest.raises(ValueError, match=r"clear\(everything=True\)"):
                view.clear()

        assert store.has("k")
        assert store.namespace("n").clear() == 1
        assert store.clear(everything=True) == 1


def test_a_prefix_of_somebodys_choice_is_as_good_as_a_namespace(
    half: Any, bridge: Bridge, valkey: Server
) -> None:
    with (
        bridge.driven(half.open(valkey.url)) as whole,
        bridge.driven(half.open(f"{valkey.url}?prefix=shop:")) as shop,
    ):
        whole.set("k", 1)
        shop.set("k", 1)

        assert shop.clear() == 1
        assert whole.has("k")
