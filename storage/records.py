"""What passes between a store and its backend: pages, capabilities, and the words for "nothing
there" and "remove it"."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal, NamedTuple

from .ttl import Expiry


class Missing(Enum):
    """The word for a key that is not there, where `None` could be a value."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return self.name

    def __bool__(self) -> bool:
        return False


class Deletion(Enum):
    """The word for a value that shall go away."""

    DELETE = "delete"

    def __repr__(self) -> str:
        return self.name


MISSING: Final = Missing.MISSING
DELETE: Final = Deletion.DELETE


class Unreadable(bytes):
    """What stands in a page for an entry that is there and has no bytes that can be read."""


UNREADABLE: Final = Unreadable()


class Noted(NamedTuple):
    """The bytes of an entry, and what its user noted beside them: anything that JSON has words
    for, or nothing."""

    raw: bytes
    metadata: Any


class Page(NamedTuple):
    """A few live entries of a scan, and where the next page starts (`None`: that was the last).

    *values* stand in the order of *names*, `UNREADABLE` for what can not be read; where they were
    not asked for, there are none.
    """

    names: list[str]
    values: list[bytes]
    cursor: str | None
    stale: frozenset[str] = frozenset()
    """The names of those worth writing anew for a reason that nobody above can see in them."""


class Turn(NamedTuple):
    """What who asks for a lease is told."""

    granted: bool
    """Whether the lease is held now."""

    wait_ms: int
    """Where it is not: the milliseconds until that may change without anybody's word."""


class Sight(NamedTuple):
    """What is seen of an entry at one moment."""

    raw: bytes | None
    """Its bytes, where there is one."""

    left_ms: int | None
    """How many milliseconds it has left; `None` for ever, and where there is none."""

    now_ms: int
    """Which moment it is, in milliseconds since 1970, by the clock of the backend."""


class Change(NamedTuple):
    """What shall become of an entry: *new* in the place of *old*, where `None` is no entry.

    Where *new* is `None` the bytes stay, and the entry gets the *expiry*: the one that has the
    bytes *old*, or any that is there where *old* is `None` too.
    """

    old: bytes | None
    new: bytes | Deletion | None
    expiry: Expiry


class Parting(NamedTuple):
    """What came of a `Change` by who should hold a lease."""

    held: bool
    """Whether the lease was held; where it was not, nothing was done."""

    done: bool
    """Whether what was there was what was expected; where it was not, nothing was done."""

    raw: bytes | None
    """What is there where something else was expected."""


class Meter(NamedTuple):
    """What is counted: by which rule (see `core.algorithms`), for which key."""

    rule: Any
    key: str


class Ask(NamedTuple):
    """What is asked of meters."""

    cost: int = 1
    """How many hits shall pass together."""

    token: str = ""
    """Who takes a slot, where one is taken: 32 hexadecimal digits."""

    tell: bool = False
    """Whether it is to be noted who was told that something does not pass."""

    within: float | None = None
    """In how many seconds an answer is worth something, once there is a connection."""


class Reading(NamedTuple):
    """How one meter stands. Times are microseconds from now."""

    wait: int
    """When what was asked about may pass; 0 is now."""

    left: int
    """How many hits may pass now, after the one that did."""

    fresh: int
    """When nothing counts any more that counts now."""


class Decision(NamedTuple):
    """What came of asking whether something may pass."""

    passed: bool
    """Whether it passes: now, or *at* a moment to which somebody waits."""

    now: int
    """Which time it is, in microseconds since 1970, by the clock of the meters."""

    at: int
    """When it passes; 0 where it does not."""

    is_news: bool
    """Whether nobody was told yet that it does not pass."""

    readings: list[Reading]
    """One for each meter, in their order."""


class Window(NamedTuple):
    """A window in which so many may come, and how a record of it is written: as an object with its
    *hits* and when it *ends*, under these names."""

    hits: str
    ends: str
    limit: int
    length_ms: int
    counts_refused: bool


class Counted(NamedTuple):
    """What came of a hit in a window: whether it *passed*, how many *hits* came until it *ends*,
    and which moment it is. Times are milliseconds since 1970."""

    passed: bool
    hits: int
    ends: int
    now_ms: int


class NearInfo(NamedTuple):
    """How copies near at hand do."""

    kept: int
    """How many there are at the most that can be read."""

    hits: int
    """How many reads were answered by one; where several threads read, about so many."""

    misses: int
    """How many entries were asked for because there was none."""

    watched: bool
    """Whether the server tells what changes, so that a copy goes when its entry does."""


Claimed = Literal["taken", "busy", "done"]
"""What who claims something is told: it is the caller's now, it is somebody else's, or it is
finished already."""

Reach = Literal["shared", "process"]


class Capabilities(NamedTuple):
    """What a store can promise; what it can not do raises `UnsupportedError`."""

    atomic: Reach | None
    """Between whom `add`, `swap`, `incr`, `update` and `edit` lose nothing: everybody who uses
    the same data, or only the users of this very object. `None`: there are no such operations,
    and what was written last stays."""

    expiry_ms: int | None
    """The grain of expiry in milliseconds; `None`: nothing expires by itself here."""

    iteration: bool
    """Whether `keys`, `values`, `items` and `clear` work."""

    durable: bool
    """Whether the data outlives the process."""
