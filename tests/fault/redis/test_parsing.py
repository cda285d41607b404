"""What a server sends is read as redis-py reads it, in whatever pieces it comes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis._parsers import Encoder, _AsyncHiredisParser, _AsyncRESP2Parser, _AsyncRESP3Parser
from redis.exceptions import InvalidResponse, ResponseError

from storage.redis.parsing import NOT_YET, PUSH, PlainReader, Pushed, Reader, reader

USUAL = _AsyncRESP3Parser if PUSH is Pushed else _AsyncHiredisParser
"""What redis-py reads with."""

READERS: dict[str, Callable[[], Reader]] = {"the usual one": reader, "ours": PlainReader}
REFUSALS = [
    b"ERR it is so",
    b"WRONGTYPE of another kind",
    b"MOVED 7 host:1",
    b"NOPERM",
    b"ASK 7 h:1",
]

texts = st.binary(max_size=40)
lines = st.sampled_from([b"OK", b"", b"QUEUED", b"a b"])
numbers = st.integers(-(2**63), 2**63 - 1)


def bulk(kind: bytes, text: bytes) -> bytes:
    return b"%b%d\r\n%b\r\n" % (kind, len(text), text)


def several(kind: bytes, parts: Sequence[bytes], each: int = 1) -> bytes:
    return b"%b%d\r\n%b" % (kind, len(parts) // each, b"".join(parts))


old_simple = st.one_of(
    texts.map(lambda text: bulk(b"$", text)),
    lines.map(lambda line: b"+%b\r\n" % line),
    numbers.map(lambda number: b":%d\r\n" % number),
    st.sampled_from(REFUSALS).map(lambda text: b"-%b\r\n" % text),
)
old = st.recursive(
    old_simple | st.sampled_from([b"$-1\r\n", b"*-1\r\n"]),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: several(b"*", parts)),
    max_leaves=12,
)
new_simple = old_simple | st.one_of(
    st.just(b"_\r\n"),
    st.sampled_from([b"#t\r\n", b"#f\r\n"]),
    st.sampled_from([b",1.5\r\n", b",inf\r\n", b",-inf\r\n", b",1e9\r\n"]),
    texts.map(lambda text: bulk(b"=", b"txt:" + text)),
)
names = texts.map(lambda text: bulk(b"$", text))


def nested(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    pairs = st.lists(st.tuples(names, inner), max_size=3)
    return st.one_of(
        st.lists(inner, max_size=4).map(lambda parts: several(b"*", parts)),
        st.lists(inner, max_size=4).map(lambda parts: several(b"~", parts)),
        pairs.map(lambda found: several(b"%", [part for pair in found for part in pair], 2)),
    )


new = st.recursive(new_simple, nested, max_leaves=12)
big_numbers = st.one_of(
    st.integers(-(10**30), 10**30).map(lambda number: b"%d" % number), st.just(b"9" * 5000)
)
long_refusals = st.sampled_from(REFUSALS).map(lambda text: bulk(b"!", text))
only_ours = st.recursive(new_simple | long_refusals, nested, max_leaves=12)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def theirs(kind: Any, data: bytes, count: int, loop: asyncio.AbstractEventLoop) -> list[Any]:
    """What a parser of redis-py reads."""
    stream = asyncio.StreamReader(loop=loop)
    stream.feed_data(data)
    parser = kind(socket_read_size=65536)
    encoder = Encoder("utf-8", "strict", False)
    parser.on_connect(SimpleNamespace(_reader=stream, encoder=encoder))

    async def read() -> list[Any]:
        return [await parser.read_response(disable_decoding=True) for _ in range(count)]

    return shown(loop.run_until_complete(read()))


def ours(made: Reader, data: bytes, cuts: Sequence[int]) -> list[Any]:
    """What a reader reads of pieces."""
    found = []
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    for start, end in zip([0, *ends], ends):
        made.feed(data[start:end])
        while (reply := made.gets()) is not NOT_YET:
            found.append(reply)
    assert not made.has_data()
    return shown(found)


def shown(reply: Any) -> Any:
    """*reply* in a form that can be compared: an error is its kind and its words."""
    if isinstance(reply, Exception):
        return type(reply), str(reply), vars(reply).get("host")
    if isinstance(reply, list):
        return [shown(part) for part in reply]
    if isinstance(reply, dict):
        return {name: shown(part) for name, part in reply.items()}
    return type(reply), reply


several_of = st.lists(st.integers(0, 10_000), max_size=6)


@given(replies=st.lists(old, min_size=1, max_size=5), cuts=several_of)
def test_the_old_protocol(loop: Any, replies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(replies)
    expected = theirs(_AsyncRESP2Parser, data, len(replies), loop)

    assert ours(PlainReader(), data, cuts) == expected
    assert ours(reader(), data, cuts) == expected


@given(replies=st.lists(new, min_size=1, max_size=5), cuts=several_of)
def test_the_new_protocol(loop: Any, replies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(replies)
    expected = theirs(_AsyncRESP3Parser, data, len(replies), loop)

    assert ours(PlainReader(), data, cuts) == expected
    assert ours(reader(), data, cuts) == theirs(USUAL, data, len(replies), loop)


@given(replies=st.lists(only_ours, min_size=1, max_size=5), cuts=several_of)
def test_what_hiredis_does_not_know(loop: Any, replies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(replies)

    assert ours(PlainReader(), data, cuts) == theirs(_AsyncRESP3Parser, data, len(replies), loop)


@pytest.mark.parametrize("kind", READERS)
@given(numbers=st.lists(big_numbers, min_size=1, max_size=5), cuts=several_of)
def test_a_big_number_is_what_the_server_says(
    kind: str, numbers: list[bytes], cuts: list[int]
) -> None:
    data = several(b"*", [b"(%b\r\n" % number for number in numbers])

    assert ours(READERS[kind](), data, cuts) == [shown(numbers)]


class Searched(bytearray):
    """Bytes that count how many of them were looked at."""

    looked = 0

    def find(self, what: Any, start: Any = 0, end: Any = None) -> int:
        self.looked += len(self) - start
        return super().find(what, start)


def test_a_line_that_comes_in_many_pieces_is_looked_at_once() -> None:
    made = PlainReader()
    made._bytes = seen = Searched()
    pieces = 1000
    made.feed(b":1\r\n+")
    assert made.gets() == 1
    for _ in range(pieces):
        made.feed(b"long")
        assert made.gets() is NOT_YET
    made.feed(b"\r")
    assert made.gets() is NOT_YET
    made.feed(b"\n:2\r\n")

    assert made.gets() == b"long" * pieces
    assert made.gets() == 2
    assert not made.has_data()
    assert seen.looked < 3 * len("long") * pieces


def test_what_stands_before_a_reply_is_no_reply() -> None:
    data = b"|1\r\n+k\r\n:1\r\n*2\r\n|2\r\n+k\r\n:1\r\n+l\r\n*0\r\n:5\r\n|0\r\n:6\r\n"

    for cut in range(len(data)):
        assert ours(PlainReader(), data, [cut]) == [shown([5, 6])]


@pytest.mark.parametrize("kind", READERS)
def test_what_a_server_says_unasked_is_told_from_a_reply(kind: str) -> None:
    made = READERS[kind]()
    made.feed(b"+OK\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n*1\r\n:1\r\n")

    assert made.gets() == b"OK"
    push = made.gets()
    assert isinstance(push, PUSH if kind == "the usual one" else Pushed)
    assert list(push) == [b"invalidate", [b"a"]]
    assert type(made.gets()) is list


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b":x\r\n",
        b"$-2\r\n",
        b"$x\r\n",
        b"*-2\r\n",
        b"*x\r\n",
        b"*1\r\n:\r\n",
        b",x\r\n",
        b"(x\r\n",
        b"#x\r\n",
        b"_x\r\n",
        b":1_0\r\n",
        b": 1\r\n",
        b":-\r\n",
        b",1_0\r\n",
        b",infinity\r\n",
        b"$1_0\r\n0123456789\r\n",
        b"*+1\r\n:1\r\n",
    ],
)
def test_what_is_no_reply_raises(kind: str, data: bytes) -> None:
    made = READERS[kind]()
    made.feed(data)

    with pytest.raises(InvalidResponse) as caught:
        made.gets()
    assert not isinstance(caught.value, UnicodeError)


def test_a_text_that_is_longer_than_it_says_is_no_reply() -> None:
    made = PlainReader()
    made.feed(b"$3\r\nabcdef\r\n")

    with pytest.raises(InvalidResponse, match="no reply"):
        made.gets()


@pytest.mark.parametrize("kind", READERS)
def test_a_refusal_that_is_no_text_is_one_all_the_same(kind: str) -> None:
    made = READERS[kind]()
    made.feed(b"-ERR caf\xff\r\n")

    assert isinstance(made.gets(), ResponseError)
    assert made.gets() is NOT_YET


@pytest.mark.parametrize("kind", sorted(READERS))
@pytest.mark.parametrize("text", [b"nan", b"-nan"])
def test_what_is_no_number_is_read_as_that(kind: str, text: bytes) -> None:
    """Servers before Redis 7.2 say it with the sign that it has there."""
    made = READERS[kind]()
    made.feed(b",%b\r\n" % text)

    assert math.isnan(made.gets())
