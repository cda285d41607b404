"""How a message is kept: a head of a few bytes, which says all that is decided by, and its JSON.

Nobody who trims, filters or counts needs to read the JSON.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import pairwise
from struct import Struct
from typing import Final, NamedTuple

from ..histories import Entry

GUARDED: Final = 1
"""It stays, whatever is trimmed: the system prompt, and what is pinned."""

NOSTART: Final = 2
"""Nothing that is shown to a model begins here: it belongs to what stands before it."""

TURN: Final = 4
"""A turn begins here: somebody says something."""

ESTIMATED: Final = 8
"""Its tokens are an estimate."""

ORPHAN: Final = 16
"""It is the result of a call that never came."""

CALLS: Final = 32
"""It calls tools, whose ids follow."""

ANSWERS: Final = 64
"""It is the result of calls, whose ids follow."""

LEADS: Final = 128
"""What follows belongs to it."""

MOST_TOKENS: Final = 2**24 - 1
"""The most tokens that one message can count."""

LAST_SEQ: Final = 2**32 - 2
"""The largest number that a message can have; that of the next one can be written too."""

MOST_SEQ: Final = 2**31
"""The largest one that is read from a file: at least about as many are left for what follows."""

ROLES: Final = ("", "system", "developer", "user", "assistant", "tool", "function")
"""The roles that have a number of their own."""

OTHER_ROLE: Final = 255

SYSTEM: Final = frozenset({"system", "developer"})
"""The roles of a system prompt, when it stands at the beginning."""

ID_BYTES: Final = 8

BY_NAME: Final = "function:"
"""What the ids begin with of calls that have none of their own."""

NO_HEAD: Final = "it is no record of a message"

_TIED: Final = NOSTART | ORPHAN | CALLS | ANSWERS | LEADS

_HEAD: Final = Struct("<BIIIH")
_NUMBERS: Final = {role: number for number, role in enumerate(ROLES) if role}
_PLAIN_STARTS: Final = frozenset(
    bytes((number, flags))
    for number in range(1, len(ROLES))
    for flags in range(256)
    if not flags & (CALLS | ANSWERS)
)
"""What a record begins with whose JSON follows right after its head: a role and flags."""

_NUMBERED: Final = frozenset({*_NUMBERS.values(), OTHER_ROLE})
_ID: Final = Struct(f"{ID_BYTES}s")


class Mark(NamedTuple):
    """What the head of a message says."""

    seq: int
    """Its number in the conversation."""

    at: int
    """When it came, in milliseconds since 1970."""

    flags: int
    tokens: int
    role: str
    calls: tuple[bytes, ...]
    answers: tuple[bytes, ...]
    body: int
    """Where its JSON begins."""


def entry(
    role: str,
    flags: int,
    tokens: int,
    calls: Sequence[str],
    answers: Sequence[str],
    body: bytes,
) -> Entry:
    """The message with this *body*, which makes *calls* and *answers* others."""
    number, tokens = _NUMBERS.get(role, OTHER_ROLE), min(tokens, MOST_TOKENS)
    if not calls and not answers and number != OTHER_ROLE:
        return Entry(number, flags, tokens, (), (), body)
    called, answered = _once(calls), _once(answers)
    if called or answered:
        flags |= (CALLS if called else 0) | (ANSWERS if answered else 0)
        body = b"".join(
            [bytes((len(called), len(answered))), *called, *answered, _role(role), body]
        )
    else:
        body = _role(role) + body
    return Entry(number, flags, tokens, called, answered, body)


def shortened(text: str) -> bytes:
    """The few bytes that an id is known by; they say whether it is the name of a function."""
    first, *rest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).digest()
    return bytes((first & ~1 | text.startswith(BY_NAME), *rest))


def is_by_name(name: bytes) -> bool:
    """Whether a call goes by its name: it may have several results."""
    return name[0] & 1 == 1


def record(one: Entry, flags: int, seq: int, at: int) -> bytes:
    """A message as it is kept, with its number and its time."""
    head = _HEAD.pack(one.role, flags | one.tokens << 8, seq, at & 0xFFFFFFFF, at >> 32)
    return head + one.rest


def remarked(raw: bytes, flags: int) -> bytes:
    """The same record with other *flags*."""
    number, packed, seq, low, high = _HEAD.unpack_from(raw)
    return _HEAD.pack(number, packed & ~255 | flags, seq, low, high) + raw[_HEAD.size :]


def rewritten(raw: bytes, new: Entry, flags: int) -> bytes:
    """A record with *new* in it, which keeps its number and its time."""
    _, _, seq, low, high = _HEAD.unpack_from(raw)
    return _HEAD.pack(new.role, flags | new.tokens << 8, seq, low, high) + new.rest


def mark(raw: bytes) -> Mark:
    """What the head of a record says; a `ValueError` where it has none."""
    try:
        number, packed, seq, low, high = _HEAD.unpack_from(raw)
        flags, at, place = packed & 255, high << 32 | low, _HEAD.size
        if flags & (CALLS | ANSWERS):
            called, answered, place = _ids(raw, place)
        else:
            called, answered = (), ()
        if number != OTHER_ROLE:
            role = ROLES[number]
        else:
            end = place + 1 + raw[place]
            role, place = raw[place + 1 : end].decode(), end
        if not role or not seq or place > len(raw):
            raise ValueError
    except (struct.error, IndexError, ValueError):
        raise ValueError(NO_HEAD) from None
    return Mark(seq, at, flags, packed >> 8, role, called, answered, place)


def bodies(records: Sequence[bytes]) -> list[bytes]:
    """The JSON of each of *records*; a `ValueError` where one has no head."""
    plain, starts, no_seq = _HEAD.size, _PLAIN_STARTS, bytes(4)
    return [
        raw[plain:] if raw[:2] in starts and raw[5:9] != no_seq else raw[mark(raw).body :]
        for raw in records
    ]


def plain_heads(records: Sequence[bytes]) -> list[tuple[int, int]] | None:
    """The numbers of *records*, in order, and how many tokens they have, in which the last 8 bits
    are their flags; `None` where one of them belongs to another one, or is none."""
    found, last = [], 0
    try:
        for raw in records:
            number, packed, seq, _, _ = _HEAD.unpack_from(raw)
            if packed & _TIED or seq <= last or number not in _NUMBERED:
                return None
            found.append((seq, packed))
            last = seq
    except struct.error:
        return None
    return found


def marks(records: Sequence[bytes]) -> list[Mark]:
    """What the heads of records say, whose numbers rise."""
    found = [mark(raw) for raw in records]
    for before, after in pairwise(found):
        if before.seq >= after.seq:
            raise ValueError("its messages are not in order")
    return found


def _once(ids: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(map(shortened, ids)))


def _ids(raw: bytes, place: int) -> tuple[tuple[bytes, ...], tuple[bytes, ...], int]:
    calls, answers = raw[place], raw[place + 1]
    place += 2
    end = place + (calls + answers) * ID_BYTES
    ids = tuple(one for (one,) in _ID.iter_unpack(raw[place:end]))
    if len(ids) != calls + answers:
        raise ValueError
    return ids[:calls], ids[calls:], end


def _role(role: str) -> bytes:
    """How a role without a number is written."""
    if role in _NUMBERS:
        return b""
    text = role.encode("utf-8")
    return bytes((len(text),)) + text
