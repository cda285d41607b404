"""What a backend offers besides values: rooms, each a protocol of whole operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from .errors import UnsupportedError
from .keys import Names
from .records import NearInfo

Room = TypeVar("Room")


class Countable(Protocol):
    """What knows without waiting how many entries there are, in both halves."""

    def count(self) -> int:
        """How many there are, those of namespaces included."""
        ...


class Touchable(Protocol):
    """An object of somebody's whose own `touch` pushes the expiry of a key forward."""

    touch: Callable[..., Any] | None


class Clocked(Protocol):
    """What knows without waiting which moment it is for its entries."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        ...


class Located(Protocol):
    """What knows where its entries are without a trace there: nothing else is equal to that."""

    place: object


class KeyRules(Protocol):
    """What takes not every name, and says so without waiting."""

    check: Callable[[Sequence[str]], None]


class Resumable(Protocol):
    """What goes on with a scan from a cursor however much later, and whoever asks."""

    page: Callable[..., Any]


class QuickMeters(Protocol):
    """What lets a hit pass in place, where that is as simple as it is mostly."""

    quick: Callable[..., Any]


class Step(Protocol):
    """Something that one of many callers asks of a backend."""

    function: Callable[..., Any]

    def run(self) -> None:
        """Do it, and remember what came of it; it may be done anew before it is kept."""
        ...

    def keep(self) -> None:
        """What came of it is so for good, and may be told."""
        ...


class Joining(Protocol):
    """What does the steps of several callers in their order, each as if it were alone, and has
    them share what each of them would pay for."""

    together: Callable[[Sequence[Step]], None]


class Plain(Protocol):
    """The entries beneath what writes an end into each of them: they are any bytes."""

    read: Callable[..., Any]


class NearCache(Protocol):
    """What has copies near at hand, and knows without waiting how that goes."""

    def info(self) -> NearInfo:
        """How many copies there are, and of what use they were."""
        ...


NEVER_WAIT: Final = (
    *(Clocked, Countable, KeyRules, Located, NearCache, QuickMeters, Resumable, Touchable),
)
"""Rooms that are the same in both halves."""

_REMEDIES: Final = {
    "LeaseStore": "leases need memory, SQLite or Redis: make them of such a store",
    "DialogStore": "sessions of this kind need memory, SQLite or Redis: make them of such a store",
    "HistoryStore": "this store has no room for them: a Conversation keeps them in entries",
}

_NO_STEP: Final = (
    "this store has no step that looks and writes at once, so one of two changes would be lost: "
    "keep what several change in memory, SQLite or Redis"
)

_KEEP_NO_VALUES: Final = (
    "LeaseStore",
    "RateLimitStore",
    "QuickMeters",
    "Sweeper",
    "Countable",
    "NearCache",
)
"""Rooms whose entries are not values, so that no layer can be written around."""


def check_atomic(backend: Any, what: str) -> None:
    """Refuse *what* needs operations that are atomic to a *backend* without any."""
    if backend.capabilities.atomic is None:
        raise no_step(what, backend.label)


def no_step(what: str, store: str) -> UnsupportedError:
    """Why *what* can not be done in a *store* that only reads and writes."""
    return UnsupportedError(f"{what}: {_NO_STEP}", store=store)


def check_offered(kind: object, word: str | None, store: str) -> None:
    """Refuse a room of values to a store that is *word*: they would be written around that."""
    name = getattr(kind, "__name__", "such a room")
    if word is not None and name not in _KEEP_NO_VALUES:
        message = f"this store is {word}, and a {name} would write around that"
        raise UnsupportedError(message, store=store)


def offered_or_none(backend: Any, kind: Callable[..., Room], names: Names) -> Room | None:
    """The room of *kind*, if *backend* has it."""
    try:
        return offered(backend, kind, names)
    except UnsupportedError:
        return None


def offered(backend: Any, kind: Callable[..., Room], names: Names) -> Room:
    """The room of *kind* that *backend* has for what is called by *names*.

    A backend need not have the method `room(kind, names)`, nor every room.
    """
    offer = getattr(backend, "room", None)
    room: Room | None = None if offer is None else offer(kind, names)
    if room is None:
        word = getattr(kind, "__name__", "such a room")
        message = _REMEDIES.get(word, f"this store has no {word}")
        raise UnsupportedError(message, store=backend.label)
    return room
