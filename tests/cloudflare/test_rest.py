"""What is asked of Cloudflare's public API, and what is made of its replies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage import (
    ClosedError,
    ConfigurationError,
    JsonCodec,
    OutcomeUnknownError,
    StorageError,
)
from storage.aio.cloudflare import links as aio_links
from storage.cloudflare import links
from storage.testing import Bridge
from tests.cloudflare.ground import Opened, asked, store_of
from tests.fault.ground import chain
from tests.servers.cloudflare import Fault, KvServer

READ, PUT, REMOVE, LIST = "POST bulk/get", "PUT bulk", "POST bulk/delete", "GET keys"

TRIPS: dict[str, tuple[Callable[[Any], object], list[str]]] = {
    "get": (lambda store: store.get("a"), [READ]),
    "get_with_metadata": (lambda store: store.get_with_metadata("a"), [READ]),
    "get_many": (lambda store: store.get_many(["a", "b", "c"]), [READ]),
    "get_many of none": (lambda store: store.get_many([]), []),
    "has": (lambda store: store.has("a"), [READ]),
    "expires_at": (lambda store: store.expires_at("a"), [READ]),
    "touch": (lambda store: store.touch("a"), [READ]),
    "set": (lambda store: store.set("a", 1), [PUT]),
    "set_with_metadata": (lambda store: store.set_with_metadata("a", 1, {"x": 1}), [PUT]),
    "set_many": (lambda store: store.set_many({"a": 1, "b": 2}), [PUT]),
    "set_many of none": (lambda store: store.set_many({}), []),
    "delete": (lambda store: store.delete("a"), [READ, REMOVE]),
    "delete_many": (lambda store: store.delete_many(["a", "b"]), [READ, REMOVE]),
    "delete_many of none": (lambda store: store.delete_many([]), []),
    "keys": (lambda store: list(store.keys()), [LIST]),
    "keys_with_metadata": (lambda store: list(store.keys_with_metadata()), [LIST]),
    "items": (lambda store: list(store.items()), [LIST, READ]),
    "clear": (lambda store: store.clear(everything=True), [LIST, REMOVE]),
    "namespace": (lambda store: store.namespace("carts"), []),
}


@pytest.mark.parametrize("name", TRIPS)
def test_an_operation_is_no_more_requests_than_it_has_to_be(
    name: str, store: Any, kv: KvServer
) -> None:
    store.set_many({"a": 1, "b": 2, "c": 3})
    asked(kv)
    act, trips = TRIPS[name]

    act(store)

    assert asked(kv) == trips


def test_an_entry_is_put_with_its_lifetime_and_what_is_noted(opened: Opened, kv: KvServer) -> None:
    store = opened(kv, clock=lambda: 1000.0)

    store.set_with_metadata("chat:é", {"step": 3}, {"lang": "de"}, ttl=90.2)

    (request,) = kv.requests
    assert request.json == [
        {
            "key": "chat:é",
            "value": '{"step":3}',
            "expiration_ttl": 92,
            "metadata": {"lang": "de", "~ends": 1_090_200},
        }
    ]
    assert request.headers["authorization"] == f"Bearer {kv.token}"
    assert request.headers["content-type"] == "application/json"
    assert "cookie" not in request.headers
    assert store.get_with_metadata("chat:é") == ({"step": 3}, {"lang": "de"})


def test_what_has_no_lifetime_and_no_metadata_is_put_without_any(store: Any, kv: KvServer) -> None:
    store.set("k", 1)

    assert kv.requests[0].json == [{"key": "k", "value": "1"}]


def test_what_is_read_is_asked_for_with_its_metadata(store: Any, kv: KvServer) -> None:
    store.get("k")

    assert kv.requests[0].json == {"keys": ["k"], "type": "text", "withMetadata": True}


@pytest.mark.parametrize("key", ["a/b?c#d", "50% ~off", "ключ", "\x00\n\x7f", "a&prefix=b", "+ "])
def test_any_key_comes_back_as_it_was_written(key: str, store: Any, kv: KvServer) -> None:
    store.set(key, [key])
    store.set("other", 1)

    assert store.get(key) == [key]
    assert list(store.keys(key)) == [key]
    assert list(store.items(key)) == [(key, [key])]
    assert store.delete(key) is True
    assert set(kv.stored) == {"other"}


@pytest.mark.parametrize("way", ["leaves_out_missing", "bare_values", "bare_empty", "none"])
def test_a_reply_may_say_it_in_several_ways(way: str, store: Any, kv: KvServer) -> None:
    store.set_many({"a": 1, "empty": ""})
    if way != "none":
        setattr(kv.ways, way, True)

    assert store.get_many(["a", "empty", "missing"]) == {"a": 1, "empty": ""}
    assert not store.has("missing")


def test_a_page_without_entries_is_not_the_last_one(store: Any, kv: KvServer) -> None:
    store.set_many({f"k{number:04}": number for number in range(1500)})
    store.delete_many([f"k{number:04}" for number in range(1200)])
    kv.ways.sparse_pages = True
    asked(kv)

    assert sorted(store.keys()) == [f"k{number:04}" for number in range(1200, 1500)]
    assert asked(kv) == [LIST, LIST]


def test_what_the_service_does_for_a_part_is_asked_for_the_rest(store: Any, kv: KvServer) -> None:
    kv.fault(Fault(method="PUT", spared=2), Fault(path="bulk/delete", spared=1))

    store.set_many({"a": 1, "b": 2, "c": 3})
    puts = [[one["key"] for one in request.json] for request in kv.requests]
    kv.forget()
    store.delete_many(["a", "b", "c"])

    assert puts == [["a", "b", "c"], ["b", "c"]]
    assert [request.json for request in kv.requests[1:]] == [["a", "b", "c"], ["c"]]
    assert kv.stored == {}


def test_what_somebody_else_has_put_there_is_read(store: Any, kv: KvServer) -> None:
    import httpx

    with httpx.Client(headers={"Authorization": f"Bearer {kv.token}"}) as other:
        place = f"{kv.url}/accounts/{kv.account}/storage/kv/namespaces/{kv.namespace}"
        other.put(f"{place}/values/theirs", content=b'{"a": 1}').raise_for_status()

    assert store.get_with_metadata("theirs") == ({"a": 1}, None)


def test_a_value_too_large_for_a_reply_with_others_is_read_by_itself(
    opened: Opened, kv: KvServer
) -> None:
    most = 25 * 1024 * 1024
    store = opened(kv, codec=JsonCodec(max_bytes=2 * most))
    store.set_with_metadata("a", "a" * (most - 2), {"n": 1}, ttl=3600)
    store.set_many({"b": "b" * 9_000_000, "c": "c" * 9_000_000, "d": 1})
    asked(kv)

    found = store.get_many(["a", "b", "c", "d", "e"])

    assert [(key, len(str(found[key]))) for key in found] == [
        *(("a", most - 2), ("b", 9_000_000), ("c", 9_000_000), ("d", 1))
    ]
    alone = [request for request in kv.requests if request.method == "GET"]
    assert [request.action for request in alone] == ["metadata/a", "values/a", "metadata/a"]
    assert store.get_with_metadata("a")[1] == {"n": 1}
    assert store.expires_at("a") is not None
    assert not store.has("e")


def test_what_is_gone_before_it_is_read_by_itself_is_missing(store: Any, kv: KvServer) -> None:
    kv.fault(Fault(status=413, path="bulk/get"))

    assert store.get("gone") is None
    assert asked(kv) == [READ, "GET metadata/gone", "GET values/gone"]


ACTS: dict[str, Callable[[Any], object]] = {
    "get": lambda store: store.get("k"),
    "set": lambda store: store.set("k", 1),
    "keys": lambda store: list(store.keys()),
}
ANYWHERE = [
    b"<html>a secret page</html>",
    b'["a secret"]',
    b'{"success": true, "errors": []}',
    b'{"success": "a secret", "result": {}}',
    b'"a secret"',
    b"[" * 100_000,
]
STRANGE = [
    *(("get", body) for body in [*ANYWHERE, b""]),
    *(("keys", body) for body in [*ANYWHERE, b""]),
    *(("set", body) for body in ANYWHERE if b"errors" not in body),
    ("get", b'{"success": true, "result": {"values": ["a secret"]}}'),
    ("get", b'{"success": true, "result": {"values": {"k": {"value": 5}}}}'),
    ("get", b'{"success": true, "result": {"values": {"k": {"secret": "a"}}}}'),
    ("get", b'{"success": true, "result": {"values": {"k": {"value": "", "expiration": "a"}}}}'),
    ("set", b'{"success": true, "result": {"unsuccessful_keys": [5]}}'),
    ("set", b'{"success": true, "result": {"unsuccessful_keys": "a secret"}}'),
    ("set", b'{"success": true, "result": "a secret"}'),
    ("keys", b'{"success": true, "result": {"a": "secret"}}'),
    ("keys", b'{"success": true, "result": [{"name": 5}]}'),
    ("keys", b'{"success": true, "result": [], "result_info": {"cursor": ["a secret"]}}'),
]


@pytest.mark.parametrize(("act", "body"), STRANGE, ids=lambda told: repr(told)[:60])
def test_a_reply_that_is_none_is_an_error_which_shows_nothing_of_it(
    act: str, body: bytes, store: Any, kv: KvServer
) -> None:
    kv.fault(Fault(status=200, body=body, times=99))

    with pytest.raises(StorageError, match="does not speak like Cloudflare's API") as caught:
        ACTS[act](store)

    assert type(caught.value) is (OutcomeUnknownError if act == "set" else StorageError)
    assert caught.value.store == f"cloudflare {kv.namespace}"
    assert "secret" not in chain(caught.value)
    assert len(kv.requests) == 1


def test_a_change_may_be_answered_without_a_word(store: Any, kv: KvServer) -> None:
    kv.fault(Fault(body=b"", status=204, applied=True))

    store.set("k", 1)

    assert kv.stored["k"].value == b"1"


def test_a_redirection_is_not_followed(store: Any, kv: KvServer) -> None:
    kv.fault(Fault(status=307, headers={"Location": f"{kv.url}/elsewhere"}))

    with pytest.raises(ConfigurationError, match="leads elsewhere"):
        store.get("k")

    assert asked(kv) == [READ]


def test_what_is_closed_asks_nothing(half: Any, kv: KvServer) -> None:
    with Bridge() as bridge:
        store = bridge.driven(store_of(half, kv))
        store.set("k", 1)
        asked(kv)

        store.close()
        store.close()

        with pytest.raises(ClosedError):
            store.get("k")
    assert asked(kv) == []


def test_a_reply_has_an_end(store: Any, kv: KvServer, monkeypatch: pytest.MonkeyPatch) -> None:
    store.set_many({f"k{number}": "a" * 100 for number in range(20)})
    for module in (links, aio_links):
        monkeypatch.setattr(module, "LARGEST_REPLY", 1000)

    with pytest.raises(StorageError, match="longer than any that Cloudflare gives"):
        list(store.items())

    assert store.get("k1") == "a" * 100


def test_a_cookie_is_not_sent_back(store: Any, kv: KvServer) -> None:
    kv.fault(Fault(headers={"Set-Cookie": "a=b; Path=/"}, times=2))

    for _ in range(3):
        store.set("k", 1)

    assert not [request for request in kv.requests if "cookie" in request.headers]
