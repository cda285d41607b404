# Written by tools/mirror.py from storage/ending.py: change that file and run the tool.
"""Lifetimes on a backend that keeps none, or none so fine: a record says itself when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from ..core.envelope import Envelope, ended, ending, parted, roomy
from ..core.layers import MOST_ATTEMPTS, Layers
from ..errors import (
    CorruptValueError,
    MigrationError,
    StorageError,
    UnsupportedError,
)
from ..keys import Names
from ..offers import Clocked, Plain, offered, offered_or_none
from .protocols import Backend, TallyStore, VisitStore
from ..records import DELETE, MISSING, UNREADABLE, Capabilities, Deletion, Missing, Page
from .runtime import Runtime
from ..ttl import At, Clock, Expiry, Keeping, deadline

Room = TypeVar("Room")


class Live(NamedTuple):
    """An entry that is not over: what *backend* keeps, the record in it (nothing where nobody can
    read it), and its end."""

    raw: bytes
    record: bytes
    ends: int | None
    is_stale: bool = False
    """Whether it would be sealed in another way now."""


class EndingBackend:
    """The records of *backend*, sealed there by *layers*, with their ends by *clock* in `"__exp"`.

    What is written here are envelopes. The end goes into them last, and out of them before
    anybody else sees them. A backend that keeps lifetimes is told them as well.
    """

    def __init__(self, backend: Backend, layers: Layers, clock: Clock) -> None:
        self._backend = backend
        self._runtime = Runtime()
        self._layers = layers
        self._codec = roomy(layers.plain)
        self._clock = clock
        self._expires = backend.capabilities.expiry_ms is not None
        self._has_steps = backend.capabilities.atomic is not None
        self.label: str = backend.label
        self.capabilities: Capabilities = backend.capabilities._replace(expiry_ms=1)

    async def read(self, name: str) -> bytes | None:
        live = await self._live(name)
        return None if live is None else self._record(name, live)

    async def ends(self, name: str) -> int | Missing | None:
        live = await self._live(name)
        if live is not None and live.ends is None and self._expires:
            return await self._backend.ends(name)
        return MISSING if live is None else live.ends

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        if isinstance(expiry, Keeping):
            await self._write_keeping(name, raw, expiry)
            return
        ends, now = self._deadline(expiry)
        if ends is not None and ends <= now:
            await self._backend.remove(name)
        else:
            await self._backend.write(name, self._sealed(name, raw, ends), self._told(ends))

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        ends, now = self._deadline(expiry)
        live = await self._live(name)
        if live is not None:
            return False
        if ends is not None and ends <= now:
            return True
        return await self._backend.add(name, self._sealed(name, raw, ends), self._told(ends))

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        for attempt in range(MOST_ATTEMPTS):
            live = await self._live(name)
            if live is None or live.record != old:
                return False
            done = await self._put(name, live, new, expiry)
            if done:
                return True
            await self._runtime.pause(attempt)
        raise self._layers.busy(name)

    async def remove(self, name: str) -> bool:
        if not self._has_steps:
            removed = await self._removed_unseen([name])
            return removed == 1
        for attempt in range(MOST_ATTEMPTS):
            live = await self._live(name)
            if live is None:
                return False
            done = await self._backend.swap(name, live.raw, DELETE, None)
            if done:
                return True
            await self._runtime.pause(attempt)
        raise self._layers.busy(name)

    async def exists(self, name: str) -> bool:
        live = await self._live(name)
        return live is not None

    async def touch(self, name: str, expiry: Expiry) -> bool:
        for attempt in range(MOST_ATTEMPTS):
            live = await self._live(name)
            if live is None:
                return False
            if isinstance(expiry, Keeping):  # which an object that was adapted may make more of
                return await self._backend.touch(name, expiry)
            done = await self._touched(name, live, expiry)
            if done:
                return True
            await self._runtime.pause(attempt)
        raise self._layers.busy(name)

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        there = await self.exists(name)
        what = "what stands there is" if there else "what is kept here are"
        message = f"{what} no numbers but records: the store above counts in them"
        raise UnsupportedError(message, store=self.label, key=name)

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        raws = await self._backend.read_many(names)
        found: list[bytes | None] = []
        for name, raw in zip(names, raws):
            live = None if raw is None else await self._looked_at(name, raw)
            found.append(None if live is None else self._record(name, live))
        return found

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        ends, now = self._deadline(expiry)
        if isinstance(expiry, Keeping):
            for name, raw in entries:
                await self._write_keeping(name, raw, expiry)
        elif ends is not None and ends <= now:
            await self._backend.remove_many([name for name, _ in entries])
        else:
            sealed = [(name, self._sealed(name, raw, ends)) for name, raw in entries]
            await self._backend.write_many(sealed, self._told(ends))

    async def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        raws = await self._backend.read_many(names)
        under: Sequence[int | Missing | None] = [None] * len(names)
        if self._expires:
            under = await self._backend.ends_many(names)
        found: list[int | Missing | None] = []
        for name, raw, ends in zip(names, raws, under):
            live = None if raw is None else await self._looked_at(name, raw)
            told = ends if live is None or live.ends is None else live.ends
            found.append(MISSING if live is None else told)
        return found

    async def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        if not replace:
            await self._free_among([name for name, _, _ in entries])
        now = self.now_ms()
        over = [name for name, _, ends in entries if ends is not None and ends <= now]
        alive = [
            (name, self._ending(name, raw, ends), ends if self._expires else None)
            for name, raw, ends in entries
            if ends is None or ends > now
        ]
        restored = await self._backend.restore(alive, replace)
        if replace:
            await self._backend.remove_many(over)
            return restored + len(over)
        there = await self._backend.read_many(over)
        return restored + list(there).count(None)

    async def remove_many(self, names: Sequence[str]) -> int:
        if not self._has_steps:
            return await self._removed_unseen(names)
        removed = 0
        for name in names:
            there = await self.remove(name)
            removed += there
        return removed

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        page = await self._backend.page(prefix, cursor, True)
        names, records, stale = [], [], set()
        for name, raw in zip(page.names, page.values):
            live = await self._looked_at(name, raw)
            if live is None:
                continue
            names.append(name)
            records.append(live.record)
            if live.is_stale:
                stale.add(name)
        return Page(names, records if values else [], page.cursor, frozenset(stale))

    async def clear(self, prefix: str) -> int:
        cursor = None
        removed = 0
        while True:
            page = await self.page(prefix, cursor, False)
            there = await self.remove_many(page.names)
            removed += there
            cursor = page.cursor
            if cursor is None:
                break
        await self._backend.clear(prefix)
        return removed

    def room(self, kind: Callable[..., Room], names: Names) -> Room | None:
        """What the backend offers besides values; the time is that of the records."""
        if kind is Clocked:
            return self  # type: ignore[return-value]
        if kind is Plain:
            plain: Any = offered_or_none(self._backend, Plain, names) or self._backend
            return cast("Room", plain)
        if kind in (VisitStore, TallyStore):  # which would see no ends, and write none
            return None
        return offered(self._backend, kind, names)

    def now_ms(self) -> int:
        """Which moment it is for the records."""
        return int(self._clock() * 1000)

    async def aclose(self) -> None:
        await self._backend.aclose()

    async def _live(self, name: str) -> Live | None:
        """The entry; one that is over is taken away."""
        raw = await self._backend.read(name)
        return None if raw is None else await self._looked_at(name, raw)

    async def _looked_at(self, name: str, raw: bytes) -> Live | None:
        live = self._opened(name, raw)
        if live is None:
            await self._free(name, raw)
        return live

    async def _free(self, name: str, raw: bytes) -> None:
        """Take away what is over; where that can not be done it is over all the same."""
        if not self._has_steps:
            return
        try:
            await self._backend.swap(name, raw, DELETE, None)
        except StorageError:
            pass

    async def _removed_unseen(self, names: Sequence[str]) -> int:
        """Take *names* away, whatever is there by then, and say how many of them were there."""
        raws = await self._backend.read_many(names)
        found = [self._opened(name, raw) for name, raw in zip(names, raws) if raw is not None]
        await self._backend.remove_many(names)
        return len(found) - found.count(None)

    async def _free_among(self, names: Sequence[str]) -> None:
        """Take away those of *names* that are over."""
        raws = await self._backend.read_many(names)
        for name, raw in zip(names, raws):
            if raw is not None:
                await self._looked_at(name, raw)

    def _opened(self, name: str, raw: bytes) -> Live | None:
        try:
            found = self._layers.find(name, name, raw)
        except (CorruptValueError, MigrationError):
            return Live(raw, UNREADABLE, None)
        if found is None:
            return None
        record, ends = parted(self._codec, found.data)
        if ends is not None and ends <= self.now_ms():
            return None
        return Live(raw, record, ends, found.is_stale)

    def _record(self, name: str, live: Live) -> bytes:
        """What is in *live*, or the error that says why nobody can read it."""
        if not live.record:
            self._layers.find(name, name, live.raw)
        return live.record

    async def _write_keeping(self, name: str, raw: bytes, expiry: Keeping) -> None:
        for attempt in range(MOST_ATTEMPTS):
            live = await self._live(name)
            done = await self._put(name, live, raw, expiry)
            if done:
                return
            await self._runtime.pause(attempt)
        raise self._layers.busy(name)

    async def _put(self, name: str, live: Live | None, new: bytes | Deletion, expiry: Expiry) -> bool:
        """Put *new* in the place of what was found."""
        if live is not None and isinstance(expiry, Keeping):
            return await self._put_keeping(name, live, new)
        ends, now = self._deadline(expiry)
        if new is DELETE or (ends is not None and ends <= now):
            if live is None:
                return True
            return await self._backend.swap(name, live.raw, DELETE, None)
        sealed = self._sealed(name, new, ends)
        if live is None:
            return await self._backend.add(name, sealed, self._told(ends))
        return await self._backend.swap(name, live.raw, sealed, self._told(ends))

    async def _put_keeping(self, name: str, live: Live, new: bytes | Deletion) -> bool:
        """Put *new* in the place of *live*, with the end that this has, wherever it stands."""
        if new is DELETE:
            return await self._backend.swap(name, live.raw, DELETE, None)
        kept = Keeping(None) if live.ends is None else self._told(live.ends)
        return await self._backend.swap(name, live.raw, self._sealed(name, new, live.ends), kept)

    async def _touched(self, name: str, live: Live, expiry: Expiry) -> bool:
        record = self._record(name, live)
        ends, now = self._deadline(expiry)
        if ends == live.ends and (ends is not None or not self._expires):
            return True
        if ends is not None and ends <= now:
            return await self._backend.swap(name, live.raw, DELETE, None)
        sealed = self._ending(name, record, ends)
        return await self._backend.swap(name, live.raw, sealed, self._told(ends))

    def _ending(self, name: str, record: bytes, ends: int | None) -> bytes:
        """What the backend keeps for *record*, whoever wrote it."""
        try:
            return self._layers.seal(name, ending(self._codec, record, ends))
        except ValueError as error:
            raise self._layers.corrupt(name, error) from error

    def _sealed(self, name: str, raw: bytes, ends: int | None) -> bytes:
        return self._layers.seal(name, ended(raw, ends))

    def _told(self, ends: int | None) -> Expiry:
        return At(ends) if self._expires and ends is not None else None

    def _deadline(self, expiry: Expiry) -> tuple[int | None, int]:
        now = self.now_ms()
        return deadline(expiry, now), now


def recorded(
    backend: Backend, layers: Layers, envelope: Envelope, clock: Clock, *, precise: bool = False
) -> tuple[Layers, Backend | None]:
    """*layers* with an *envelope* above them, and the backend under these.

    It is another one where *backend* keeps no lifetimes, or none so *precise*: there records say
    themselves when they end, by *clock*.
    """
    if backend.capabilities.expiry_ms is not None and not precise:
        return layers.enhanced(envelope, clock), None
    under = EndingBackend(backend, layers, clock)
    return layers.expiring(keeps=precise).enhanced(envelope, None), under
