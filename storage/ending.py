# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Lifetimes on a backend that keeps none, or none so fine: a record says itself when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from .core.envelope import Envelope, ended, ending, parted
from .core.layers import Layers
from .errors import ConflictError, CorruptValueError, UnsupportedError
from .keys import Names
from .offers import offered
from .protocols import Backend
from .records import DELETE, MISSING, Capabilities, Deletion, Missing, Page
from .runtime import Runtime
from .ttl import At, Clock, Expiry, Keeping, deadline

Room = TypeVar("Room")

MOST_ATTEMPTS = 200


class Live(NamedTuple):
    """An entry that is not over: what *backend* keeps, the record in it, and its end."""

    raw: bytes
    record: bytes
    ends: int | None


class EndingBackend:
    """The records of *backend*, sealed there by *layers*, with their ends by *clock* in `"__exp"`.

    What is written here are envelopes. The end goes into them last, and out of them before
    anybody else sees them. A backend that keeps lifetimes is told them as well.
    """

    def __init__(self, backend: Backend, layers: Layers, clock: Clock) -> None:
        self._backend = backend
        self._runtime = Runtime()
        self._layers = layers
        self._clock = clock
        self._expires = backend.capabilities.expiry_ms is not None
        self.label: str = backend.label
        self.capabilities: Capabilities = backend.capabilities._replace(expiry_ms=1)

    def read(self, name: str) -> bytes | None:
        live = self._live(name)
        return None if live is None else live.record

    def ends(self, name: str) -> int | Missing | None:
        live = self._live(name)
        return MISSING if live is None else live.ends

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        if isinstance(expiry, Keeping):
            self._write_keeping(name, raw, expiry)
            return
        ends, now = self._deadline(expiry)
        if ends is not None and ends <= now:
            self._backend.remove(name)
        else:
            self._backend.write(name, self._sealed(name, raw, ends), self._told(ends))

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        ends, now = self._deadline(expiry)
        live = self._live(name)
        if live is not None:
            return False
        if ends is not None and ends <= now:
            return True
        return self._backend.add(name, self._sealed(name, raw, ends), self._told(ends))

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        for attempt in range(MOST_ATTEMPTS):
            live = self._live(name)
            if live is None or live.record != old:
                return False
            done = self._put(name, live, new, expiry)
            if done:
                return True
            self._runtime.pause(attempt)
        raise self._busy(name)

    def remove(self, name: str) -> bool:
        for attempt in range(MOST_ATTEMPTS):
            live = self._live(name)
            if live is None:
                return False
            done = self._backend.swap(name, live.raw, DELETE, None)
            if done:
                return True
            self._runtime.pause(attempt)
        raise self._busy(name)

    def exists(self, name: str) -> bool:
        live = self._live(name)
        return live is not None

    def touch(self, name: str, expiry: Expiry) -> bool:
        for attempt in range(MOST_ATTEMPTS):
            live = self._live(name)
            if live is None or isinstance(expiry, Keeping):
                return live is not None
            done = self._touched(name, live, expiry)
            if done:
                return True
            self._runtime.pause(attempt)
        raise self._busy(name)

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        there = self.exists(name)
        what = "what stands there is" if there else "what is kept here are"
        message = f"{what} no numbers but records: the store above counts in them"
        raise UnsupportedError(message, store=self.label, key=name)

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        raws = self._backend.read_many(names)
        found: list[bytes | None] = []
        for name, raw in zip(names, raws):
            live = None if raw is None else self._opened(name, raw)
            found.append(None if live is None else live.record)
        return found

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        ends, now = self._deadline(expiry)
        if isinstance(expiry, Keeping):
            for name, raw in entries:
                self._write_keeping(name, raw, expiry)
        elif ends is not None and ends <= now:
            self._backend.remove_many([name for name, _ in entries])
        else:
            sealed = [(name, self._sealed(name, raw, ends)) for name, raw in entries]
            self._backend.write_many(sealed, self._told(ends))

    def remove_many(self, names: Sequence[str]) -> int:
        removed = 0
        for name in names:
            there = self.remove(name)
            removed += there
        return removed

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        page = self._backend.page(prefix, cursor, True)
        names, records = [], []
        for name, raw in zip(page.names, page.values):
            live = self._readable(name, raw)
            if live is not None:
                names.append(name)
                records.append(live.record)
        return Page(names, records if values else [], page.cursor)

    def clear(self, prefix: str) -> int:
        cursor = None
        removed = 0
        while True:
            page = self.page(prefix, cursor, False)
            there = self.remove_many(page.names)
            removed += there
            cursor = page.cursor
            if cursor is None:
                break
        self._backend.clear(prefix)
        return removed

    def room(self, kind: Callable[..., Room], names: Names) -> Room:
        """What the backend offers besides values."""
        return offered(self._backend, kind, names)

    def close(self) -> None:
        self._backend.close()

    def _live(self, name: str) -> Live | None:
        """The entry; one that is over is taken away."""
        raw = self._backend.read(name)
        if raw is None:
            return None
        live = self._opened(name, raw)
        if live is None:
            self._backend.swap(name, raw, DELETE, None)
        return live

    def _opened(self, name: str, raw: bytes) -> Live | None:
        found = self._layers.find(name, name, raw)
        if found is None:
            return None
        record, ends = parted(self._layers.plain, found.data)
        return None if ends is not None and ends <= self._now() else Live(raw, record, ends)

    def _readable(self, name: str, raw: bytes) -> Live | None:
        """The entry, or one that nobody can read, for bytes that nobody can."""
        try:
            return self._opened(name, raw)
        except CorruptValueError:
            return Live(raw, raw, None)

    def _write_keeping(self, name: str, raw: bytes, expiry: Keeping) -> None:
        for attempt in range(MOST_ATTEMPTS):
            live = self._live(name)
            done = self._put(name, live, raw, expiry)
            if done:
                return
            self._runtime.pause(attempt)
        raise self._busy(name)

    def _put(self, name: str, live: Live | None, new: bytes | Deletion, expiry: Expiry) -> bool:
        """Put *new* in the place of what was found."""
        keeps = isinstance(expiry, Keeping) and live is not None
        ends, now = (live.ends, 0) if live and keeps else self._deadline(expiry)
        if new is DELETE or (ends is not None and ends <= now):
            if live is None:
                return True
            return self._backend.swap(name, live.raw, DELETE, None)
        sealed = self._sealed(name, new, ends)
        if live is None:
            return self._backend.add(name, sealed, self._told(ends))
        return self._backend.swap(name, live.raw, sealed, self._told(ends))

    def _touched(self, name: str, live: Live, expiry: Expiry) -> bool:
        ends, now = self._deadline(expiry)
        if ends == live.ends:
            return True
        if ends is not None and ends <= now:
            return self._backend.swap(name, live.raw, DELETE, None)
        record = self._layers.seal(name, ending(self._layers.plain, live.record, ends))
        return self._backend.swap(name, live.raw, record, self._told(ends))

    def _sealed(self, name: str, raw: bytes, ends: int | None) -> bytes:
        return self._layers.seal(name, ended(raw, ends))

    def _told(self, ends: int | None) -> Expiry:
        return At(ends) if self._expires and ends is not None else None

    def _deadline(self, expiry: Expiry) -> tuple[int | None, int]:
        now = self._now()
        return deadline(expiry, now), now

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _busy(self, name: str) -> ConflictError:
        message = f"gave up after {MOST_ATTEMPTS} conflicting changes"
        return ConflictError(message, store=self.label, key=name)


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
