"""An adapted object keeps any bytes: layers and codecs need not write JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage
import storage.aio
from storage import CorruptValueError, JsonCodec
from storage.core.carried import MARK
from storage.testing import Bridge
from tests.contract.backends import FourMethods, MixedMethods, ThreeMethods

Open = Callable[..., Any]

THINGS: list[Callable[[], Any]] = [dict, ThreeMethods, FourMethods]
LONG = 2**63 - 1


class AsTheyAre:
    """A codec whose values are the bytes themselves."""

    def encode(self, value: Any, /) -> bytes:
        return bytes(value)

    def decode(self, raw: bytes, /) -> Any:
        return raw

    def same(self, old: bytes, new: bytes, /) -> bool:
        return old == new


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "asyncio"])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Makes stores over an object that is adapted."""
    half = request.param
    with Bridge() as bridge:

        def opened(thing: Any, **options: Any) -> Any:
            return bridge.driven(half.Storage(half.adapt(thing)._backend, **options))

        yield opened


def any_bytes() -> st.SearchStrategy[bytes]:
    """Bytes of every kind, and those more often that are nearly something else."""
    texts = st.text("~base64=~ \"'\\u1", max_size=12)
    return st.one_of(
        st.binary(max_size=20),
        st.integers(-(2**70), 2**70).map(lambda number: b"%d" % number),
        texts.map(str.encode),
        texts.map(lambda text: json.dumps(MARK + text).encode()),
        texts.map(lambda text: (MARK + text).encode()),
        st.integers(90, 110).map(lambda depth: b"[" * depth + b"]" * depth),
    )


def as_it_comes_back(raw: bytes) -> bytes:
    """JSON comes back as a store writes it, and all else as it was."""
    try:
        value = JsonCodec().decode(raw)
    except ValueError:
        return raw
    if isinstance(value, str) and value.startswith(MARK):
        return raw
    try:
        return JsonCodec(big_integers=True).encode(value)
    except storage.UnstorableError:
        return raw


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.__name__)
def test_any_bytes_come_back(opened: Open, thing: Callable[[], Any]) -> None:
    store = opened(thing(), codec=AsTheyAre())

    given(any_bytes().filter(lambda raw: raw.strip() != b"null"))(lambda raw: keeps(store, raw))()


def test_no_two_bytes_are_kept_as_the_same(opened: Open) -> None:
    things: dict[str, Any] = {}
    store = opened(things, codec=AsTheyAre())
    seen: dict[str, bytes] = {}

    def law(raw: bytes) -> None:
        store.set("k", raw)
        kept = json.dumps(things["k"])
        assert seen.setdefault(kept, as_it_comes_back(raw)) == as_it_comes_back(raw)

    given(any_bytes())(law)()


def test_an_object_with_methods_of_both_colours_keeps_any_bytes() -> None:
    with Bridge() as bridge:
        backend = storage.aio.adapt(MixedMethods())._backend
        store = bridge.driven(storage.aio.Storage(backend, codec=AsTheyAre()))

        given(any_bytes())(lambda raw: keeps(store, raw))()


def keeps(store: Any, raw: bytes) -> None:
    store.set("k", raw)
    assert store.get("k") == as_it_comes_back(raw)


def test_what_is_no_json_can_be_seen_in_the_object_as_base64(opened: Open) -> None:
    mapping: dict[str, Any] = {}
    store = opened(mapping, codec=AsTheyAre())

    store.set("bytes", b"\0\1\xff")
    store.set("json", b'{"a": [1, null]}')

    assert mapping == {"bytes": "~base64~AAH/", "json": {"a": [1, None]}}


def test_a_text_that_looks_like_it_is_a_text(opened: Open) -> None:
    mapping: dict[str, Any] = {}
    store = opened(mapping)

    store.set_many({"a": "~base64~AAH/", "b": "~base64~", "c": "~base64", "d": ["~base64~"]})

    assert store.get_many([*"abcd"]) == {
        "a": "~base64~AAH/",
        "b": "~base64~",
        "c": "~base64",
        "d": ["~base64~"],
    }
    assert mapping["a"] != "~base64~AAH/"
    assert (mapping["c"], mapping["d"]) == ("~base64", ["~base64~"])


def test_every_operation_works_on_any_bytes(opened: Open) -> None:
    store = opened({}, codec=AsTheyAre())

    assert store.add("k", b"\0")
    assert not store.add("k", b"\1")
    assert store.swap("k", b"\0", b"\1")
    assert not store.swap("k", b"\0", b"\2")
    assert store.update("k", lambda raw: raw + b"\2") == b"\1\2"
    assert list(store.items()) == [("k", b"\1\2")]
    with pytest.raises(storage.WrongTypeError):
        store.incr("k")
    assert store.delete("k")
    assert store.incr("k") == 1


@pytest.mark.parametrize("number", [2**53, -(2**53), LONG, -LONG - 1])
def test_long_integers_come_back(opened: Open, number: int) -> None:
    mapping: dict[str, Any] = {}
    store = opened(mapping, codec=JsonCodec(big_integers=True))

    store.set("k", [number])
    store.update("k", lambda value: [*value, number])

    assert store.get("k") == [number, number]
    assert mapping == {"k": [number, number]}
    assert opened(mapping).get("k") == [number, number]


def test_a_value_longer_than_the_usual_limit_comes_back(opened: Open) -> None:
    text = "x" * (storage.codecs.MAX_BYTES + 1)
    mapping: dict[str, Any] = {}
    store = opened(mapping, codec=JsonCodec(max_bytes=2 * storage.codecs.MAX_BYTES))

    store.set("k", text)

    assert store.get("k") == text
    assert mapping == {"k": text}


def test_what_only_looks_like_base64_is_corrupt_and_stays(opened: Open) -> None:
    mapping: dict[str, Any] = {"k": "~base64~planted-secret"}
    store = opened(mapping)

    with pytest.raises(CorruptValueError, match=re.escape("adapted dict: key 'k'")) as caught:
        store.get("k")

    assert "secret" not in str(caught.value)
    assert mapping == {"k": "~base64~planted-secret"}
