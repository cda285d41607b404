"""What stands beside values: what is noted there, and the end of an entry, whoever hands it on."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from storage import ClosedError, UnstorableError
from storage.cloudflare.entries import Held, Listed, end_of
from storage.testing import Clock
from tests.cloudflare.ground import Opened, asked
from tests.servers.cloudflare import KvServer

CALLS = {
    "read_noted": lambda store: store.get_with_metadata("k"),
    "write_noted": lambda store: store.set_with_metadata("k", 1, {"n": 1}),
    "page_noted": lambda store: list(store.keys_with_metadata("k")),
}


@pytest.fixture
def store(opened: Opened, kv: KvServer, clock: Clock) -> Any:
    return opened(kv, clock=clock)


def put(kv: KvServer, key: str, metadata: Any, **end: int) -> None:
    """Write as a program does that hands on what it found."""
    place = f"{kv.url}/accounts/{kv.account}/storage/kv/namespaces/{kv.namespace}/bulk"
    entry = {"key": key, "value": "2", "metadata": metadata, **end}
    reply = httpx.put(place, json=[entry], headers={"Authorization": f"Bearer {kv.token}"})
    assert reply.status_code == 200


def moment(clock: Clock, seconds: int) -> datetime:
    """So many seconds after the whole one in which it is."""
    return datetime.fromtimestamp(int(clock()) + seconds, timezone.utc)


@pytest.mark.parametrize("name", CALLS)
def test_a_store_that_is_closed_refuses_metadata(name: str, store: Any, kv: KvServer) -> None:
    store.set_with_metadata("k", 1, {"n": 1})
    store.close()
    asked(kv)

    with pytest.raises(ClosedError):
        CALLS[name](store)
    assert asked(kv) == []


@pytest.mark.parametrize("name", CALLS)
def test_the_log_tells_of_metadata_as_of_everything(
    name: str, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "storage")

    CALLS[name](store)

    (line,) = [one.getMessage() for one in caplog.records if one.name == "storage"]
    assert name in line
    assert "'k" in line


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"x": "\ud800"}, "$.x"),
        ({"a": {"b": [1, "secret\udfff"]}}, "$.a.b[1]"),
        ({"a": {"\ud800": 1}}, '$.a["\\ud800"]'),
    ],
)
def test_metadata_that_utf8_can_not_carry_are_refused(
    metadata: dict[str, Any], path: str, store: Any, kv: KvServer
) -> None:
    with pytest.raises(UnstorableError, match="lone surrogate") as caught:
        store.set_with_metadata("k", 1, metadata)

    assert caught.value.path == path
    assert caught.value.key == "k"
    assert "secret" not in str(caught.value)
    assert kv.requests == []


def test_who_renews_an_entry_with_its_metadata_renews_it_for_all(
    store: Any, kv: KvServer, clock: Clock
) -> None:
    store.set("k", 1, ttl=90)
    clock.tick(60)
    put(kv, "k", kv.stored["k"].metadata, expiration_ttl=3600)
    ends = moment(clock, 3600)
    clock.tick(3000)

    assert store.get("k") == 2
    assert list(store.items()) == [("k", 2)]
    assert list(store.keys()) == ["k"]
    assert store.expires_at("k") == ends


def test_who_shortens_the_life_of_an_entry_shortens_it_for_all(
    store: Any, kv: KvServer, clock: Clock
) -> None:
    store.set("k", 1, ttl=3600)
    put(kv, "k", kv.stored["k"].metadata, expiration_ttl=60)

    assert store.expires_at("k") == moment(clock, 60)


@pytest.mark.parametrize("ahead", [0, 15, 45])
def test_a_short_life_is_exact_though_it_is_put_late_or_the_clocks_differ(
    ahead: int, store: Any, kv: KvServer, clock: Clock
) -> None:
    kv.clock = lambda: clock() + ahead
    store.set("k", 1, ttl=1.5)

    assert store.expires_at("k") == clock.now + timedelta(seconds=1.5)
    clock.tick(1.5)
    assert store.get("k") is None
    assert list(store.keys()) == []


def test_a_mark_counts_where_the_service_tells_no_end() -> None:
    """What lasts longer than the service counts has none there, and a binding tells none."""
    mark = {"~ends": 9_000_000_000_000}

    assert end_of(Held("1", mark, None)) == end_of(Listed("k", mark, None)) == mark["~ends"]
    assert end_of(Held("1", {"~ends": True}, 5)) == 5000
