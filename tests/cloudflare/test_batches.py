"""Many entries at once: as few requests as the service takes, and what is known when one fails."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from storage import AccessDeniedError, OutcomeUnknownError, StorageError, UnavailableError
from storage.cloudflare import wire
from storage.cloudflare.entries import Put
from tests.cloudflare.ground import asked
from tests.servers.cloudflare import Fault, KvServer

pytestmark = pytest.mark.timed


def sizes(kv: KvServer, path: str) -> list[int]:
    """About how many keys each request to *path* was."""
    told = [request.json for request in kv.requests if request.action == path]
    return [len(one["keys"] if isinstance(one, dict) else one) for one in told]


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service takes ten at a time, in a thousand bytes."""
    monkeypatch.setattr(wire, "CHANGED_AT_ONCE", 10)
    monkeypatch.setattr(wire, "LARGEST_BODY", 1000)


def test_hundreds_of_keys_are_read_a_hundred_at_a_time(store: Any, kv: KvServer) -> None:
    values = {f"k{number}": number for number in range(250)}
    store.set_many(values)
    asked(kv)

    assert store.get_many([*values, "missing"]) == values
    assert sorted(sizes(kv, "bulk/get")) == [51, 100, 100]


def test_a_key_that_is_asked_for_twice_is_read_once(store: Any, kv: KvServer) -> None:
    store.set("k", 1)
    asked(kv)

    assert store.get_many(["k", "k"]) == {"k": 1}
    assert sizes(kv, "bulk/get") == [1]


def test_ten_thousand_entries_are_one_request_and_one_more_is_another(
    store: Any, kv: KvServer
) -> None:
    store.set_many({f"k{number}": number for number in range(10_001)})

    assert sizes(kv, "bulk") == [10_000, 1]
    assert len(kv.stored) == 10_001
    kv.forget()
    assert store.clear(everything=True) == 10_001
    assert kv.stored == {}


@pytest.mark.usefixtures("_small")
def test_as_many_are_taken_away_at_once_as_the_service_takes(store: Any, kv: KvServer) -> None:
    values = {f"k{number}": number for number in range(25)}
    store.set_many(values)

    assert store.delete_many(values) == 25
    assert sizes(kv, "bulk") == sizes(kv, "bulk/delete") == [10, 10, 5]


@pytest.mark.usefixtures("_small")
def test_a_request_is_no_larger_than_the_service_takes(store: Any, kv: KvServer) -> None:
    values = {f"k{number}": "é" * (60 * number) for number in range(9)}

    store.set_many(values)

    assert max(len(request.body) for request in kv.requests) <= 1000 + len("[]")
    assert len(kv.requests) < 9
    assert store.get_many(values) == values


def test_the_body_of_a_request_is_measured_in_bytes() -> None:
    puts = [Put(f"k{number}", "€" * 8_000_000, None, None) for number in range(9)]

    bodies = [len(parcel.request().body or b"") for parcel in wire.parcels(puts)]

    assert max(bodies) < 100_000_000
    assert len(bodies) == 3


def test_what_json_spells_out_fits_too() -> None:
    text = "\x01" * (25 * 1024 * 1024)

    (parcel,) = wire.parcels([Put("k", text, 60, {"a": 1})])

    body = parcel.request().body or b""
    assert len(body) < 100_000_000
    (told,) = json.loads(body)
    assert told["base64"] is True
    assert (told["key"], told["expiration_ttl"], told["metadata"]) == ("k", 60, {"a": 1})


@pytest.mark.usefixtures("_small")
def test_what_json_spells_out_comes_back_as_it_was(store: Any, kv: KvServer) -> None:
    value = "\\" * 300

    store.set("k", value)

    assert '"base64":true' in kv.requests[0].body.decode()
    assert store.get("k") == value


def test_of_two_entries_of_one_name_the_last_counts() -> None:
    puts = [Put("k", "1", None, None), Put("l", "2", None, None), Put("k", "3", None, None)]

    (parcel,) = wire.parcels(puts)

    assert json.loads(parcel.request().body or b"") == [
        {"key": "k", "value": "3"},
        {"key": "l", "value": "2"},
    ]


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(
    ("before", "status", "kind", "done"),
    [
        (0, 429, UnavailableError, None),
        (1, 429, OutcomeUnknownError, 10),
        (2, 429, OutcomeUnknownError, 20),
        (0, 503, OutcomeUnknownError, 0),
        (1, 503, OutcomeUnknownError, 10),
        (0, 403, AccessDeniedError, None),
        (1, 403, AccessDeniedError, 10),
        (1, 400, StorageError, 10),
    ],
)
def test_a_batch_that_fails_in_the_middle_says_how_much_is_done(
    before: int, status: int, kind: type[StorageError], done: int | None, store: Any, kv: KvServer
) -> None:
    values = {f"key-nobody-shows-{number}": number for number in range(25)}
    fine = [Fault(times=before)] if before else []
    kv.fault(*fine, Fault(status=status, headers={"Retry-After": "20000"}, times=9))

    with pytest.raises(StorageError) as caught:
        store.set_many(values)

    assert type(caught.value) is kind
    told = "" if done is None else f" {done} of 25 entries are done for certain"
    assert str(caught.value).endswith(told) if told else "of 25" not in str(caught.value)
    assert "nobody-shows" not in str(caught.value)
    assert len(kv.stored) == (done or 0)


def test_what_is_too_large_for_one_request_is_sent_in_halves(store: Any, kv: KvServer) -> None:
    kv.fault(Fault(status=413, method="PUT", times=2))

    store.set_many({"a": 1, "b": 2, "c": 3, "d": 4})

    assert sizes(kv, "bulk") == [4, 2, 1, 1, 2]
    assert len(kv.stored) == 4


def test_one_entry_that_is_too_large_is_an_error_with_its_key(store: Any, kv: KvServer) -> None:
    kv.fault(Fault(status=413, method="PUT", times=9))

    with pytest.raises(StorageError, match="takes nothing that large") as caught:
        store.set("k", 1)

    assert caught.value.key == "k"


@pytest.mark.parametrize(
    ("second", "kind", "done"),
    [(Fault(), StorageError, 2), (Fault(status=503, applied=True), OutcomeUnknownError, 0)],
    ids=["done", "nobody knows"],
)
def test_one_entry_that_is_too_large_tells_what_became_of_others(
    second: Fault, kind: type[StorageError], done: int, store: Any, kv: KvServer
) -> None:
    large = Fault(status=413, method="PUT", times=1)
    kv.fault(large, replace(second), Fault(status=413, method="PUT", times=9))

    with pytest.raises(StorageError, match="takes nothing that large") as caught:
        store.set_many({"a": 1, "b": 2, "c": 3, "d": 4})

    assert type(caught.value) is kind
    assert f" {done} of 4 entries are done for certain" in str(caught.value)
    assert sorted(kv.stored) == ["c", "d"]
