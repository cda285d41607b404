"""Where a message of the protocol ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.resp import encoded, end_of, name_of

words = st.binary(max_size=8)
texts = st.text("abc \N{EURO SIGN}", max_size=8).map(str.encode)


def line(kind: bytes) -> st.SearchStrategy[bytes]:
    return texts.map(lambda text: b"%b%b\r\n" % (kind, text))


def listed(kind: bytes, parts: list[bytes], each: int) -> bytes:
    return b"%b%d\r\n%b" % (kind, len(parts) // each, b"".join(parts))


def lists(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    few = st.lists(parts, max_size=3)
    pairs = st.lists(st.tuples(parts, parts), max_size=2)
    flat = pairs.map(lambda found: [part for pair in found for part in pair])
    return st.one_of(
        *(few.map(lambda found, kind=kind: listed(kind, found, 1)) for kind in (b"*", b"~", b">")),
        flat.map(lambda found: listed(b"%", found, 2)),
        st.tuples(flat, parts).map(lambda both: listed(b"|", both[0], 2) + both[1]),
    )


messages = st.recursive(
    st.one_of(
        *map(line, (b"+", b"-", b":", b"_", b",", b"#", b"(")),
        *(words.map(lambda text, kind=kind: b"%b%d\r\n%b\r\n" % (kind, len(text), text))
          for kind in (b"$", b"!", b"=")),
        st.sampled_from([b"$-1\r\n", b"*-1\r\n"]),
    ),
    lists,
    max_leaves=6,
)  # fmt: skip


@given(messages, messages)
def test_a_message_ends_where_the_next_one_begins(message: bytes, following: bytes) -> None:
    assert end_of(message) == len(message)
    assert end_of(message + following) == len(message)
    assert end_of(message + following, len(message)) == len(message + following)


@given(messages, st.data())
def test_half_a_message_has_no_end(message: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(message) - 1))

    assert end_of(message[:cut]) is None


@given(st.lists(words, min_size=1))
def test_a_command_is_a_message(command: list[bytes]) -> None:
    assert end_of(encoded(*command)) == len(encoded(*command))


@pytest.mark.parametrize("command", [encoded("get", "k"), b"get k\r\n"])
def test_a_command_has_a_name(command: bytes) -> None:
    assert name_of(command) == "GET"
