# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Key-value in Cloudflare's KV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import CorruptValueError, StorageError
from ..keys import Names
from ..offers import Clocked, KeyRules, Located, no_step
from ..protocols import MetadataStore
from ..records import MISSING, UNREADABLE, Capabilities, Deletion, Missing, Noted, Page
from ..runtime import Runtime, monotonic
from ..ttl import Clock, Expiry, Keeping, deadline
from .entries import (
    LISTED_AT_ONCE,
    READ_AT_ONCE,
    REMOVED_AT_ONCE,
    Entry,
    Held,
    Listed,
    check_names,
    end_of,
    fits,
    in_part,
    opened,
    own,
    sealed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .service import Service


class CloudflareBackend:
    """The entries of one namespace, which a *service* keeps.

    It reads and writes, and never both at once. What ends before the service would let it end is
    absent from then on by *clock*.
    """

    def __init__(self, service: Service, clock: Clock) -> None:
        self.label: str = service.label
        self.place: object = service.place
        self.capabilities: Capabilities = Capabilities(
            atomic=None, expiry_ms=1, iteration=True, durable=True
        )
        self._service = service
        self._runtime = Runtime()
        self._clock = clock

    def read(self, name: str) -> bytes | None:
        found = self._entries([name])
        return None if found[0] is None else found[0].raw

    def ends(self, name: str) -> int | Missing | None:
        found = self.ends_many([name])
        return found[0]

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        self.write_many([(name, raw)], expiry)

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        return self._runtime.call(self._refuse, "add")

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        return self._runtime.call(self._refuse, "swap")

    def remove(self, name: str) -> bool:
        removed = self.remove_many([name])
        return removed == 1

    def exists(self, name: str) -> bool:
        found = self._entries([name])
        return found[0] is not None

    def touch(self, name: str, expiry: Expiry) -> bool:
        if not isinstance(expiry, Keeping):
            self._refuse("touch")
        return self.exists(name)

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        return self._runtime.call(self._refuse, "incr")

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        found = self._entries(names)
        return [None if entry is None else entry.raw for entry in found]

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        if isinstance(expiry, Keeping):
            self._refuse("ttl=KEEP")
        ends = deadline(expiry, self.now_ms())
        self._put([(name, raw, ends) for name, raw in entries])

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        return self._ends(names)

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        if not replace:
            self._refuse("what is there can not be left as it is")
        self._put(entries)
        return len(entries)

    def remove_many(self, names: Sequence[str]) -> int:
        """Who asks may be told of an older state, so all of *names* are taken away, a part of
        them at a time, for which the deadline begins anew."""
        check_names(names, self.label)
        removed = 0
        for start in range(0, len(names), REMOVED_AT_ONCE):
            try:
                count = self._remove(names[start : start + REMOVED_AT_ONCE])
            except StorageError as error:
                if not start:
                    raise
                words = f"{start} of {len(names)} entries were taken away before"
                raise in_part(error, words, self.label) from error
            removed += count
        return removed

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        if not fits(prefix):
            return Page([], [], None)
        until = self._until()
        most = READ_AT_ONCE if values else LISTED_AT_ONCE
        listing = self._service.page(prefix, cursor, most, until)
        names = [one.name for one in self._alive(listing.entries)]
        if not values:
            return Page(names, [], listing.cursor)
        held = self._service.read(names, until)
        found = [(name, self._readable(name, one)) for name, one in zip(names, held)]
        there = [(name, raw) for name, raw in found if raw is not None]
        return Page([name for name, _ in there], [raw for _, raw in there], listing.cursor)

    def clear(self, prefix: str) -> int:
        removed = 0
        cursor = None
        while fits(prefix):
            until = self._until()
            listing = self._service.page(prefix, cursor, LISTED_AT_ONCE, until)
            self._service.remove([one.name for one in listing.entries], until)
            removed += len(self._alive(listing.entries))
            cursor = listing.cursor
            if cursor is None:
                break
        return removed

    def read_noted(self, name: str) -> Noted | None:
        """The bytes of the entry and its metadata, if there is one."""
        found = self._entries([name])
        return None if found[0] is None else Noted(found[0].raw, found[0].metadata)

    def write_noted(
        self, name: str, raw: bytes, metadata: Mapping[str, Any], expiry: Expiry
    ) -> None:
        """Put an entry with *metadata* there, whatever was there before."""
        if isinstance(expiry, Keeping):
            self._refuse("ttl=KEEP")
        self._put([(name, raw, deadline(expiry, self.now_ms()))], metadata)

    def page_noted(
        self, prefix: str, cursor: str | None
    ) -> tuple[list[tuple[str, Any]], str | None]:
        """The next few entries whose names start with *prefix*, each with its metadata."""
        if not fits(prefix):
            return [], None
        listing = self._service.page(prefix, cursor, LISTED_AT_ONCE)
        alive = self._alive(listing.entries)
        return [(one.name, own(one.metadata)) for one in alive], listing.cursor

    def room(self, kind: object, names: Names) -> CloudflareBackend | None:
        """Itself, where somebody asks for the moment, for where the entries are, for metadata, or
        which names there may be."""
        return self if kind in (Clocked, KeyRules, Located, MetadataStore) else None

    def check(self, names: Sequence[str]) -> None:
        """Refuse names that the service does not take."""
        check_names(names, self.label)

    def now_ms(self) -> int:
        """Which moment it is by the clock of this process."""
        return int(self._clock() * 1000)

    def close(self) -> None:
        self._service.close()

    def _entries(self, names: Sequence[str]) -> list[Entry | None]:
        check_names(names, self.label)
        held = self._service.read(names)
        now_ms = self.now_ms()
        return [
            None if one is None else opened(name, one, now_ms, self.label)
            for name, one in zip(names, held)
        ]

    def _remove(self, names: Sequence[str]) -> int:
        until = self._until()
        ends = self._ends(names, until)
        self._service.remove(names, until)
        return sum(one is not MISSING for one in ends)

    def _until(self) -> float:
        """When an operation is over that begins now, however many of the service's it takes."""
        return monotonic() + self._service.seconds

    def _ends(
        self, names: Sequence[str], until: float | None = None
    ) -> Sequence[int | Missing | None]:
        """When entries end, as far as one is told who reads them."""
        check_names(names, self.label)
        held = self._service.read(names, until)
        now_ms = self.now_ms()
        ends = [MISSING if one is None else end_of(one) for one in held]
        return [MISSING if _over(one, now_ms) else one for one in ends]

    def _put(
        self,
        entries: Sequence[tuple[str, bytes, int | None]],
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep *entries* until they end; what is over already is taken away."""
        check_names([name for name, _, _ in entries], self.label)
        now_ms = self.now_ms()
        puts = [
            sealed(name, raw, ends, now_ms, self.label, metadata) for name, raw, ends in entries
        ]
        over = [name for name, _, ends in entries if _over(ends, now_ms)]
        alive = [put for put, (_, _, ends) in zip(puts, entries) if not _over(ends, now_ms)]
        until = self._until()
        if alive:
            self._service.put(alive, until)
        if over:
            self._service.remove(over, until)

    def _alive(self, entries: Iterable[Listed]) -> list[Listed]:
        now_ms = self.now_ms()
        return [one for one in entries if not _over(end_of(one), now_ms)]

    def _readable(self, name: str, held: Held | None) -> bytes | None:
        """The bytes of an entry of a page."""
        if held is None:
            return None
        try:
            entry = opened(name, held, self.now_ms(), self.label)
        except CorruptValueError:
            return UNREADABLE
        return None if entry is None else entry.raw

    def _refuse(self, what: str) -> NoReturn:
        raise no_step(what, self.label)


def _over(ends: int | Missing | None, now_ms: int) -> bool:
    return isinstance(ends, int) and ends <= now_ms
