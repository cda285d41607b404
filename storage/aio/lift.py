"""A blocking backend in the asyncio half: each whole operation is one hop into a thread, which many
take together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..core.turns import pauses
from ..errors import ClosedError
from ..dialog_store import DialogStore as BlockingDialogStore
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
from ..offers import NEVER_WAIT, Joining, offered_or_none
from ..protocols import Backend as BlockingBackend
from ..protocols import HistoryStore as BlockingHistoryStore
from ..protocols import LeaseStore as BlockingLeaseStore
from ..protocols import RateLimitStore as BlockingRateLimitStore
from ..protocols import Sweeper as BlockingSweeper
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
from .hops import Beside, Hops, Way
from .lifted_dialogs import LiftedDialogs
from .protocols import HistoryStore, LeaseStore, RateLimitStore, Sweeper, VisitStore

T = TypeVar("T")


class Lifted:
    """*backend* in *threads* of its own.

    Only the backend's own steps run there: users' functions stay in the loop, and nothing in a
    thread waits for another caller. A call that is cancelled may still complete. Where there is
    one thread, what is asked at once takes one hop.
    """

    def __init__(
        self, backend: BlockingBackend, threads: int = 1, *, borrowed: bool = False
    ) -> None:
        self._inner = backend
        self._borrowed = borrowed
        self._way = _way(backend, threads)
        self._closed = False
        self.label: str = backend.label
        self.capabilities: Capabilities = backend.capabilities

    async def read(self, name: str) -> bytes | None:
        return await self._run(self._inner.read, name)

    async def ends(self, name: str) -> int | Missing | None:
        return await self._run(self._inner.ends, name)

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        await self._run(self._inner.write, name, raw, expiry)

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        return await self._run(self._inner.add, name, raw, expiry)

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        return await self._run(self._inner.swap, name, old, new, expiry)

    async def remove(self, name: str) -> bool:
        return await self._run(self._inner.remove, name)

    async def exists(self, name: str) -> bool:
        return await self._run(self._inner.exists, name)

    async def touch(self, name: str, expiry: Expiry) -> bool:
        return await self._run(self._inner.touch, name, expiry)

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        return await self._run(self._inner.incr, name, by, initial, expiry)

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        return await self._run(self._inner.read_many, names)

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        await self._run(self._inner.write_many, entries, expiry)

    async def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        return await self._run(self._inner.ends_many, names)

    async def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        return await self._run(self._inner.restore, entries, replace)

    async def remove_many(self, names: Sequence[str]) -> int:
        return await self._run(self._inner.remove_many, names)

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        return await self._run(self._inner.page, prefix, cursor, values)

    async def clear(self, prefix: str) -> int:
        return await self._run(self._inner.clear, prefix)

    def room(self, kind: object, names: Names) -> object | None:
        """What the backend offers and can be lifted, where that is asked for.

        Leases are where it can be looked whose turn it is: nothing in the pool waits for a turn.
        """
        offer = getattr(self._inner, "room", None)
        if offer is None:
            return None
        if kind in NEVER_WAIT:
            found: object | None = offer(kind, names)
            return found
        if kind is Sweeper:
            sweeper = offer(BlockingSweeper, names)
            return None if sweeper is None else LiftedSweeper(self, sweeper)
        if kind is VisitStore:
            visits = offer(BlockingVisitStore, names)
            return None if visits is None else LiftedVisits(self, visits)
        if kind is RateLimitStore:
            limits = offer(BlockingRateLimitStore, names)
            return None if limits is None else LiftedLimits(self, limits)
        if kind is HistoryStore:
            histories = offer(BlockingHistoryStore, names)
            return None if histories is None else LiftedHistories(self, histories)
        if kind is DialogStore:
            dialogs = offer(BlockingDialogStore, names)
            return None if dialogs is None else LiftedDialogs(self._run, dialogs)
        leases = offer(BlockingLeaseStore, names) if kind is LeaseStore else None
        return LiftedLeases(self, leases) if hasattr(leases, "ready") else None

    async def aclose(self) -> None:
        if self._closed:
            return
        try:
            if not self._borrowed:
                # Who is cancelled here closes all the same: nobody could do it afterwards.
                await asyncio.shield(self._run(self._inner.close))
        finally:
            self._closed = True
            self._way.close()

    def _run(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        if self._closed:
            raise ClosedError("the store is closed", store=self.label)
        return self._way.ask(function, args)


def _way(backend: BlockingBackend, threads: int) -> Way:
    if threads != 1:
        return Beside(threads)
    joining: Any = offered_or_none(backend, Joining, Names())
    # Who stands over one that joins has steps of its own, of which that knows nothing.
    is_over = joining is not backend or not hasattr(joining, "together")
    return Hops(backend.label, None if is_over else joining)


class LiftedSweeper:
    """A blocking *sweeper*, a hop a sweep."""

    def __init__(self, lifted: Lifted, sweeper: Any) -> None:
        self._run = lifted._run
        self._inner = sweeper

    async def sweep(self) -> int:
        return await self._run(self._inner.sweep)


class LiftedLeases:
    """Blocking *leases*, a hop an operation; who waits sleeps in the loop between two looks."""

    def __init__(self, lifted: Lifted, leases: Any) -> None:
        self._run = lifted._run
        self._inner = leases

    async def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        return await self._run(self._inner.acquire, key, token, ttl_ms, patience_ms)

    async def wait(self, key: str, token: str, wait_ms: int) -> None:
        for seconds in pauses(wait_ms):
            await asyncio.sleep(seconds)
            if await self._run(self._inner.ready, key, token):
                return

    async def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        return await self._run(self._inner.renew, key, token, ttl_ms)

    async def release(self, key: str, token: str) -> bool:
        return await self._run(self._inner.release, key, token)

    async def claim(self, key: str, token: str, ttl_ms: int) -> Claimed:
        return await self._run(self._inner.claim, key, token, ttl_ms)

    async def done(self, key: str, token: str, ttl_ms: int) -> bool:
        return await self._run(self._inner.done, key, token, ttl_ms)


class LiftedVisits:
    """Blocking *visits*, a hop each."""

    def __init__(self, lifted: Lifted, visits: Any) -> None:
        self._run = lifted._run
        self._inner = visits

    async def look(self, key: str) -> Sight:
        return await self._run(self._inner.look, key)

    async def enter(
        self, key: str, token: str, ttl_ms: int, patience_ms: int
    ) -> tuple[Turn, Sight]:
        return await self._run(self._inner.enter, key, token, ttl_ms, patience_ms)

    async def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        return await self._run(self._inner.leave, key, token, ttl_ms, change, release)


class LiftedLimits:
    """Blocking rate *limits*, a hop each."""

    def __init__(self, lifted: Lifted, limits: Any) -> None:
        self._run = lifted._run
        self._inner = limits

    async def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        return await self._run(self._inner.hit, meters, ask)

    async def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        return await self._run(self._inner.hit_many, groups, ask)

    async def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        return await self._run(self._inner.peek, meters, ask)

    async def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        return await self._run(self._inner.reserve, meters, ask, patience)

    async def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        await self._run(self._inner.refund, meters, cost, when)

    async def block(self, meters: Sequence[Meter], span: int) -> None:
        await self._run(self._inner.block, meters, span)

    async def reset(self, meters: Sequence[Meter]) -> None:
        await self._run(self._inner.reset, meters)

    async def renew(self, meters: Sequence[Meter], token: str) -> bool:
        return await self._run(self._inner.renew, meters, token)

    async def release(self, meters: Sequence[Meter], token: str) -> bool:
        return await self._run(self._inner.release, meters, token)


class LiftedHistories:
    """Blocking *histories*, a hop each."""

    def __init__(self, lifted: Lifted, histories: Any) -> None:
        self._run = lifted._run
        self._inner = histories

    async def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        return await self._run(self._inner.append, key, entries, terms)

    async def read(self, key: str, query: Query) -> Stretch:
        return await self._run(self._inner.read, key, query)

    async def recent(self, key: str, bounds: Bounds) -> Stretch:
        return await self._run(self._inner.recent, key, bounds)

    async def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        return await self._run(self._inner.look, keys)

    async def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        return await self._run(self._inner.alter, key, state, alteration, terms)

    async def restore(
        self,
        key: str,
        state: bytes,
        records: Sequence[bytes],
        terms: Terms,
        replaces: bool = False,
    ) -> bool:
        return await self._run(self._inner.restore, key, state, records, terms, replaces)

    async def clear(self, keys: Sequence[str], states: Sequence[bytes] | None = None) -> int:
        return await self._run(self._inner.clear, keys, states)

    async def keys(self, prefix: str, cursor: str | None) -> KeyPage:
        return await self._run(self._inner.keys, prefix, cursor)
