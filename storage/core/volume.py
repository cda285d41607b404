"""A whole conversation as one value, for places that keep nothing else.

A zero, a version, when it is over (8 bytes, in milliseconds since 1970, or 0), how many messages
there are, how long the state and each message is (4 bytes each), and then all of these.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from struct import Struct, error, pack, unpack_from
from typing import Final

from .history import packed, unpacked
from .messages import marks
from .talk import Talk

VERSION: Final = 1

_HEAD: Final = Struct("<BBQI")


def volume(talk: Talk) -> bytes:
    """What is kept of a whole conversation."""
    records = [raw for _, raw in (*talk.kept, *talk.tail)]
    parts = [packed(talk.state), *records]
    head = _HEAD.pack(0, VERSION, talk.ends or 0, len(records))
    return b"".join([head, pack(f"<{len(parts)}I", *map(len, parts)), *parts])


def ends(raw: bytes) -> int | None:
    """When a conversation is over; a `ValueError` where *raw* is none."""
    try:
        zero, version, over, _ = _HEAD.unpack_from(raw)
    except error:
        raise ValueError("it is no conversation") from None
    if zero or not version:
        raise ValueError("it is no conversation")
    if version != VERSION:
        raise ValueError(f"it was written in version {version}, which is newer")
    return over or None


def opened(raw: bytes) -> Talk:
    """The conversation in *raw*; a `ValueError` where there is none."""
    over, (*_, number) = ends(raw), _HEAD.unpack_from(raw)
    try:
        lengths = unpack_from(f"<{number + 1}I", raw, _HEAD.size)
    except error:
        raise ValueError("the conversation is cut off") from None
    start = _HEAD.size + 4 * len(lengths)
    places = list(accumulate(lengths, initial=start))
    if places[-1] != len(raw):
        raise ValueError("the conversation is cut off")
    state, *records = (raw[begin:end] for begin, end in pairwise(places))
    talk = Talk(unpacked(state))
    talk.ends = over
    talk.fill(zip(marks(records), records))
    return talk
