"""What is compressed: shorter where that is worth it, and readable whatever stands there."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import ConfigurationError, CorruptValueError, JsonCodec, UnstorableError
from storage.compression import Compression
from storage.testing import Bridge
from tests.layers.ground import kept, plant

TALK = [{"role": "user", "content": f"message number {number}"} for number in range(100)]
NOISE = os.urandom(3000).hex()
BOMB = zlib.compress(b'"' + b"a" * 150_000_000 + b'"', 1)


def test_what_is_long_becomes_shorter(half: Any, bridge: Bridge, base: Any) -> None:
    store = bridge.driven(half.compressed(base))
    store.set("k", TALK)

    assert store.get("k") == TALK
    assert len(kept(base)) < len(JsonCodec().encode(TALK)) / 5


@pytest.mark.parametrize("value", [1, "short", {"a": [1, 2]}, "x", "x" * 1022])
def test_what_is_short_stays_as_it_is(half: Any, bridge: Bridge, base: Any, value: Any) -> None:
    bridge.driven(half.compressed(base)).set("k", value)

    assert kept(base) == JsonCodec().encode(value)


def test_over_is_the_longest_that_stays(half: Any, bridge: Bridge, base: Any) -> None:
    value = "y" * 48
    bridge.driven(half.compressed(base, over=50)).set("k", value)
    assert kept(base) == JsonCodec().encode(value)

    bridge.driven(half.compressed(base, over=49)).set("k", value)
    assert len(kept(base)) < 50


def test_nothing_becomes_longer() -> None:
    stage = Compression(over=0)

    for length in range(60):
        raw = os.urandom(length)
        if raw[:1] != b"x":
            assert len(stage.seal("k", raw)) <= length


def test_numbers_are_counted_by_the_backend(half: Any, bridge: Bridge, base: Any) -> None:
    store = half.compressed(base)

    assert bridge.driven(store).incr("k", 5) == 5
    assert store._layers.counts
    assert kept(base) == b"5"


def test_what_was_there_before_is_read(half: Any, bridge: Bridge, base: Any) -> None:
    bridge.driven(base).set("k", TALK)
    store = bridge.driven(half.compressed(base))

    assert store.get("k") == TALK
    store.update("k", lambda talk: [*talk, "one more"])
    assert store.get("k") == [*TALK, "one more"]
    assert kept(base)[:1] == b"x"


def test_without_the_layer_it_is_corrupt_and_not_something_else(
    half: Any, bridge: Bridge, base: Any
) -> None:
    bridge.driven(half.compressed(base)).set("k", TALK)

    with pytest.raises(CorruptValueError):
        bridge.driven(base).get("k")


DAMAGED = {
    "cut off": zlib.compress(b'{"a":1}')[:-2],
    "changed": zlib.compress(b'{"a":1}')[:-1] + b"\0",
    "nothing but a mark": b"x",
    "followed by something": zlib.compress(b'{"a":1}') + b"1",
    "of something else": zlib.compress(b"not JSON"),
}


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_damaged_is_corrupt_and_stays(
    half: Any, bridge: Bridge, base: Any, raw: bytes
) -> None:
    plant(base, raw)
    store = bridge.driven(half.compressed(base))

    for call in (lambda: store.get("k"), lambda: store.update("k", lambda value: value)):
        with pytest.raises(CorruptValueError) as caught:
            call()
        assert caught.value.key == "k"
    assert kept(base) == raw


def test_what_unfolds_to_more_than_is_allowed_is_not_unfolded(
    half: Any, bridge: Bridge, base: Any
) -> None:
    """A few bytes that somebody planted must not fill the memory."""
    plant(base, BOMB)
    store = bridge.driven(half.compressed(base))

    tracemalloc.start()
    try:
        with pytest.raises(CorruptValueError, match="16777216 bytes allowed"):
            store.get("k")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100_000_000


def test_the_codec_says_how_much_is_allowed(half: Any, bridge: Bridge) -> None:
    base = half.MemoryStorage(codec=JsonCodec(max_bytes=5000))
    store = bridge.driven(half.compressed(base, over=10))
    store.set("k", "a" * 4000)
    assert store.get("k") == "a" * 4000

    with pytest.raises(UnstorableError, match="5000"):
        store.set("k", "a" * 5000)
    plant(base, zlib.compress(b'"' + b"a" * 5000 + b'"'))
    with pytest.raises(CorruptValueError, match="5000"):
        store.get("k")
    store.close()


@pytest.mark.parametrize("over", [-1, 1.5, True, None, "1024"])
def test_over_is_a_number_of_bytes(half: Any, base: Any, over: Any) -> None:
    with pytest.raises(ConfigurationError, match="over"):
        half.compressed(base, over=over)


def test_it_goes_over_encryption(half: Any, bridge: Bridge, base: Any) -> None:
    store = bridge.driven(half.compressed(half.encrypted(base, b"k" * 16)))
    store.set("k", TALK)
    assert len(kept(base)) < len(JsonCodec().encode(TALK)) / 5

    store = bridge.driven(half.encrypted(half.compressed(base), b"k" * 16))
    store.set("k", NOISE)
    assert store.get("k") == NOISE


@given(st.binary(max_size=300) | st.binary(max_size=30).map(lambda raw: b"x" + raw * 20))
def test_any_bytes_come_back(raw: bytes) -> None:
    stage = Compression(over=16)

    assert stage.open("k", stage.seal("k", raw)) == raw
