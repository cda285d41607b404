"""Memory in the asyncio half: the same object, called in place."""

from __future__ import annotations

from collections.abc import Sequence

from ..dialog_store import DialogStore as BlockingDialogStore
from ..dialogs import NOTHING, Asked, Changed, Fields, Held, Said, Wanted
from ..dialogs import Change as DialogChange
from ..dialogs import Terms as DialogTerms
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
from ..memory.dialogs import MemoryDialogs
from ..memory.histories import MemoryHistories
from ..memory.kv import MemoryBackend
from ..memory.leases import MemoryLeases
from ..memory.limits import MemoryLimits
from ..memory.visits import MemoryVisits
from ..offers import NEVER_WAIT
from ..protocols import HistoryStore as BlockingHistoryStore
from ..protocols import LeaseStore as BlockingLeaseStore
from ..protocols import RateLimitStore as BlockingRateLimitStore
from ..protocols import VisitStore as BlockingVisitStore
from ..records import (
    Ask,
    Capabilities,
    Change,
    Claimed,
    Decision,
    Deletion,
    Meter,
    Missing,
    Page,
    Parting,
    Sight,
    Turn,
)
from ..ttl import Expiry
from .dialog_store import DialogStore
from .protocols import HistoryStore, LeaseStore, RateLimitStore, Sweeper, VisitStore
from .runtime import Bell


class MemoryFace:
    """A memory backend behind `await`; no call gives way to another task."""

    def __init__(self, backend: MemoryBackend, *, borrowed: bool = False) -> None:
        self._inner = backend
        self._borrowed = borrowed
        self.label: str = backend.label
        self.capabilities: Capabilities = backend.capabilities

    async def read(self, name: str) -> bytes | None:
        return self._inner.read(name)

    async def ends(self, name: str) -> int | Missing | None:
        return self._inner.ends(name)

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        self._inner.write(name, raw, expiry)

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        return self._inner.add(name, raw, expiry)

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        return self._inner.swap(name, old, new, expiry)

    async def remove(self, name: str) -> bool:
        return self._inner.remove(name)

    async def exists(self, name: str) -> bool:
        return self._inner.exists(name)

    async def touch(self, name: str, expiry: Expiry) -> bool:
        return self._inner.touch(name, expiry)

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        return self._inner.incr(name, by, initial, expiry)

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        return self._inner.read_many(names)

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        self._inner.write_many(entries, expiry)

    async def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        return self._inner.ends_many(names)

    async def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        return self._inner.restore(entries, replace)

    async def remove_many(self, names: Sequence[str]) -> int:
        return self._inner.remove_many(names)

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        return self._inner.page(prefix, cursor, values)

    async def clear(self, prefix: str) -> int:
        return self._inner.clear(prefix)

    def room(self, kind: object, names: Names) -> object | None:
        """The room of this *kind* that the backend has, behind `await` where it may wait."""
        if kind in NEVER_WAIT:
            return self._inner.room(kind, names)
        if kind is Sweeper:
            return self
        if kind is VisitStore:
            visits = self._inner.room(BlockingVisitStore, names)
            return MemoryVisitsFace(visits) if isinstance(visits, MemoryVisits) else None
        if kind is RateLimitStore:
            limits = self._inner.room(BlockingRateLimitStore, names)
            return MemoryLimitsFace(limits) if isinstance(limits, MemoryLimits) else None
        if kind is HistoryStore:
            talks = self._inner.room(BlockingHistoryStore, names)
            return MemoryHistoriesFace(talks) if isinstance(talks, MemoryHistories) else None
        if kind is DialogStore:
            dialogs = self._inner.room(BlockingDialogStore, names)
            return MemoryDialogsFace(dialogs) if isinstance(dialogs, MemoryDialogs) else None
        inner = self._inner.room(BlockingLeaseStore, names) if kind is LeaseStore else None
        return MemoryLeasesFace(inner) if isinstance(inner, MemoryLeases) else None

    async def sweep(self) -> int:
        return self._inner.sweep()

    async def aclose(self) -> None:
        if not self._borrowed:
            self._inner.close()


class MemoryLeasesFace:
    """Leases and claims in memory behind `await`; only `wait` gives way to another task."""

    def __init__(self, leases: MemoryLeases) -> None:
        self._inner = leases

    async def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        return self._inner.acquire(key, token, ttl_ms, patience_ms)

    async def wait(self, key: str, token: str, wait_ms: int) -> None:
        bell = Bell()
        if self._inner.listen(key, token, bell.ring):
            try:
                await bell.wait(wait_ms / 1000)
            finally:
                self._inner.deafen(key, token)

    async def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        return self._inner.renew(key, token, ttl_ms)

    async def release(self, key: str, token: str) -> bool:
        return self._inner.release(key, token)

    async def claim(self, key: str, token: str, ttl_ms: int) -> Claimed:
        return self._inner.claim(key, token, ttl_ms)

    async def done(self, key: str, token: str, ttl_ms: int) -> bool:
        return self._inner.done(key, token, ttl_ms)


class MemoryVisitsFace:
    """Visits to entries in memory behind `await`."""

    def __init__(self, visits: MemoryVisits) -> None:
        self._inner = visits

    async def look(self, key: str) -> Sight:
        return self._inner.look(key)

    async def enter(
        self, key: str, token: str, ttl_ms: int, patience_ms: int
    ) -> tuple[Turn, Sight]:
        return self._inner.enter(key, token, ttl_ms, patience_ms)

    async def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        return self._inner.leave(key, token, ttl_ms, change, release)


class MemoryLimitsFace:
    """Rate limits in memory behind `await`."""

    def __init__(self, limits: MemoryLimits) -> None:
        self._inner = limits

    async def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        return self._inner.hit(meters, ask)

    async def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        return self._inner.hit_many(groups, ask)

    async def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        return self._inner.peek(meters, ask)

    async def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        return self._inner.reserve(meters, ask, patience)

    async def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        self._inner.refund(meters, cost, when)

    async def block(self, meters: Sequence[Meter], span: int) -> None:
        self._inner.block(meters, span)

    async def reset(self, meters: Sequence[Meter]) -> None:
        self._inner.reset(meters)

    async def renew(self, meters: Sequence[Meter], token: str) -> bool:
        return self._inner.renew(meters, token)

    async def release(self, meters: Sequence[Meter], token: str) -> bool:
        return self._inner.release(meters, token)


class MemoryHistoriesFace:
    """Conversations in memory behind `await`."""

    def __init__(self, histories: MemoryHistories) -> None:
        self._inner = histories

    async def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        return self._inner.append(key, entries, terms)

    async def read(self, key: str, query: Query) -> Stretch:
        return self._inner.read(key, query)

    async def recent(self, key: str, bounds: Bounds) -> Stretch:
        return self._inner.recent(key, bounds)

    async def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        return self._inner.look(keys)

    async def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        return self._inner.alter(key, state, alteration, terms)

    async def restore(
        self,
        key: str,
        state: bytes,
        records: Sequence[bytes],
        terms: Terms,
        replaces: bool = False,
    ) -> bool:
        return self._inner.restore(key, state, records, terms, replaces)

    async def clear(self, keys: Sequence[str], states: Sequence[bytes] | None = None) -> int:
        return self._inner.clear(keys, states)

    async def keys(self, prefix: str, cursor: str | None) -> KeyPage:
        return self._inner.keys(prefix, cursor)


class MemoryDialogsFace:
    """Sessions of session continuity in memory behind `await`."""

    def __init__(self, dialogs: MemoryDialogs) -> None:
        self._inner = dialogs

    async def create(self, fields: Fields, terms: DialogTerms) -> Held | None:
        return self._inner.create(fields, terms)

    async def find(self, session_id: str) -> Held | None:
        return self._inner.find(session_id)

    async def change(self, session_id: str, change: DialogChange, terms: DialogTerms) -> Changed:
        return self._inner.change(session_id, change, terms)

    async def remove(self, session_id: str, expired_by: int | None = None) -> bool:
        return self._inner.remove(session_id, expired_by)

    async def select(self, wanted: Wanted) -> Sequence[Held]:
        return self._inner.select(wanted)

    async def add(
        self,
        session_id: str,
        message: Fields,
        terms: DialogTerms,
        most_tokens: int | None = None,
    ) -> Said:
        return self._inner.add(session_id, message, terms, most_tokens)

    async def messages(self, session_id: str, asked: Asked) -> Sequence[Fields]:
        return self._inner.messages(session_id, asked)

    async def amend(
        self,
        session_id: str,
        message_id: str,
        put: Fields,
        drop: Sequence[str],
        terms: DialogTerms,
        expected: Fields = NOTHING,
    ) -> Said:
        return self._inner.amend(session_id, message_id, put, drop, terms, expected)

    async def discard(self, session_id: str, message_id: str, terms: DialogTerms) -> Said:
        return self._inner.discard(session_id, message_id, terms)

    async def discard_all(self, session_id: str, terms: DialogTerms) -> int | None:
        return self._inner.discard_all(session_id, terms)

    async def ids(self, user_id: str) -> Sequence[str]:
        return self._inner.ids(user_id)

    async def expired(self, before: int | None) -> Sequence[str]:
        return self._inner.expired(before)

    async def ping(self) -> None:
        self._inner.ping()
