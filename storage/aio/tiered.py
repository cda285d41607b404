# Written by tools/mirror.py from storage/tiered.py: change that file and run the tool.
"""A store with copies near at hand: what was read lately is read again without asking anybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar, cast

from .adapted import adapt
from ..core.counting import bound
from ..core.near import Look, Near
from .dialog_store import DialogStore
from ..errors import ConfigurationError, UnsupportedError
from ..keys import Names
from ..offers import NEVER_WAIT, Clocked, NearCache, Plain, offered, offered_or_none
from .protocols import (
    HistoryStore,
    LeaseStore,
    MetadataStore,
    RateLimitStore,
    Sweeper,
    TallyStore,
    VisitStore,
)
from ..records import MISSING, Capabilities, Deletion, Missing, NearInfo, Page
from .rooms import Adaptable
from .runtime import Runtime, after_fork, monotonic, wall_clock
from .store import Storage
from .tiered_rooms import TieredNotes, TieredTallies, TieredVisits
from .tracing import Traced
from ..ttl import Expiry, default_span
from .watching import Watch

Room = TypeVar("Room")

_PASSED_ON = (*NEVER_WAIT, DialogStore, HistoryStore, LeaseStore, RateLimitStore, Sweeper)
"""Rooms that write no entry of which there is a copy."""


def tiered(base: Adaptable, *, max: float = 10_000, ttl: float | timedelta = 30) -> Storage[Any]:
    """*base* with copies of what is read from it, of *max* entries at the most, in this process.

    On Redis the server tells what changes, whoever changes it, and while it does not, nothing is
    read from a copy. Elsewhere only what is written through this store is known to have changed:
    what others write is seen after *ttl* seconds at the latest. No copy is older than that
    anywhere, nor is it read after the end of its entry, or by `update`, `edit` and `swap`.

    Closing it leaves *base* open.
    """
    most, ms = bound(max), default_span(ttl, "ttl")
    if ms is None:
        raise ValueError("ttl must be positive and finite, not None")
    store = adapt(base)
    names = store._layers.names
    if offered_or_none(store._backend, NearCache, names) is not None:
        message = "this store has copies near at hand already"
        raise ConfigurationError(message, store=store._layers.label)
    near = Near(most, ms / 1000, monotonic)
    owned = store._owner and store is not base
    view = store._view(store._layers, TieredBackend(store._backend, near, names, owned=owned))
    view._owner = True
    return view


class TieredBackend:
    """The entries of *backend* that are called by *names*, and copies of some in *near*.

    Of what is changed the copy is dropped before, and after as well, whatever came of it, because
    somebody may have read meanwhile. *backend* is closed with this one if it is *owned*.
    """

    def __init__(self, backend: Traced, near: Near, names: Names, *, owned: bool) -> None:
        self._backend: Traced = backend
        self._near = near
        self._watch: Any = offered_or_none(backend, Watch, names)
        self._runtime = Runtime()
        self._owned = owned
        clocked: Any = offered_or_none(backend, Clocked, names)
        self._now_ms: Callable[[], float] = getattr(clocked, "now_ms", _now_ms)
        self._expires = backend.capabilities.expiry_ms is not None
        self.label: str = backend.label
        self.capabilities: Capabilities = backend.capabilities
        if self._watch is None:
            near.open(watched=False)
        backend.ends_with(near)
        after_fork(self, TieredBackend._leave_behind)

    async def read(self, name: str) -> bytes | None:
        # `Near.find` without its frame: this is all that a copy costs.
        near = self._near
        now = near.clock()
        if now < near.sure:
            kept = near.entries.get(name)
            if kept is not None and now < kept.until:
                kept.used += 1
                return kept.raw
        return await self._read_through(name)

    async def read_fresh(self, name: str) -> bytes | None:
        """The entry itself."""
        return await self._backend.read_fresh(name)

    async def ends(self, name: str) -> int | Missing | None:
        return await self._backend.ends(name)

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        await self._changing((name,), self._backend.write, name, raw, expiry)

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        added: bool = await self._changing((name,), self._backend.add, name, raw, expiry)
        return added

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        done: bool = await self._changing((name,), self._backend.swap, name, old, new, expiry)
        return done

    async def remove(self, name: str) -> bool:
        there: bool = await self._changing((name,), self._backend.remove, name)
        return there

    async def exists(self, name: str) -> bool:
        if self._near.find(name) is not None:
            return True
        return await self._backend.exists(name)

    async def touch(self, name: str, expiry: Expiry) -> bool:
        there: bool = await self._changing((name,), self._backend.touch, name, expiry)
        return there

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        total: int = await self._changing((name,), self._backend.incr, name, by, initial, expiry)
        return total

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        found = {name: self._near.find(name) for name in names}
        missing = [name for name, raw in found.items() if raw is None]
        if missing:
            raws = await self._read_all(missing)
            found.update(zip(missing, raws))
        return [found[name] for name in names]

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        names = [name for name, _ in entries]
        await self._changing(names, self._backend.write_many, entries, expiry)

    async def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        return await self._backend.ends_many(names)

    async def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        names = [name for name, _, _ in entries]
        restored: int = await self._changing(names, self._backend.restore, entries, replace)
        return restored

    async def remove_many(self, names: Sequence[str]) -> int:
        removed: int = await self._changing(names, self._backend.remove_many, names)
        return removed

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        return await self._backend.page(prefix, cursor, values)

    async def clear(self, prefix: str) -> int:
        self._near.empty()
        try:
            removed = await self._backend.clear(prefix)
        finally:
            self._near.empty()
        return removed

    def room(self, kind: Callable[..., Room], names: Names) -> Room:
        """What the backend offers besides values, so that copies of what is written there go."""
        room: Any = self
        if kind is NearCache:
            return cast("Room", room)
        if kind is Plain:
            room = offered_or_none(self._backend, Plain, names) or self._backend
            return cast("Room", room)
        if kind not in (*_PASSED_ON, VisitStore, TallyStore, MetadataStore):
            name = getattr(kind, "__name__", "such a room")
            message = f"this store has copies near at hand, and a {name} might write around them"
            raise UnsupportedError(message, store=self.label)
        room = offered(self._backend, kind, names)
        if kind is VisitStore:
            room = TieredVisits(room, self._near, names)
        elif kind is TallyStore:
            room = TieredTallies(room, self._near, names)
        elif kind is MetadataStore:
            room = TieredNotes(room, self._near)
        return cast("Room", room)

    def info(self) -> NearInfo:
        """How many copies there are, and of what use they were."""
        near = self._near
        watched = near.watched and near.clock() < near.sure
        return NearInfo(len(near.entries), near.hits, near.misses, watched)

    async def aclose(self) -> None:
        self._near.end()
        try:
            if self._watch is not None:
                await self._watch.aclose()
        finally:
            if self._owned:
                await self._backend.aclose()

    def _leave_behind(self) -> None:
        self._near.leave_behind()
        if self._watch is None:
            self._near.open(watched=False)

    async def _read_through(self, name: str) -> bytes | None:
        """The entry itself, of which there is a copy afterwards."""
        near, names = self._near, (name,)
        if self._watch is not None and near.sure <= near.clock():
            await self._watch.begin(near)
        ticket = near.ask(names)
        if ticket is None:
            return await self._backend.read(name)
        looks: Sequence[Look] = ()
        try:
            look = await self._look(name)
            looks = (look,)
        finally:
            near.answer(ticket, names, looks)
        return look[0]

    async def _read_all(self, names: Sequence[str]) -> Sequence[bytes | None]:
        """The same of several, unless they are more than there is room for."""
        near = self._near
        if len(names) > near.most:
            return await self._backend.read_many(names)
        if self._watch is not None and near.sure <= near.clock():
            await self._watch.begin(near)
        ticket = near.ask(names)
        if ticket is None:
            return await self._backend.read_many(names)
        looks: Sequence[Look] = ()
        try:
            looks = await self._look_many(names)
        finally:
            near.answer(ticket, names, looks)
        return [raw for raw, _ in looks]

    async def _look(self, name: str) -> Look:
        """What is there, and then when it ends."""
        if self._watch is not None:
            look: Look = await self._watch.look(name)
            return look
        raw = await self._backend.read(name)
        looks = await self._ending((name,), (raw,))
        return looks[0]

    async def _look_many(self, names: Sequence[str]) -> Sequence[Look]:
        """The same of several."""
        if self._watch is not None:
            looks: Sequence[Look] = await self._watch.look_many(names)
            return looks
        raws = await self._backend.read_many(names)
        return await self._ending(names, raws)

    async def _ending(self, names: Sequence[str], raws: Sequence[bytes | None]) -> Sequence[Look]:
        """What was read, and when it ends; what that is found for may be newer, never older."""
        there = [name for name, raw in zip(names, raws) if raw is not None]
        if not self._expires or not there:
            return [(raw, None) for raw in raws]
        ends = await self._ends_of(there)
        now = self._now_ms()
        left = {name: _left(end, now) for name, end in zip(there, ends)}
        return [(raw, left.get(name)) for name, raw in zip(names, raws)]

    async def _ends_of(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        """When they end; those of which nobody can tell are as good as gone."""
        try:
            ends: Sequence[int | Missing | None] = await self._backend.ends_many(names)
        except UnsupportedError:
            ends = [MISSING] * len(names)
        return ends

    async def _changing(self, names: Sequence[str], change: Callable[..., Any], *args: Any) -> Any:
        """What comes of a *change* of entries, of which nobody has a copy afterwards."""
        self._near.drop(names)
        try:
            answer = await self._runtime.call(change, *args)
        finally:
            self._near.drop(names)
        return answer


def _left(ends: int | Missing | None, now_ms: float) -> float | None:
    if ends is MISSING:
        return 0.0
    return None if ends is None else (ends - now_ms) / 1000


def _now_ms() -> float:
    return wall_clock() * 1000
