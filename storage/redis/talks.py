"""How a server is told of conversations, and what it says of one bit by bit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from struct import Struct
from typing import Final

from ..core.history import State, unpacked
from ..core.messages import GUARDED, OTHER_ROLE, ROLES, TURN, Mark, mark, plain_heads
from ..core.trim import exceeds
from ..histories import Bounds, Query, Stretch, Terms
from ..keys import Names
from .commands import starting_with
from .places import slot

GOES_ON: Final = 2
"""What a script says that has not looked at everything."""

_ELEMENTS_AT_ONCE, _BYTES_AT_ONCE = 1000, 1024 * 1024
"""What one command carries at the most."""

_TERMS, _ASKED, _BOUNDS = Struct("<6dB"), Struct("<B5d"), Struct("<7d")
_MOST: Final = Struct("<3d")
_BORN: Final = Struct("<Q")
_BORN_AT: Final = 39
"""Where in a packed state it says when the conversation began."""

Read = tuple[float, int, int, int]
"""Before which message others were read, and how many messages, tokens and turns these are."""

NOTHING_READ: Final[Read] = (math.inf, 0, 0, 0)


class Found:
    """What was found of a conversation bit by bit, while others may go on with it."""

    def __init__(self) -> None:
        self._first: bytes | None = None
        self._last: bytes = b""
        self._records: list[bytes] = []

    def add(self, state: bytes, records: Sequence[bytes]) -> bool:
        """Take some more; says whether that is still the same conversation, otherwise it is of no
        use."""
        if self._first is None:
            self._first = state
        elif state != self._last:
            before, now = unpacked(self._last), unpacked(state)
            if now.born != before.born or now.seq < before.seq:
                return False
        self._last = state
        self._records += records
        return True

    def stretch(self, *, newest: bool, more: bool) -> Stretch:
        """All of it, in order: *newest* is what came with the newest first. The state is the one
        of the beginning, so that nothing is altered by what was read of several."""
        records = self._records
        if self._last != self._first:
            records = _still(records, unpacked(self._last))
        return Stretch(self._first, records[::-1] if newest else records, more)


def terms_told(terms: Terms) -> bytes:
    """What the script that appends is told of *terms*."""
    numbers = (*terms.bounds, terms.ttl_ms, terms.max_age_ms)
    expected = -1 if terms.if_seq is None else terms.if_seq
    told = [math.inf if one is None else one for one in numbers]
    return _TERMS.pack(*told, expected, terms.keeps_orphans) + terms.note


def ends_told(terms: Terms, state: bytes) -> tuple[bytes, bytes]:
    """What scripts are told of the end on these *terms*: in how many milliseconds, and when at the
    latest."""
    ttl = b"" if terms.ttl_ms is None else b"%d" % terms.ttl_ms
    if terms.max_age_ms is None:
        return ttl, b""
    (born,) = _BORN.unpack_from(state, _BORN_AT)
    return ttl, b"%d" % (born + terms.max_age_ms)


def query_told(query: Query) -> tuple[bytes, ...]:
    """What the script that reads is told of a *query*."""
    limit = math.inf if query.limit is None else query.limit
    before = math.inf if query.before is None else query.before
    since = -math.inf if query.since is None else query.since
    until = math.inf if query.until is None else query.until
    told = _ASKED.pack(query.newest, limit, before, query.after, since, until)
    return told, *(_role(role) for role in query.roles)


def bounds_told(bounds: Bounds, read: Read) -> bytes:
    """What the script that reads what is recent is told of *bounds*, and of what it has *read*."""
    return _BOUNDS.pack(*(math.inf if one is None else one for one in bounds), *read)


def glance_told(bounds: Bounds) -> bytes:
    """What the script that takes a glance is told of *bounds*."""
    return _MOST.pack(*[math.inf if one is None else one for one in bounds])


def glanced_at(state: bytes, guarded: int, records: list[bytes], bounds: Bounds) -> Stretch | None:
    """What is recent among the last *records*, before which so many stand that are *guarded*, or
    all; `None` where that has to be looked for."""
    if guarded == -2:
        return None
    try:
        heads = plain_heads(records) or [_head(mark(raw)) for raw in records]
    except ValueError:
        return None
    front = max(guarded, 0)
    messages = tokens = turns = 0
    place = len(heads)
    while place > front and not exceeds(messages, tokens, turns, bounds):
        place -= 1
        packed = heads[place][1]
        if not packed & GUARDED:
            messages, tokens = messages + 1, tokens + (packed >> 8)
            turns += packed & TURN > 0
    if guarded >= 0 and not exceeds(messages, tokens, turns, bounds):
        return None
    stays = [raw for raw, (_, packed) in zip(records[:place], heads) if packed & GUARDED]
    is_all = guarded < 0 and len(stays) == place
    return Stretch(state, stays + records[place:], not is_all)


def beyond(query: Query, number: int, found: int) -> Query:
    """What is still asked for beyond the message *number*, where so many are *found*."""
    limit = None if query.limit is None else query.limit - found
    if query.newest:
        return query._replace(before=number, limit=limit)
    return query._replace(after=number, limit=limit)


def parted(elements: Sequence[bytes]) -> list[list[bytes]]:
    """*elements* as they are told: not too many at once."""
    parts: list[list[bytes]] = [[]]
    size = 0
    for one in elements:
        size += len(one)
        if parts[-1] and (size > _BYTES_AT_ONCE or len(parts[-1]) == _ELEMENTS_AT_ONCE):
            parts.append([])
            size = len(one)
        parts[-1].append(one)
    return parts


def pattern(names: Names, prefix: str) -> bytes:
    """The glob of the conversations whose keys start with *prefix*, and of few others: what they
    are called stands in braces, or after them."""
    start = starting_with(names.segment("history"))[:-1]
    return b"%b{*%b" % (start, starting_with(names.name(prefix)))


def key_of(names: Names, stored: str) -> str | None:
    """The key of the conversation that is *stored* under a name; `None` where that is none."""
    start = names.segment("history")
    inner, _, after = stored[len(start) + 1 :].partition("}")
    name = after[1:] if after else inner
    is_ours = after[:1] in (":", "") and slot(stored.encode()) == slot(name.encode())
    return names.key(name) if is_ours and name.startswith(names.prefix) else None


def _head(one: Mark) -> tuple[int, int]:
    return one.seq, one.tokens << 8 | one.flags


def _role(role: str) -> bytes:
    number = ROLES.index(role) if role in ROLES[1:] else OTHER_ROLE
    return bytes((number,)) + (role.encode() if number == OTHER_ROLE else b"")


def _still(records: Sequence[bytes], state: State) -> list[bytes]:
    """Those of *records* that were not trimmed meanwhile."""
    return [raw for raw in records if _is_there(raw, state)]


def _is_there(raw: bytes, state: State) -> bool:
    try:
        one = mark(raw)
    except ValueError:
        return True  # nobody can say
    return one.seq >= state.first or one.flags & GUARDED > 0
