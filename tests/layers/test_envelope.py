"""The short way into an envelope never answers what the long way would not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage import JsonCodec
from storage.core.envelope import Envelope, Record, ended, ending, parted, record, sealed
from storage.testing.strategies import values

CODEC = JsonCodec()
ENVELOPE = Envelope(CODEC, {1: lambda data: data, 2: lambda data: data}, "raise")

pieces = st.sampled_from(
    [
        *(b'{"__v":2,"data":', b'{"__v":1,"data":', b"}", b"{", b"1", b"12", b'"a"', b"[1]"),
        *(b',"__exp":5', b',"data":3', b'"', b",", b" ", b'{"a":1}', b'{"__v":2,"data":1}'),
    ]
)
texts = st.lists(pieces, max_size=6).map(b"".join)


def shortly(raw: bytes) -> Any:
    """What the short way answers, or `None`."""
    try:
        return [CODEC.decode(ENVELOPE.open("k", raw))]
    except ValueError:
        return None


def at_length(raw: bytes) -> Any:
    try:
        found = record(CODEC, raw)
    except ValueError:
        return None
    return [CODEC.decode(found.data)] if found.is_sealed and found.version == 2 else None


@given(texts | st.binary(max_size=40))
@example(b'{"__v":2,"data":12')
@example(b'{"__v":2,"data":1 ')
@example(b'{"__v":2,"data":{"a":1,"__exp":5}}')
def test_the_short_way_answers_what_the_long_way_does_or_nothing(raw: bytes) -> None:
    found = shortly(raw)

    assert found is None or found == at_length(raw)


@given(values(5))
def test_what_is_sealed_is_opened_both_ways(value: Any) -> None:
    raw = ENVELOPE.seal("k", CODEC.encode(value))

    assert shortly(raw) == at_length(raw) == [value]
    assert ENVELOPE.record(raw) == Record(2, CODEC.encode(value), None, True)


@given(values(5), st.integers(-(10**6), 10**15))
def test_an_end_goes_in_last_and_comes_out_again(value: Any, ends: int) -> None:
    raw = ENVELOPE.seal("k", CODEC.encode(value))
    with_end = ended(raw, ends)

    assert list(json.loads(with_end)) == ["__v", "data", "__exp"]
    assert with_end == ending(CODEC, raw, ends)
    assert parted(CODEC, with_end) == (raw, ends)
    assert parted(CODEC, raw) == (raw, None)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('{"__v":1,"data":{"a":1}}', 1),
        (' { "data" : 5 , "__exp" : 17.5, "__v" : 0 } ', 0),
        ('{"__v":1000000,"data":null}', 1000000),
    ],
)
def test_anybodys_envelope_is_one(text: str, version: int) -> None:
    found = record(CODEC, text.encode())

    assert found.is_sealed
    assert found.version == version


@pytest.mark.parametrize(
    "text",
    [
        *('{"data":1}', '{"__v":1,"data":1,"name":"x"}', '{"a":1}', "[1]", "5"),
        *('{"__v":"1","name":"x"}', '{"__v":1,"Data":1}', '{"__v":7,"data":1,"__EXP":1}'),
    ],
)
def test_any_other_value_is_no_envelope(text: str) -> None:
    raw = text.encode()

    assert record(CODEC, raw) == Record(0, raw, None, False)


@pytest.mark.parametrize(
    "text",
    [
        *('{"__v":"1","data":1}', '{"__v":1.5,"data":1}', '{"__v":2.0,"data":1}'),
        *('{"__v":-1,"data":1}', '{"__v":true,"data":1}', '{"__v":null,"data":1}'),
        *('{"__v":1,"data":1,"__exp":null}', '{"__v":1,"data":1,"__exp":"5"}'),
        *('{"__v":1}', '{"__v":1,"__exp":5}', '{"__v":1,"data":1,"__exp":true}'),
        *('{"__v":1,"data":1', "", '{"__v":1,"data":}'),
    ],
)
def test_what_looks_like_one_and_is_none_can_not_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="it"):
        record(CODEC, text.encode())


def test_an_end_that_is_no_whole_number_is_rounded_up() -> None:
    found = record(CODEC, b'{"__v":1,"data":1,"__exp":17.2}')

    assert found.ends == 18
    assert sealed(found, None) == b'{"__v":1,"data":1}'
