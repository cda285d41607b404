# Written by tools/mirror.py from storage/tracing.py: change that file and run the tool.
"""What the `storage` logger shows at DEBUG: each operation of a backend with its key and how long
it took, and never a value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from ..closed import closed
from ..core.near import Near
from ..histories import (
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
from ..keys import Names
from ..offers import offered
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
from ..records import (
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
from ..ttl import Expiry

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

    async def read(self, name: str) -> bytes | None:
        if known(DEBUG) is False:
            return await self._room.read(name)
        with timed(self.label, "read", name):
            return await self._room.read(name)

    async def read_fresh(self, name: str) -> bytes | None:
        """The entry itself, where others read copies."""
        if self._copies is None:
            return await self.read(name)
        raw: bytes | None = await self._copies.read_fresh(name)
        return raw

    async def ends(self, name: str) -> int | Missing | None:
        with timed(self.label, "ends", name):
            return await self._room.ends(name)

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        with timed(self.label, "write", name):
            await self._room.write(name, raw, expiry)

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        with timed(self.label, "add", name):
            return await self._room.add(name, raw, expiry)

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        if known(DEBUG) is False:
            return await self._room.swap(name, old, new, expiry)
        with timed(self.label, "swap", name):
            return await self._room.swap(name, old, new, expiry)

    async def remove(self, name: str) -> bool:
        with timed(self.label, "remove", name):
            return await self._room.remove(name)

    async def exists(self, name: str) -> bool:
        with timed(self.label, "exists", name):
            return await self._room.exists(name)

    async def touch(self, name: str, expiry: Expiry) -> bool:
        with timed(self.label, "touch", name):
            return await self._room.touch(name, expiry)

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        with timed(self.label, "incr", name):
            return await self._room.incr(name, by, initial, expiry)

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        with timed(self.label, "read_many", f"{len(names)} keys"):
            return await self._room.read_many(names)

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        with timed(self.label, "write_many", f"{len(entries)} keys"):
            await self._room.write_many(entries, expiry)

    async def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        with timed(self.label, "ends_many", f"{len(names)} keys"):
            return await self._room.ends_many(names)

    async def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        with timed(self.label, "restore", f"{len(entries)} keys"):
            return await self._room.restore(entries, replace)

    async def remove_many(self, names: Sequence[str]) -> int:
        with timed(self.label, "remove_many", f"{len(names)} keys"):
            return await self._room.remove_many(names)

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        with timed(self.label, "page", f"{prefix}*"):
            return await self._room.page(prefix, cursor, values)

    async def clear(self, prefix: str) -> int:
        with timed(self.label, "clear", f"{prefix}*"):
            return await self._room.clear(prefix)

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

    async def aclose(self) -> None:
        try:
            with timed(self.label, "close", ""):
                await self._room.aclose()
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

    async def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        with timed(self._label, "acquire", key):
            return await self._room.acquire(key, token, ttl_ms, patience_ms)

    async def wait(self, key: str, token: str, wait_ms: int) -> None:
        with timed(self._label, "wait", key):
            await self._room.wait(key, token, wait_ms)

    async def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        with timed(self._label, "renew", key):
            return await self._room.renew(key, token, ttl_ms)

    async def release(self, key: str, token: str) -> bool:
        with timed(self._label, "release", key):
            return await self._room.release(key, token)

    async def claim(self, key: str, token: str, ttl_ms: int) -> Claimed:
        with timed(self._label, "claim", key):
            return await self._room.claim(key, token, ttl_ms)

    async def done(self, key: str, token: str, ttl_ms: int) -> bool:
        with timed(self._label, "done", key):
            return await self._room.done(key, token, ttl_ms)


class TracedVisits:
    """A *room* of visits, with a log line an operation while that is wanted."""

    def __init__(self, room: VisitStore, label: str) -> None:
        self._room = room
        self._label = label

    async def look(self, key: str) -> Sight:
        if known(DEBUG) is False:
            return await self._room.look(key)
        with timed(self._label, "look", key):
            return await self._room.look(key)

    async def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        if known(DEBUG) is False:
            return await self._room.enter(key, token, ttl_ms, patience_ms)
        with timed(self._label, "enter", key):
            return await self._room.enter(key, token, ttl_ms, patience_ms)

    async def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        if known(DEBUG) is False:
            return await self._room.leave(key, token, ttl_ms, change, release)
        with timed(self._label, "leave", key):
            return await self._room.leave(key, token, ttl_ms, change, release)


class TracedLimits:
    """A *room* of rate limits, with a log line an operation while that is wanted."""

    def __init__(self, room: RateLimitStore, label: str) -> None:
        self._room = room
        self._label = label

    async def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        if known(DEBUG) is False:
            return await self._room.hit(meters, ask)
        with timed(self._label, "hit", _keys(meters)):
            return await self._room.hit(meters, ask)

    async def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        with timed(self._label, "hit_many", f"{len(groups)} keys"):
            return await self._room.hit_many(groups, ask)

    async def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        with timed(self._label, "peek", _keys(meters)):
            return await self._room.peek(meters, ask)

    async def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        with timed(self._label, "reserve", _keys(meters)):
            return await self._room.reserve(meters, ask, patience)

    async def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        with timed(self._label, "refund", _keys(meters)):
            await self._room.refund(meters, cost, when)

    async def block(self, meters: Sequence[Meter], span: int) -> None:
        with timed(self._label, "block", _keys(meters)):
            await self._room.block(meters, span)

    async def reset(self, meters: Sequence[Meter]) -> None:
        with timed(self._label, "reset", _keys(meters)):
            await self._room.reset(meters)

    async def renew(self, meters: Sequence[Meter], token: str) -> bool:
        with timed(self._label, "renew", _keys(meters)):
            return await self._room.renew(meters, token)

    async def release(self, meters: Sequence[Meter], token: str) -> bool:
        with timed(self._label, "release", _keys(meters)):
            return await self._room.release(meters, token)


class TracedTallies:
    """A *room* of tallies, with a log line a hit while that is wanted."""

    def __init__(self, room: TallyStore, label: str) -> None:
        self._room = room
        self._label = label

    async def hit(self, key: str, window: Window, now_ms: int | None) -> Counted | Sight:
        if known(DEBUG) is False:
            return await self._room.hit(key, window, now_ms)
        with timed(self._label, "hit", key):
            return await self._room.hit(key, window, now_ms)


class TracedHistories:
    """A *room* of conversations, with a log line an operation while that is wanted."""

    def __init__(self, room: HistoryStore, label: str) -> None:
        self._room = room
        self._label = label

    async def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        if known(DEBUG) is False:
            return await self._room.append(key, entries, terms)
        with timed(self._label, "append", key):
            return await self._room.append(key, entries, terms)

    async def read(self, key: str, query: Query) -> Stretch:
        if known(DEBUG) is False:
            return await self._room.read(key, query)
        with timed(self._label, "read", key):
            return await self._room.read(key, query)

    async def recent(self, key: str, bounds: Bounds) -> Stretch:
        if known(DEBUG) is False:
            return await self._room.recent(key, bounds)
        with timed(self._label, "recent", key):
            return await self._room.recent(key, bounds)

    async def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        with timed(self._label, "look", _told(keys)):
            return await self._room.look(keys)

    async def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        with timed(self._label, "alter", key):
            return await self._room.alter(key, state, alteration, terms)

    async def restore(
        self,
        key: str,
        state: bytes,
        records: Sequence[bytes],
        terms: Terms,
        replaces: bool = False,
    ) -> bool:
        with timed(self._label, "restore", key):
            return await self._room.restore(key, state, records, terms, replaces)

    async def clear(self, keys: Sequence[str], states: Sequence[bytes] | None = None) -> int:
        with timed(self._label, "clear", _told(keys)):
            return await self._room.clear(keys, states)

    async def keys(self, prefix: str, cursor: str | None) -> KeyPage:
        with timed(self._label, "keys", f"{prefix}*"):
            return await self._room.keys(prefix, cursor)


def _told(keys: Sequence[str]) -> str:
    """What *keys* are called in the log."""
    return keys[0] if len(keys) == 1 else f"{len(keys)} keys"


def _keys(meters: Sequence[Meter]) -> str:
    """What meters are for."""
    return ", ".join(dict.fromkeys(str(meter.key) for meter in meters))
