"""Where values end: depth, length, size of integers; and paths that stay readable."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from storage.codecs import JSON, MAX_BYTES, Codec, FastJsonCodec, JsonCodec, UnreadableError
from storage.errors import ConfigurationError, UnstorableError
from storage.values import MAX_DEPTH, check

KINDS = (JsonCodec, FastJsonCodec)
kinds = pytest.mark.parametrize("kind", KINDS, ids=["json", "fast"])
codecs = pytest.mark.parametrize("codec", [kind() for kind in KINDS], ids=["json", "fast"])


def nested(levels: int, wrap: Callable[[object], object]) -> Any:
    value: object = 1
    for _ in range(levels):
        value = wrap(value)
    return value


def refusal(action: Callable[[object], object], value: object) -> tuple[str, str]:
    with pytest.raises(UnstorableError) as caught:
        action(value)
    return caught.value.path, caught.value.reason


wraps = pytest.mark.parametrize(
    "wrap", [lambda v: [v], lambda v: {"a": v}, lambda v: [{"b": v}]], ids=["list", "dict", "both"]
)


@codecs
@wraps
def test_a_hundred_levels_come_back(codec: Codec, wrap: Callable[[object], object]) -> None:
    levels = MAX_DEPTH // (2 if isinstance(wrap(1), list) and wrap(1) != [1] else 1)
    value = nested(levels, wrap)

    assert codec.decode(codec.encode(value)) == value
    assert refusal(codec.encode, [value])[1] == "nested more than 100 deep"


@codecs
@wraps
def test_ten_thousand_levels_are_refused(codec: Codec, wrap: Callable[[object], object]) -> None:
    value = nested(10_000, wrap)

    for refuse in (check, codec.encode):
        path, reason = refusal(refuse, value)
        assert reason == "nested more than 100 deep"
        assert len(path) <= 200


@codecs
def test_foreign_depth_is_an_error_and_no_crash(codec: Codec) -> None:
    for levels in (100_000, 1_000_000):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")):
            with pytest.raises(UnreadableError):
                codec.decode(opening * levels + b"1" + closing * levels)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="3.14 follows as deep as its stack goes")
@codecs
def test_ten_thousand_foreign_levels_are_refused(codec: Codec) -> None:
    with pytest.raises(UnreadableError, match="nested too deep"):
        codec.decode(b"[" * 10_000 + b"]" * 10_000)


@codecs
def test_cycles_end(codec: Codec) -> None:
    items: list[object] = []
    items += [[items, items], {"a": items, "b": items}]

    assert refusal(codec.encode, items) == ("$[0][0]", "contains itself")


@codecs
def test_the_same_list_in_two_places_is_no_cycle(codec: Codec) -> None:
    shared = [1]

    assert codec.encode({"a": shared, "b": [shared, shared]}) == b'{"a":[1],"b":[[1],[1]]}'
    assert refusal(codec.encode, {"a": shared, "b": [shared, {1}]})[0] == "$.b[1]"


@kinds
def test_a_value_may_be_just_as_long_as_allowed(kind: type[JsonCodec]) -> None:
    codec = kind(max_bytes=10)

    assert codec.decode(codec.encode("x" * 8)) == "x" * 8
    assert codec.decode(codec.encode("é" * 4)) == "é" * 4
    for value in ("x" * 9, "é" * 5, "\ud83dxxx", [1000, 10000], {"a": "12345"}, 123456789.25):
        path, reason = refusal(codec.encode, value)
        assert path == "$"
        assert reason.endswith("bytes are more than the 10 allowed")
    with pytest.raises(UnreadableError, match="11 bytes are more than the 10 allowed"):
        codec.decode(b'"xxxxxxxxx"')
    with pytest.raises(UnreadableError, match="11 bytes"):
        codec.decode(b"1" + b" " * 10)


@codecs
def test_seventeen_mebibytes_are_refused_both_ways(codec: Codec) -> None:
    text = "x" * (17 * 2**20)

    assert refusal(codec.encode, {"a": text})[0] == "$"
    with pytest.raises(UnreadableError):
        codec.decode(b'"' + text.encode() + b'"')
    assert MAX_BYTES == 16 * 2**20
    assert codec.decode(codec.encode(text[: MAX_BYTES - 2])) == text[: MAX_BYTES - 2]


@kinds
@pytest.mark.parametrize("most", [0, -1, True, 1.5, "10", None])
def test_a_limit_is_a_number_of_bytes(kind: type[JsonCodec], most: Any) -> None:
    with pytest.raises(ConfigurationError):
        kind(max_bytes=most)


@kinds
def test_integers_end_where_javascript_s_do_unless_allowed(kind: type[JsonCodec]) -> None:
    plain, big = kind(), kind(big_integers=True)
    hint = "; store it as text, or allow big integers"

    for value in (2**53, -(2**53), 2**63 - 1, -(2**63)):
        assert refusal(plain.encode, value) == ("$", "an integer beyond 2**53 - 1" + hint)
        assert big.encode(value) == str(value).encode()
        assert big.decode(big.encode(value)) == value
    for value in (2**63, -(2**63) - 1, 10**5000):
        reason = "an integer beyond 64 bits; store it as text"
        assert refusal(big.encode, value) == ("$", reason)
        assert refusal(lambda value: check(value, big_integers=True), value) == ("$", reason)


def test_the_fast_codec_says_which_extra_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)

    with pytest.raises(ConfigurationError, match=r"chatstorage\[fast\]"):
        FastJsonCodec()


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {"b_1": {"_": {1}}}}, "$.a.b_1._"),
        ({"a.b": {1}}, '$["a.b"]'),
        ({"": {1}}, '$[""]'),
        ({"1a": {1}}, '$["1a"]'),
        ({'"\n': {1}}, '$["\\"\\n"]'),
        ({"ключ": {1}}, '$["\\u043a\\u043b\\u044e\\u0447"]'),
        ({"\ud800": {1}}, '$["\\ud800"]'),
        ({"k" * 1000: {1}}, '$["' + "k" * 40 + '…"]'),
        ([[0, {"x": [{1}]}]], "$[0][1].x[0]"),
    ],
)
def test_a_path_reads_as_one_would_write_it(value: object, path: str) -> None:
    assert refusal(check, value)[0] == path


def test_a_long_path_keeps_both_ends() -> None:
    value: object = {"end": {1}}
    for number in reversed(range(50)):
        value = {f"member_{number}": value}

    path, _ = refusal(check, value)

    assert path.startswith("$.member_0.member_1.")
    assert path.endswith(".member_49.end")
    assert len(path) <= 161


def test_a_long_type_name_is_cut() -> None:
    kind = type("T" * 5000, (), {})

    assert len(refusal(check, kind())[1]) < 100
    assert len(refusal(check, {kind(): 1})[1]) < 100


@codecs
def test_the_first_flaw_in_reading_order_is_told(codec: Codec) -> None:
    value = {"a": [1, {"b": 2.5}], "c": [None, {1}], "d": {2}, 3: 4}

    assert refusal(codec.encode, value)[0] == "$.c[1]"


def test_the_usual_codec_is_made_already() -> None:
    assert JSON.encode({"a": 1}) == b'{"a":1}'
    assert json.loads(JSON.encode({"a": 1})) == {"a": 1}
