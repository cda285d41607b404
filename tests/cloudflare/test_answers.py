"""What counts as an answer of the service, and what does not."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from storage import CorruptValueError, OutcomeUnknownError
from tests.cloudflare.ground import Opened
from tests.servers.cloudflare import Fault, KvServer

FAR = 4_000_000_000
FAR_AWAY = datetime.fromtimestamp(FAR, timezone.utc)


def told(result: Any, **more: Any) -> bytes:
    return json.dumps({"success": True, "errors": [], "result": result, **more}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        told({"unsuccessful_keys": ["somebody-elses"]}),
        told({"unsuccessful_keys": ["k", "somebody-elses"]}),
        told({"unsuccessful_keys": "k"}),
        told({"successful_key_count": 0}),
        told({"successful_key_count": 0, "unsuccessful_keys": []}),
        told({"successful_key_count": "1"}),
        told({"successful_key_count": 0.5, "unsuccessful_keys": ["k"]}),
    ],
)
def test_a_change_that_nobody_confirmed_is_not_done(body: bytes, store: Any, kv: KvServer) -> None:
    store.set("other", 1)
    kv.fault(Fault(body=body, method="PUT"), Fault(body=body, path="bulk/delete"))

    for call in (lambda: store.set("k", 1), lambda: store.delete("k")):
        with pytest.raises(OutcomeUnknownError, match="does not speak like"):
            call()
    assert set(kv.stored) == {"other"}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (204, b""),
        (200, told(None)),
        (200, told({"successful_key_count": 1, "unsuccessful_keys": []})),
        (200, told({"successful_key_count": 1.0, "unsuccessful_keys": None})),
    ],
)
def test_a_change_may_be_confirmed_in_several_ways(
    status: int, body: bytes, store: Any, kv: KvServer
) -> None:
    kv.fault(Fault(status=status, body=body, applied=True))

    store.set("k", 1)

    assert set(kv.stored) == {"k"}


def test_a_whole_number_may_have_a_point(store: Any, kv: KvServer) -> None:
    value = {"value": "1", "metadata": None, "expiration": float(FAR)}
    listed = [{"name": "k", "expiration": float(FAR)}]
    kv.fault(
        Fault(body=told({"values": {"k": value}}), path="bulk/get", times=2),
        Fault(body=told(listed, result_info={"cursor": ""}), path="keys"),
    )

    assert store.get("k") == 1
    assert store.expires_at("k") == FAR_AWAY
    assert list(store.keys()) == ["k"]


@pytest.mark.parametrize("header", [f"{FAR}", f"{FAR}.0"])
def test_a_value_that_is_read_alone_has_its_end(header: str, store: Any, kv: KvServer) -> None:
    store.set("k", 1)
    kv.fault(
        Fault(status=413, path="bulk/get"),
        Fault(headers={"expiration": header}, path="values/k", times=9),
    )

    assert store.expires_at("k") == FAR_AWAY


def test_bytes_that_are_no_text_are_not_read_as_another_value(opened: Opened, kv: KvServer) -> None:
    store = opened(kv)
    place = f"{kv.url}/accounts/{kv.account}/storage/kv/namespaces/{kv.namespace}/values/k"
    headers = {"Authorization": f"Bearer {kv.token}"}
    httpx.put(place, content=b'"\xff"', headers=headers)
    kv.fault(Fault(status=413, path="bulk/get", times=9))

    with pytest.raises(CorruptValueError) as caught:
        store.get("k")
    assert caught.value.key == "k"
    assert kv.stored["k"].value == b'"\xff"'
