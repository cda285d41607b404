"""What is encrypted: who has no secret can not read it, change it or move it."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage
import storage.aio
from storage import ConfigurationError, CorruptValueError
from storage.testing import Bridge
from tests.layers.ground import kept, plant

ONE, TWO, THREE = b"1" * 32, b"2" * 32, b"3" * 16
VALUE = {"token": "planted-secret", "n": 1}

Encrypted = Callable[..., Any]


@pytest.fixture
def encrypted(half: Any, bridge: Bridge, base: Any) -> Encrypted:
    """Makes an encrypted store over *base*, or a view of it."""

    def encrypted(keys: Any = ONE, over: Any = None) -> Any:
        return bridge.driven(half.encrypted(base if over is None else over, keys))

    return encrypted


def refused(store: Any, key: str = "k") -> str:
    """What the error says that every way of reading *key* raises."""
    calls: list[Callable[[], object]] = [
        lambda: store.get(key),
        lambda: store.get_many([key]),
        lambda: list(store.items()),
        lambda: store.update(key, lambda value: value),
        lambda: store.incr(key),
    ]
    said = set()
    for call in calls:
        with pytest.raises(CorruptValueError) as caught:
            call()
        assert caught.value.key == key
        said.add(str(caught.value))
    assert len(said) == 1
    return said.pop()


def test_nothing_of_a_value_can_be_seen(encrypted: Encrypted, base: Any) -> None:
    store = encrypted()
    store.set("k", VALUE)
    store.set("k2", VALUE)

    assert store.get("k") == VALUE
    raw = kept(base)
    assert b"planted" not in raw
    assert b"token" not in raw
    assert raw[17:] != kept(base, "k2")[17:]


def test_the_same_value_is_never_written_twice_alike(encrypted: Encrypted, base: Any) -> None:
    store = encrypted()
    seen = set()
    for _ in range(100):
        store.set("k", VALUE)
        seen.add(kept(base))

    assert len(seen) == 100


def test_it_costs_33_bytes(encrypted: Encrypted, base: Any) -> None:
    encrypted().set("k", VALUE)

    assert len(kept(base)) == len(storage.JsonCodec().encode(VALUE)) + 33


def test_a_planted_value_is_refused_and_left_alone(encrypted: Encrypted, base: Any) -> None:
    for raw in (b'{"admin":true}', b"1", b"", b"\x01", b"\x01" * 40, b"x\x9c"):
        plant(base, raw)

        assert "not encrypted" in refused(encrypted()) or "no secret" in refused(encrypted())
        assert kept(base) == raw


def test_a_value_moved_to_another_key_is_refused(encrypted: Encrypted, base: Any) -> None:
    store = encrypted()
    store.set_many({"ann": VALUE, "k": {"token": "of another"}})
    plant(base, kept(base, "ann"))

    assert store.get("ann") == VALUE
    with pytest.raises(CorruptValueError, match="another key"):
        store.get("k")
    with pytest.raises(CorruptValueError, match="another key"):
        store.update("k", lambda value: value)


def test_a_value_moved_to_another_namespace_is_refused(encrypted: Encrypted, base: Any) -> None:
    store = encrypted()
    store.set("k", VALUE)
    store.namespace("a").set("k", {"token": "of a"})
    plant(base, kept(base, "~ns~a~k"))

    with pytest.raises(CorruptValueError, match="another key"):
        store.get("k")
    assert store.namespace("a").get("k") == {"token": "of a"}


def test_what_is_bound_is_the_key_that_the_layer_is_given(encrypted: Encrypted, base: Any) -> None:
    """So a store may move to another prefix or namespace as a whole."""
    encrypted(over=base.namespace("old")).set("k", VALUE)
    plant(base, kept(base, "~ns~old~k"), "~ns~new~k")

    assert encrypted(over=base.namespace("new")).get("k") == VALUE


def test_every_changed_byte_is_noticed(encrypted: Encrypted, base: Any) -> None:
    store = encrypted()
    store.set("k", VALUE)
    raw = kept(base)
    for place in range(len(raw)):
        plant(base, raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(CorruptValueError):
            store.get("k")
    for short in range(len(raw)):
        plant(base, raw[:short])
        with pytest.raises(CorruptValueError):
            store.get("k")


def test_a_ring_reads_what_any_of_its_secrets_wrote(encrypted: Encrypted) -> None:
    encrypted([ONE]).set("k", VALUE)
    encrypted([TWO, ONE]).set("k2", VALUE)
    both = encrypted([THREE, TWO, ONE])

    assert both.get_many(["k", "k2"]) == {"k": VALUE, "k2": VALUE}
    assert encrypted([ONE, TWO]).get("k2") == VALUE


def test_a_ring_without_the_secret_says_which_one_it_was(encrypted: Encrypted, base: Any) -> None:
    encrypted([ONE]).set("k", VALUE)
    raw = kept(base)
    said = refused(encrypted([TWO, THREE]))

    assert raw[1:5].hex() in said
    assert kept(base) == raw


def test_what_is_changed_is_written_with_the_first_secret(encrypted: Encrypted, base: Any) -> None:
    encrypted([ONE]).set("k", VALUE)
    encrypted([TWO, ONE]).update("k", lambda value: {**value, "n": 2})

    assert encrypted([TWO]).get("k") == {**VALUE, "n": 2}


STANDING: dict[str, Callable[[Any, Any], Any]] = {
    "alone": lambda half, store: store,
    "enhanced": lambda half, store: half.enhance_storage(store),
    "in milliseconds": lambda half, store: half.enhance_storage(store, millisecond_precision=True),
    "compressed": lambda half, store: half.compressed(store),
}


@pytest.mark.parametrize("standing", STANDING.values(), ids=STANDING.keys())
@pytest.mark.parametrize("place", ["memory", "dict"])
def test_migrate_writes_everything_with_the_first_secret(
    half: Any, bridge: Bridge, standing: Any, place: str
) -> None:
    base = half.MemoryStorage() if place == "memory" else half.adapt({})
    over = [standing(half, half.encrypted(base, keys)) for keys in (ONE, [TWO, ONE], TWO)]
    old, both, new = (bridge.driven(store) for store in over)
    old.set_many({"k": VALUE, "l": [1, 2]})
    both.set("m", 3)

    dry = bridge.call(lambda: half.migrate(over[1], dry_run=True))
    report = bridge.call(lambda: half.migrate(over[1]))
    again = bridge.call(lambda: half.migrate(over[1]))

    assert (dry.written, report.written, report.kept, again.written) == (2, 2, 1, 0)
    assert dict(new.items()) == {"k": VALUE, "l": [1, 2], "m": 3}
    bridge.driven(base).close()


@pytest.mark.parametrize(
    "given_as", [ONE, [ONE], (ONE,), b64encode(ONE).decode(), urlsafe_b64encode(ONE).decode()]
)
def test_a_secret_is_bytes_or_base64(encrypted: Encrypted, given_as: Any) -> None:
    encrypted(given_as).set("k", VALUE)

    assert encrypted(ONE).get("k") == VALUE


@pytest.mark.parametrize(
    "keys",
    ["planted-secret", b"planted-secret", "", b"", [], [ONE, b"planted-secret"], [7], [ONE, ONE]],
)
def test_what_is_no_secret_is_refused_and_not_shown(half: Any, base: Any, keys: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        half.encrypted(base, keys)

    assert "planted" not in str(caught.value)


def test_no_repr_shows_a_secret(half: Any, base: Any) -> None:
    store = half.encrypted(base, b"planted-secret-" * 2 + b"!!")

    shown = [repr(store), repr(store._layers), *map(repr, store._layers.stages)]
    assert not [text for text in shown if "planted" in text]


def test_it_goes_under_an_envelope(half: Any, base: Any) -> None:
    with pytest.raises(ConfigurationError, match="encrypted goes under"):
        half.encrypted(half.enhance_storage(base), ONE)


def test_a_file_has_nothing_of_it(tmp_path: Path) -> None:
    place = tmp_path / "bot.db"
    with storage.SqliteStorage(place) as base:
        store = storage.encrypted(base, ONE)
        for number in range(50):
            store.set(f"k{number}", VALUE)
        store.update("k1", lambda value: {**value, "more": "planted-secret"})

    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"planted" not in written
    assert b"k49" in written


@given(st.binary(max_size=200), st.text(max_size=20))
def test_a_stage_gives_back_what_it_was_given(raw: bytes, key: str) -> None:
    stage = storage.encrypted(storage.MemoryStorage(), ONE)._layers.stages[0]

    assert stage.open(key, stage.seal(key, raw)) == raw
