# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""What the `storage` logger shows at DEBUG: each operation of a backend with its key and how long
it took, and never a value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from .closed import closed
from .core.near import Near
from .histories import (
    Alteration,
    Appended,
    Bounds,
    Entry,
    KeyPage,
    Query,
    Standing,
    Stretch,
    Terms,
)
from .keys import Names
from .offers import offered
from .protocols import (
    Backend,
    HistoryStore,
    LeaseStore,
    MetadataStore,
    RateLimitStore,
    Sweeper,
    TallyStore,
    VisitStore,
)
from .records import (
    Ask,
    Capabilities,
    Change,
    Claimed,
    Counted,
    Decision,
    Deletion,
    Meter,
    Missing,
    Page,
    Parting,
    Sight,
    Turn,
    Window,
)
from .runtime import timed
from .tracing_notes import TracedNotes, TracedSweeper
from .ttl import Expiry

Room = TypeVar("Room")

DEBUG: int = logging.DEBUG

log: logging.Logger = logging.getLogger("storage")

known: Callable[[int], bool | None] = getattr(log, "_cache", {}).get
"""Whether a level is logged, as far as the logger remembers it since the last change: `False` is
sure, and known in half the time that it takes to ask."""


class Traced:
    """*backend*, with a log line an operation while that is wanted.

    What is done most often goes straight to the room behind it where nobody listens.
    """

    def __init__(self, backend: Backend) -> None:
        self._room: Backend = backend
        self._copies: Any = backend if hasattr(backend, "read_fresh") else None
        self._nears: WeakValueDictionary[int, Near] = WeakValueDictionary()
        self.label: str = backend.label
        self.capabilities: Capabilities = backend.capabilities

    def read(self, name: str) -> bytes | None:
        if known(DEBUG) is False:
            return self._room.read(name)
        with timed(self.label, "read", name):
            return self._room.read(name)

    def read_fresh(self, name: str) -> bytes | None:
        """The entry itself, where others read copies."""
        if self._copies is None:
            return self.read(name)
        raw: bytes | None = self._copies.read_fresh(name)
        return raw

    def ends(self, name: str) -> int | Missing | None:
        with timed(self.label, "ends", name):
            return self._room.ends(name)

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        with timed(self.label, "write", name):
            self._room.write(name, raw, expiry)

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        with timed(self.label, "add", name):
            return self._room.add(name, raw, expiry)

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        if known(DEBUG) is False:
            return self._room.swap(name, old, new, expiry)
        with timed(self.label, "swap", name):
            return self._room.swap(name, old, new, expiry)

    def remove(self, name: str) -> bool:
        with timed(self.label, "remove", name):
            return self._room.remove(name)

    def exists(self, name: str) -> bool:
        with timed(self.label, "exists", name):
            return self._room.exists(name)

    def touch(self, name: str, expiry: Expiry) -> bool:
        with timed(self.label, "touch", name):
            return self._room.touch(name, expiry)

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        with timed(self.label, "incr", name):
            return self._room.incr(name, by, initial, expiry)

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        with timed(self.label, "read_many", f"{len(names)} keys"):
            return self._room.read_many(names)

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        with timed(self.label, "write_many", f"{len(entries)} keys"):
            self._room.write_many(entries, expiry)

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        with timed(self.label, "ends_many", f"{len(names)} keys"):
            return self._room.ends_many(names)

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        with timed(self.label, "restore", f"{len(entries)} keys"):
            return self._room.restore(entries, replace)

    def remove_many(self, names: Sequence[str]) -> int:
        with timed(self.label, "remove_many", f"{len(names)} keys"):
            return self._room.remove_many(names)

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        with timed(self.label, "page", f"{prefix}*"):
            return self._room.page(prefix, cursor, values)

    def clear(self, prefix: str) -> int:
        with timed(self.label, "clear", f"{prefix}*"):
            return self._room.clear(prefix)

    def room(self, kind: Callable[..., Room], names: Names) -> Room:
        room: Any = offered(self._room, kind, names)
        if kind is LeaseStore:
            room = TracedLeases(room, self.label)
        elif kind is VisitStore:
            room = TracedVisits(room, self.label)
        elif kind is RateLimitStore:
            room = TracedLimits(room, self.label)
        elif kind is HistoryStore:
            room = TracedHistories(room, self.label)
        elif kind is TallyStore:
            room = TracedTallies(room, self.label)
        elif kind is Sweeper:
            room = TracedSweeper(room, self.label)
        elif kind is MetadataStore:
            room = TracedNotes(room, self.label)
        return cast("Room", room)

    def ends_with(self, near: Near) -> None:
        """There are copies *near* at hand: they end with what they are copies of."""
        self._nears[id(near)] = near

    def close(self) -> None:
        try:
            with timed(self.label, "close", ""):
                self._room.close()
        finally:
            # Every view of a store stands on the same backend: it is closed for all of them.
            self._copies = None
            for found in self._nears.valuerefs():  # at one moment: others may come meanwhile
                if (near := found()) is not None:
                    near.end()
            self._room = closed(self.label, self.capabilities)


class TracedLeases:
    """A *room* of leases, with a log line an operation while that is wanted."""

    def __init__(self, room: LeaseStore, label: str) -> None:
        self._room = room
        self._label = label

    def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        with timed(self._label, "acquire", key):
            return self._room.acquire(key, token, ttl_ms, patience_ms)

    def wait(self, key: str, token: str, wait_ms: int) -> None:
        with timed(self._label, "wait", key):
            self._room.wait(key, token, wait_ms)

    def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        with timed(self._label, "renew", key):
            return self._room.renew(key, token, ttl_ms)

    def release(self, key: str, token: str) -> bool:
        with timed(self._label, "release", key):
            return self._room.release(key, token)

    def claim(self, key: str, token: str, ttl_ms: int) -> Claimed:
        with timed(self._label, "claim", key):
            return self._room.claim(key, token, ttl_ms)

    def done(self, key: str, token: str, ttl_ms: int) -> bool:
        with timed(self._label, "done", key):
            return self._room.done(key, token, ttl_ms)


class TracedVisits:
    """A *room* of visits, with a log line an operation while that is wanted."""

    def __init__(self, room: VisitStore, label: str) -> None:
        self._room = room
        self._label = label

    def look(self, key: str) -> Sight:
        if known(DEBUG) is False:
            return self._room.look(key)
        with timed(self._label, "look", key):
            return self._room.look(key)

    def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        if known(DEBUG) is False:
            return self._room.enter(key, token, ttl_ms, patience_ms)
        with timed(self._label, "enter", key):
            return self._room.enter(key, token, ttl_ms, patience_ms)

    def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        if known(DEBUG) is False:
            return self._room.leave(key, token, ttl_ms, change, release)
        with timed(self._label, "leave", key):
            return self._room.leave(key, token, ttl_ms, change, release)


class TracedLimits:
    """A *room* of rate limits, with a log line an operation while that is wanted."""

    def __init__(self, room: RateLimitStore, label: str) -> None:
        self._room = room
        self._label = label

    def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        if known(DEBUG) is False:
            return self._room.hit(meters, ask)
        with timed(self._label, "hit", _keys(meters)):
            return self._room.hit(meters, ask)

    def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        with timed(self._label, "hit_many", f"{len(groups)} keys"):
            return self._room.hit_many(groups, ask)

    def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        with timed(self._label, "peek", _keys(meters)):
            return self._room.peek(meters, ask)

    def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        with timed(self._label, "reserve", _keys(meters)):
            return self._room.reserve(meters, ask, patience)

    def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        with timed(self._label, "refund", _keys(meters)):
            self._room.refund(meters, cost, when)

    def block(self, meters: Sequence[Meter], span: int) -> None:
        with timed(self._label, "block", _keys(meters)):
            self._room.block(meters, span)

    def reset(self, meters: Sequence[Meter]) -> None:
        with timed(self._label, "reset", _keys(meters)):
            self._room.reset(meters)

    def renew(self, meters: Sequence[Meter], token: str) -> bool:
        with timed(self._label, "renew", _keys(meters)):
            return self._room.renew(meters, token)

    def release(self, meters: Sequence[Meter], token: str) -> bool:
        with timed(self._label, "release", _keys(meters)):
            return self._room.release(meters, token)


class TracedTallies:
    """A *room* of tallies, with a log line a hit while that is wanted."""

    def __init__(self, room: TallyStore, label: str) -> None:
        self._room = room
        self._label = label

    def hit(self, key: str, window: Window, now_ms: int | None) -> Counted | Sight:
        if known(DEBUG) is False:
            return self._room.hit(key, window, now_ms)
        with timed(self._label, "hit", key):
            return self._room.hit(key, window, now_ms)


class TracedHistories:
    """A *room* of conversations, with a log line an operation while that is wanted."""

    def __init__(self, room: HistoryStore, label: str) -> None:
        self._room = room
        self._label = label

    def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        if known(DEBUG) is False:
            return self._room.append(key, entries, terms)
        with timed(self._label, "append", key):
            return self._room.append(key, entries, terms)

    def read(self, key: str, query: Query) -> Stretch:
        if known(DEBUG) is False:
            return self._room.read(key, query)
        with timed(self._label, "read", key):
            return self._room.read(key, query)

    def recent(self, key: str, bounds: Bounds) -> Stretch:
        if known(DEBUG) is False:
            return self._room.recent(key, bounds)
        with timed(self._label, "recent", key):
            return self._room.recent(key, bounds)

    def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        with timed(self._label, "look", _told(keys)):
            return self._room.look(keys)

    def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        with timed(self._label, "alter", key):
            return self._room.alter(key, state, alteration, terms)

    def restore(
        self,
        key: str,
        state: bytes,
        records: Sequence[bytes],
        terms: Terms,
        replaces: bool = False,
    ) -> bool:
        with timed(self._label, "restore", key):
            return self._room.restore(key, state, records, terms, replaces)

    def clear(self, keys: Sequence[str], states: Sequence[bytes] | None = None) -> int:
        with timed(self._label, "clear", _told(keys)):
            return self._room.clear(keys, states)

    def keys(self, prefix: str, cursor: str | None) -> KeyPage:
        with timed(self._label, "keys", f"{prefix}*"):
            return self._room.keys(prefix, cursor)


def _told(keys: Sequence[str]) -> str:
    """What *keys* are called in the log."""
    return keys[0] if len(keys) == 1 else f"{len(keys)} keys"


def _keys(meters: Sequence[Meter]) -> str:
    """What meters are for."""
    return ", ".join(dict.fromkeys(str(meter.key) for meter in meters))
