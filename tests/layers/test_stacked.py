"""Several layers and stores over one place: each reads what it wrote, and spoils nothing else."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from typing import Any

import pytest

import storage
import storage.aio
from storage import (
    ConflictError,
    CorruptValueError,
    MigrationError,
    StorageFullError,
    UnavailableError,
)
from storage.memory.kv import MemoryBackend
from storage.protocols import Sweeper
from storage.testing import Bridge, Clock
from tests.layers.ground import kept
from tests.waiting import until

OLD, NEW = b"o" * 32, b"n" * 32


def same(data: Any) -> Any:
    return data


@pytest.mark.parametrize("ttl", [None, 60])
def test_a_touch_leaves_what_it_can_not_read(
    half: Any, bridge: Bridge, base: Any, ttl: Any
) -> None:
    bridge.driven(half.encrypted(base, OLD)).set("k", "precious")
    before = kept(base)
    precise = half.enhance_storage(half.encrypted(base, NEW), millisecond_precision=True)

    with pytest.raises(CorruptValueError, match="no secret here"):
        bridge.driven(precise).touch("k", ttl=ttl)
    assert kept(base) == before


def test_a_record_of_newer_code_below_spoils_no_other(half: Any, bridge: Bridge, base: Any) -> None:
    bridge.driven(half.enhance_storage(base, migrations={1: same, 2: same})).set("new", 1)
    below = half.enhance_storage(base, migrations={1: same})
    store = bridge.driven(half.enhance_storage(below, millisecond_precision=True))
    store.set("k", 2)

    assert dict(store.items(on_corrupt="skip")) == {"k": 2}
    assert store.has("new")
    with pytest.raises(MigrationError, match="version 2"):
        store.get("new")
    assert store.delete("new")


class Exact:
    """A codec of the user's own, which reads numbers as decimals."""

    def encode(self, value: Any) -> bytes:
        return json.dumps(value, default=float, separators=(",", ":")).encode()

    def decode(self, raw: bytes) -> Any:
        return json.loads(raw, parse_float=Decimal)

    def same(self, old: bytes, new: bytes) -> bool:
        return bool(self.decode(old) == self.decode(new))


@pytest.mark.parametrize("precise", [False, True])
def test_a_record_needs_no_codec_but_for_its_data(half: Any, bridge: Bridge, precise: bool) -> None:
    base = half.MemoryStorage(codec=Exact())
    old = half.enhance_storage(base, migrations={1: same}, millisecond_precision=precise)
    bridge.driven(old).set("k", {"price": 1.25}, ttl=60)
    new = bridge.driven(
        half.enhance_storage(base, migrations={1: same, 2: same}, millisecond_precision=precise)
    )

    assert new.get("k") == {"price": Decimal("1.25")}
    assert list(new.values()) == [{"price": Decimal("1.25")}]
    assert new.delete("k")
    bridge.driven(base).close()


def test_who_waits_for_a_key_does_not_see_what_another_store_keeps_there() -> None:
    base = storage.adapt({})
    secret = storage.enhance_storage(storage.encrypted(base, OLD))
    secret.set("k", {"secret": 1})
    seen: list[Any] = []

    def look() -> None:
        with pytest.raises(CorruptValueError):  # which is all that there is to see from here
            base.update("k", seen.append)

    waiting = threading.Thread(target=look)

    def slowly(value: Any) -> Any:
        waiting.start()
        until(lambda: any(hold._waiting for hold in base._keys.all_holds()))
        return {**value, "secret": 2}

    secret.update("k", slowly)
    waiting.join()

    assert not seen
    assert secret.get("k") == {"secret": 2}


def test_two_stores_over_one_key_say_so_when_they_are_nested() -> None:
    base = storage.MemoryStorage({"k": 1})
    packed = storage.compressed(base)

    with pytest.raises((storage.ReentryError, ConflictError)):
        packed.update("k", lambda value: base.update("k", lambda other: other + 1) + value)
    assert base.get("k") == 1


class Full(MemoryBackend):
    """Entries of this process, until there is no room."""

    error: Exception | None = None

    def write(self, name: str, raw: bytes, expiry: Any) -> None:
        if self.error is not None:
            raise self.error
        super().write(name, raw, expiry)


def test_an_outage_is_over_when_the_first_store_answers_whatever_it_says() -> None:
    clock = Clock()
    first, second = Full(clock), storage.MemoryStorage()
    told: list[Exception] = []
    both = storage.fallback(storage.Storage(first), second, on_error=told.append, pause=100)
    both._backend._room._clock = clock
    first.error = UnavailableError("gone")
    both.set("k", 1)
    assert second.get("k") == 1

    clock.tick(100)
    first.error = StorageFullError("full")
    for _ in range(2):
        with pytest.raises(StorageFullError):
            both.set("k", 2)
    assert second.get("k") == 1
    assert len(told) == 1


def test_a_fallback_closes_nothing_that_it_was_given() -> None:
    for first, second in (
        (MemoryBackend(Clock()), MemoryBackend(Clock())),
        ({}, MemoryBackend(Clock())),
        (MemoryBackend(Clock()), {}),
    ):
        storage.fallback(first, second, on_error=print).close()

        for one in (first, second):
            if isinstance(one, MemoryBackend):
                assert one.read("a") is None


def test_a_fallback_empties_no_whole_store_unasked() -> None:
    """Whichever of the two is the one without a prefix."""
    whole, part = storage.MemoryStorage({"k": 1}), storage.MemoryStorage().namespace("n")
    for first, second in ((whole, part), (part, whole)):
        both = storage.fallback(first, second, on_error=print)
        with pytest.raises(ValueError, match="everything"):
            both.clear()
        assert both.namespace("a").clear() == 0
    assert whole.get("k") == 1


def test_rooms_without_values_are_those_of_the_base(half: Any, tmp_path: Any) -> None:
    with Bridge() as bridge:
        base = half.SqliteStorage(tmp_path / "bot.db")
        for layer in (half.compressed(base), half.enhance_storage(base)):
            assert layer.room(Sweeper if half is storage else storage.aio.protocols.Sweeper)
        bridge.driven(base).close()
