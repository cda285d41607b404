"""What is read may be old: nothing that is written depends on it, and what is over is not seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from storage import MISSING
from storage.testing import Clock
from tests.cloudflare.ground import Opened
from tests.servers.cloudflare import KvServer

LAG = 60.0


@pytest.fixture
def store(opened: Opened, kv: KvServer, clock: Clock) -> Any:
    return opened(kv, prefix="bot:", clock=clock)


def test_a_delete_takes_away_what_it_does_not_see_yet(
    store: Any, kv: KvServer, clock: Clock
) -> None:
    kv.lag(LAG)
    store.set_many({"a": 1, "b": 2, "c": 3})

    assert store.delete("a") is False
    assert store.delete_many(["b", "c", "nobody"]) == 0

    assert kv.stored == {}
    clock.tick(2 * LAG)
    assert store.get_many([*"abc"]) == {}


def test_a_delete_says_what_it_saw(store: Any, kv: KvServer, clock: Clock) -> None:
    store.set("a", 1)
    clock.tick(2 * LAG)
    kv.lag(LAG)

    assert [store.delete("a"), store.delete("a")] == [True, True]

    clock.tick(2 * LAG)
    assert store.delete("a") is False


def test_an_end_that_is_past_takes_away_what_is_not_seen_yet(
    store: Any, kv: KvServer, clock: Clock
) -> None:
    kv.lag(LAG)
    store.set("a", 1)

    store.set("a", 2, ttl=clock.now - timedelta(seconds=1))

    assert kv.stored == {}


def test_what_is_over_is_in_no_list_though_kv_keeps_it(
    store: Any, kv: KvServer, clock: Clock
) -> None:
    store.set("brief", 1, ttl=2)
    store.set_with_metadata("noted", 1, {"n": 1}, ttl=2)
    store.set("alive", 1, ttl=50)
    clock.tick(2)
    assert sorted(kv.stored) == ["bot:alive", "bot:brief", "bot:noted"]

    assert list(store.keys()) == ["alive"]
    assert list(store.items()) == [("alive", 1)]
    assert list(store.values()) == [1]
    assert list(store.keys_with_metadata()) == [("alive", None)]
    assert store.get_many(["alive", "brief", "noted"]) == {"alive": 1}
    assert store.get_with_metadata("noted", MISSING) == (MISSING, None)
    assert store.expires_at("brief") is MISSING
    assert not store.has("brief")
    assert not store.touch("brief")


def test_what_is_over_counts_for_nobody_and_is_taken_away_all_the_same(
    store: Any, kv: KvServer, clock: Clock
) -> None:
    names = ("a", "b", "c", "d", "e")
    store.set_many(dict.fromkeys(names, 1), ttl=2)
    store.set("alive", 1)
    clock.tick(2)

    assert store.delete("a") is False
    assert store.delete_many(["b", "c"]) == 0
    assert sorted(kv.stored) == ["bot:alive", "bot:d", "bot:e"]
    assert store.clear() == 1
    assert kv.stored == {}


@pytest.mark.parametrize("seconds", [0.001, 1, 59.999, 60, 61.5, 90, 3600.25, 86_400 * 365])
@pytest.mark.parametrize("fraction", [0, 0.001, 0.5, 0.999])
def test_kv_keeps_an_entry_to_its_very_end_whenever_in_a_second_it_was_put(
    store: Any, kv: KvServer, clock: Clock, seconds: float, fraction: float
) -> None:
    clock.tick(1 + fraction - clock.ms % 1000 / 1000)
    ends = clock.ms + round(seconds * 1000)
    store.set("k", 1, ttl=seconds)

    (kept,) = kv.stored.values()
    assert kept.expiration is not None
    assert 0 <= kept.expiration * 1000 - max(ends, clock.ms + 59_000) <= 2000
    clock.tick(seconds - 0.001)
    assert store.get("k") == 1
    clock.tick(0.001)
    assert store.get("k") is None
