"""What holds for any value and for any bytes, in both codecs."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.codecs import JSON, Codec, FastJsonCodec, JsonCodec, UnreadableError
from storage.errors import UnstorableError
from storage.values import check, same

FAST = FastJsonCodec()
BIG = (JsonCodec(big_integers=True), FastJsonCodec(big_integers=True))

SAFE = 2**53 - 1
TORN = re.compile("[\ud800-\udbff][\udc00-\udfff]")


class Level(IntEnum):
    LOW = 1


def texts() -> st.SearchStrategy[str]:
    """Any text, and more often one of escapes and surrogates."""
    nasty = st.sampled_from(
        ["\ud83d", "\ude00", "\U0001f600", "\\", '"', "\n", "\0", "\u2028", "é"]
    )
    anything = st.characters(exclude_categories=())
    return st.one_of(st.text(anything, max_size=8), st.lists(nasty, max_size=4).map("".join))


def numbers(most: int) -> st.SearchStrategy[int | float]:
    edges = [0, 1, -1, most, -most, 0.0, -0.0, 1.0, 1e15, 1e16, 1e17, 1e21, 1e22, 1e-4, 1e-5, 1e-7]
    return st.one_of(
        st.integers(-most, most),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from([*edges, 9.999e-5, 9999999999999998.0, 5e-324, 1.7976931348623157e308]),
    )


def trees(leaves: st.SearchStrategy[Any], names: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)
        ),
        max_leaves=12,
    )


def values(most: int = SAFE) -> st.SearchStrategy[Any]:
    whole = texts().filter(lambda text: not TORN.search(text))
    return trees(st.one_of(st.none(), st.booleans(), numbers(most), whole), whole)


def anything() -> st.SearchStrategy[Any]:
    """Mostly values, with now and then something that is none."""
    strange = [float("nan"), float("inf"), 2**53, -(2**53), 2**63, -(2**63), -(2**63) - 1, 10**30]
    others = [{1}, b"x", (1,), Decimal(1), Level.LOW, OrderedDict(), object(), "\ud83d" + "\ude00"]
    leaves = st.one_of(*[values()] * 4, texts(), st.sampled_from(strange), st.sampled_from(others))
    names = st.one_of(*[texts()] * 6, st.sampled_from([1, None, True, Level.LOW, (1,)]))
    return trees(leaves, names)


def broken() -> st.SearchStrategy[bytes]:
    """Valid JSON with a few bytes put in, taken out or replaced."""
    pieces = [b"", b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d", b"e5", b"-"]
    more = [b"0", b".5", b"NaN", b"1e400", b" ", b"\n", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"]
    huge = [b"1" * 30, b"1" * 5000, b"true", b"null", b"\0", b"\\u0000", b"E+", b"00"]
    edits = st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 3), st.sampled_from(pieces + more + huge)),
        min_size=1,
        max_size=4,
    )
    return st.builds(_edited, values().map(JSON.encode), edits)


def _edited(raw: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for where, taken, put in edits:
        at = where % (len(raw) + 1)
        raw = raw[:at] + put + raw[at + taken :]
    return raw


def others_json() -> st.SearchStrategy[Callable[[object], bytes]]:
    """Ways in which other programs write the same value."""
    return st.builds(
        lambda ascii_, indent, comma, colon, sort: (
            lambda value: json.dumps(
                value, ensure_ascii=ascii_, indent=indent, separators=(comma, colon), sort_keys=sort
            ).encode("utf-8", "backslashreplace")
        ),
        st.booleans(),
        st.sampled_from([None, 0, 2, "\t"]),
        st.sampled_from([",", ", ", " ,"]),
        st.sampled_from([":", ": ", " : "]),
        st.booleans(),
    )


def told(action: Callable[[], object]) -> tuple[str, str] | None:
    try:
        action()
    except UnstorableError as error:
        return error.path, error.reason
    return None


def read(codec: Codec, raw: bytes) -> tuple[str, object]:
    try:
        return "read", codec.decode(raw)
    except UnreadableError as error:
        return str(error), None


@given(values())
def test_a_value_comes_back_with_its_types(value: object) -> None:
    check(value)
    raw = JSON.encode(value)

    assert FAST.encode(value) == raw
    assert same(JSON.decode(raw), value)
    assert same(FAST.decode(raw), value)


@given(values(2**63 - 1))
def test_big_integers_come_back_too(value: object) -> None:
    check(value, big_integers=True)
    plain, fast = BIG
    raw = plain.encode(value)

    assert fast.encode(value) == raw
    assert same(plain.decode(raw), value)
    assert same(fast.decode(raw), value)


@given(values())
def test_what_is_written_is_compact_and_whole(value: object) -> None:
    raw = JSON.encode(value)

    assert json.loads(raw) == value
    assert raw == JSON.encode(JSON.decode(raw))


@given(anything(), st.booleans())
def test_a_codec_refuses_just_what_check_refuses(value: object, big: bool) -> None:
    plain, fast = BIG if big else (JSON, FAST)
    refused = told(lambda: check(value, big_integers=big))

    assert told(lambda: plain.encode(value)) == refused
    assert told(lambda: fast.encode(value)) == refused
    if refused is None:
        assert same(plain.decode(plain.encode(value)), value)


@given(st.one_of(st.binary(max_size=30), broken(), broken()))
def test_any_bytes_are_a_value_or_that_one_error(raw: bytes) -> None:
    outcome, value = read(JSON, raw)

    fast_outcome, fast_value = read(FAST, raw)
    assert outcome == fast_outcome
    assert same(value, fast_value)


@given(values(), others_json())
def test_same_sees_through_the_spelling_of_others(
    value: object, write: Callable[[object], bytes]
) -> None:
    foreign, ours = write(value), JSON.encode(value)

    assert same(JSON.decode(foreign), value)
    for codec in (JSON, FAST):
        assert codec.same(foreign, ours)
        assert codec.same(ours, foreign)


@given(values(), values(), others_json())
def test_same_is_equality_of_what_is_read(
    one: object, other: object, write: Callable[[object], bytes]
) -> None:
    for codec in (JSON, FAST):
        assert codec.same(write(one), codec.encode(other)) == same(one, other)


@pytest.mark.parametrize("codec", [JSON, FAST], ids=["json", "fast"])
@pytest.mark.parametrize(
    ("old", "new", "equal"),
    [
        ('{"b":2,"a":1}', '{"a":1,"b":2}', True),
        ('{"a":9,"a":1}', '{"a":1}', True),
        ("0.00001", "1e-05", True),
        ("1e-7", "1e-07", True),
        ("1e16", "1e+16", True),
        ("-0", "0", True),
        ('{"b":2,"a":1}', '{"a":1.0,"b":2}', False),
        ('{"b":[{"c":0,"d":1}]}', '{"b":[{"d":true,"c":0}]}', False),
        ("1", "1.0", False),
        ("0.0", "-0.0", False),
        ("1", "true", False),
        ("0", "false", False),
        ("null", "0", False),
        ("[]", "{}", False),
        ("[1,2]", "[2,1]", False),
        ('{"a":null}', "{}", False),
        ("not json", "1", False),
        ("", "1", False),
        ("not json", "not json", True),
    ],
)
def test_same_by_example(codec: Codec, old: str, new: str, equal: bool) -> None:
    assert codec.same(old.encode(), new.encode()) == equal
    assert codec.same(new.encode(), old.encode()) == equal


@given(anything())
def test_same_is_reflexive_without_nan(value: object) -> None:
    if "nan" not in repr(value):
        assert same(value, value)


@given(values())
def test_a_decoded_value_is_a_copy(value: object) -> None:
    copy = FAST.decode(FAST.encode(value))

    assert not (isinstance(value, (list, dict)) and copy is value)


def test_foreign_values_may_be_deeper_than_ours() -> None:
    one, other = _nest([], 10_000), _nest([], 10_000)

    assert same(one, other)
    assert not same(one, _nest([], 10_001))
    assert JSON.decode(b"[" * 200 + b"]" * 200) == _nest([], 199)


def _nest(value: list[Any], levels: int) -> list[Any]:
    for _ in range(levels):
        value = [value]
    return value
