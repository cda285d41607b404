"""What the service takes is known before it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from storage import ConfigurationError, InvalidKeyError, JsonCodec, UnstorableError
from tests.cloudflare.ground import Opened, asked
from tests.servers.cloudflare import KvServer

LARGEST = 25 * 1024 * 1024


@pytest.mark.parametrize("key", ["a" * 512, "é" * 256, "𐍈" * 128])
def test_a_key_may_have_512_bytes_and_no_more(key: str, store: Any, kv: KvServer) -> None:
    store.set(key, 1)

    assert store.get(key) == 1
    asked(kv)
    for act in (
        lambda: store.set(f"{key}a", 1),
        lambda: store.get(f"{key}a"),
        lambda: store.delete(f"{key}a"),
        lambda: store.set_many({"k": 1, f"{key}a": 1}),
        lambda: store.get_many(["k", f"{key}a"]),
        lambda: store.delete_many(["k", f"{key}a"]),
        lambda: store.namespace("n").set(key, 1),
    ):
        with pytest.raises(InvalidKeyError, match="512 bytes"):
            act()
    assert asked(kv) == []


def test_a_prefix_counts_as_a_part_of_the_key(opened: Opened, kv: KvServer) -> None:
    store = opened(kv, prefix="bot:")

    store.set("a" * 508, 1)

    assert set(kv.stored) == {f"bot:{'a' * 508}"}
    with pytest.raises(InvalidKeyError):
        store.set("a" * 509, 1)


@pytest.mark.parametrize("key", ["", ".", ".."])
def test_keys_that_no_path_can_name_need_a_prefix(
    key: str, store: Any, opened: Opened, kv: KvServer
) -> None:
    with pytest.raises(InvalidKeyError, match="give the store a prefix"):
        store.set(key, 1)

    prefixed = opened(kv, prefix="bot:")
    prefixed.set(key, 1)
    assert prefixed.get(key) == 1


def test_a_value_may_have_25_mebibytes_and_no_more(opened: Opened, kv: KvServer) -> None:
    store = opened(kv, codec=JsonCodec(max_bytes=2 * LARGEST))

    store.set("k", "a" * (LARGEST - 2))

    assert len(kv.stored["k"].value) == LARGEST
    asked(kv)
    with pytest.raises(UnstorableError, match="26214401 bytes, and KV keeps 26214400"):
        store.set_many({"l": 1, "k": "a" * (LARGEST - 1)})
    assert asked(kv) == []


def test_metadata_may_have_1024_bytes_and_no_more(store: Any, kv: KvServer) -> None:
    store.set_with_metadata("k", 1, {"n": "a" * 1016})
    asked(kv)

    with pytest.raises(UnstorableError, match="1024 bytes"):
        store.set_with_metadata("k", 1, {"n": "a" * 1017})
    assert asked(kv) == []


def test_a_prefix_that_no_key_can_have_is_refused_when_the_store_is_made(
    opened: Opened, kv: KvServer
) -> None:
    with pytest.raises(ConfigurationError, match="512 bytes"):
        opened(kv, prefix="a" * 513)


def test_no_key_begins_with_more_than_a_key_can_have(store: Any, kv: KvServer) -> None:
    assert list(store.keys("a" * 513)) == []
    assert asked(kv) == []
