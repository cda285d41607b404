# Written by tools/mirror.py from storage/compat/gramio_fallback.py: change that file and run the tool.
"""GramIO's storages that stand in for each other: the same entries in each of several stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

from ..adapted import adapt
from ...core.several import (
    Missed,
    cursor_at,
    is_passed_over,
    listed,
    place_in,
    shared_ttl,
    true_of_all,
)
from ...errors import StorageError, UnsupportedError
from ..keylock import Hold, KeyLock
from ...keys import Names
from ...offers import KeyRules, no_step
from ...records import MISSING, Capabilities, Deletion, Missing, Page
from ..rooms import Adaptable
from ..runtime import Answer, Runtime, callback
from ..store import Storage
from ..tracing import log
from ...ttl import DEFAULT, Expiry, Keeping, LayerTtl
from .copies import Copies, Copy

OnError = Callable[[StorageError], Answer[object]]

CLEARED_AT_ONCE: Final = 1000
"""How many keys one step of clearing holds."""


def with_fallback_storages(
    storages: Iterable[Adaptable], *, ttl: LayerTtl = DEFAULT, on_error: OnError | None = None
) -> Storage[Any]:
    """The same values in all of *storages*, which are stores, objects or mappings.

    The first one that has a key says its value. What is written and taken away reaches all of
    them, and one is enough; *on_error* is told of each that failed meanwhile, or else the logger
    `storage` is. A failure is raised where all fail, and where nobody who answers has the key:
    it may be where nobody answered. Closing leaves *storages* open.
    """
    given = listed(storages)
    stores = [adapt(one) for one in given]
    backend = SeveralBackend(
        [Copy(store, store is not one and store._owner) for store, one in zip(stores, given)],
        _logged if on_error is None else on_error,
    )
    layers = [store._layers for store in stores]
    usual = shared_ttl(layers, ttl, backend.capabilities)
    return Storage(backend, ttl=usual, codec=layers[0].codec, names=Names(verbatim=True))


class SeveralBackend:
    """The entries of *copies*, of which the first one that has a name says what it has.

    A copy that missed a change does not say anything about that name any more: what it had is
    taken away when it answers, and is passed over until then.
    """

    def __init__(self, copies: Sequence[Copy], on_error: OnError) -> None:
        self.label: str = ", else ".join(copy.label for copy in copies)
        self.capabilities: Capabilities = true_of_all([copy.capabilities for copy in copies])
        self._all = list(copies)
        self._missed = Missed(len(copies))
        self._copies = Copies(self._all, self._missed)
        self._on_error = callback(on_error)
        self._keys = KeyLock(self.label, patient=True)
        self._runtime = Runtime()

    async def read(self, name: str) -> bytes | None:
        raw: bytes | None = await self._first([copy.read for copy in self._all], name, None)
        return raw

    async def ends(self, name: str) -> int | Missing | None:
        asks = [copy.ends for copy in self._all]
        ends: int | Missing | None = await self._first(asks, name, MISSING)
        return ends

    async def exists(self, name: str) -> bool:
        there: bool = await self._first([copy.exists for copy in self._all], name, False)
        return there

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        self.check(names)
        found: dict[str, bytes] = {}
        told: list[StorageError] = []
        failed: list[StorageError] = []
        for index, copy in enumerate(self._all):
            wanted, late = await self._trusted(index, [name for name in names if name not in found])
            answer: Any = [] if late is None else late
            if wanted and late is None:
                answer = await self._tried(copy.read_many, wanted)
            if isinstance(answer, StorageError):
                (failed if wanted else told).append(answer)
            else:
                found.update((name, raw) for name, raw in zip(wanted, answer) if raw is not None)
        is_sure = all(name in found for name in names)
        await self._tell([*told, *failed] if is_sure else told, [] if is_sure else failed)
        return [found.get(name) for name in names]

    async def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        found = []
        for name in names:
            ends = await self.ends(name)
            found.append(ends)
        return found

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        self._refuse_keeping(expiry)
        await self._changed([copy.write for copy in self._all], {name: raw}, name, raw, expiry)

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        self._refuse_keeping(expiry)
        changes = [copy.write_many for copy in self._all]
        await self._changed(changes, dict(entries), entries, expiry)

    async def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        if not replace:
            self._refuse("what is there can not be left as it is")
        changes = [copy.restore for copy in self._all]
        await self._changed(changes, {name: raw for name, raw, _ in entries}, entries)
        return len(entries)

    async def remove(self, name: str) -> bool:
        removed = await self.remove_many([name])
        return removed == 1

    async def remove_many(self, names: Sequence[str]) -> int:
        changes = [copy.remove_all for copy in self._all]
        return await self._changed(changes, dict.fromkeys(names), names)

    async def clear(self, prefix: str) -> int:
        """Take away what all list, and what only those have that missed a change of it."""
        removed = 0
        names = self._missed.under(prefix)
        cursor = None
        while True:
            page = await self.page(prefix, cursor, False)
            names.update(page.names)
            cursor = page.cursor
            if cursor is None:
                break
        rest = sorted(names)
        while rest:
            done = await self.remove_many(rest[:CLEARED_AT_ONCE])
            removed += done
            rest = rest[CLEARED_AT_ONCE:]
        return removed

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        """The next few entries of one copy, without those that one before it has."""
        if not self.capabilities.iteration:
            message = "one of the storages can not list its keys"
            raise UnsupportedError(message, store=self.label)
        index, at = place_in(cursor)
        listing: Callable[..., Any] = self._all[index].page
        page = await self._runtime.call(listing, prefix, at, values)
        seen = {name for name in page.names if self._missed.has(index, name)}
        for before in range(index):
            names = [name for name in page.names if name not in seen]
            wanted, late = await self._trusted(before, names)
            await self._tell([], [late] if late else [])
            looking: Callable[..., Any] = self._all[before].there
            there = await self._runtime.call(looking, wanted)
            seen.update(there)
        new = [place for place, name in enumerate(page.names) if name not in seen]
        return Page(
            [page.names[place] for place in new],
            [page.values[place] for place in new] if values else [],
            cursor_at(index, page.cursor, len(self._all)),
        )

    async def touch(self, name: str, expiry: Expiry) -> bool:
        if not isinstance(expiry, Keeping):
            self._refuse("touch")
        return await self.exists(name)

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        return await self._runtime.call(self._refuse, "add")

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        return await self._runtime.call(self._refuse, "swap")

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        return await self._runtime.call(self._refuse, "incr")

    def room(self, kind: object, names: Names) -> SeveralBackend | None:
        """Itself, where somebody asks which names it takes."""
        return self if kind is KeyRules else None

    def check(self, names: Iterable[str]) -> None:
        """Refuse what is no key to one of them."""
        given = list(names)
        for copy in self._all:
            copy.check(given)

    async def aclose(self) -> None:
        for copy in self._all:
            closing: Callable[..., Any] = copy.let_go
            await self._runtime.call(closing)

    async def _first(self, asks: Sequence[Callable[..., Any]], name: str, absent: object) -> Any:
        """What the first of *asks* answers that knows *name*."""
        self.check([name])
        told: list[StorageError] = []
        failed: list[StorageError] = []
        for index, ask in enumerate(asks):
            trusted, late = await self._trusted(index, [name])
            if late is not None:
                told.append(late)
            answer = await self._tried(ask, name) if trusted else absent
            if isinstance(answer, StorageError):
                failed.append(answer)
            elif answer is not absent:
                await self._tell([*told, *failed], [])
                return answer
        await self._tell(told, failed)
        return absent

    async def _trusted(self, index: int, names: Sequence[str]) -> tuple[list[str], StorageError | None]:
        """Those of *names* of which the copy has missed nothing, and what it says where it does
        not answer; of others it forgets what it had."""
        late: StorageError | None = None
        for name in names:
            if self._missed.is_due(index, name):
                async with self._keys.hold(name):
                    late = await self._runtime.finish_once(self._copies.catch_up, index, name)
            if late is not None:
                break
        if late is not None and not is_passed_over(late):
            raise late
        return [name for name in names if not self._missed.has(index, name)], late

    async def _changed(
        self,
        changes: Sequence[Callable[..., Any]],
        entries: Mapping[str, bytes | None],
        *told: object,
    ) -> int:
        """Make a change of *entries* in all copies, to its end; of how many somebody had or has
        something."""
        self.check(entries)
        holds: list[Hold] = []
        try:
            # In one order, or two who change many would wait for each other.
            for name in sorted(entries):
                hold = await self._keys.acquire(name)
                holds.append(hold)
            change = await self._runtime.finish_once(self._copies.change, changes, entries, told)
        finally:
            for hold in holds:
                await self._keys.release(hold)
        failed = change.told()
        if change.raised is None:
            late = await self._caught_up(change.made)
            failed.extend(late)
        await self._tell(failed, [] if change.raised is None else [change.raised])
        return len(change.done)

    async def _caught_up(self, made: Sequence[int]) -> list[StorageError]:
        """Let the copies that have *made* a change forget a little of what they missed; what
        keeps them from it."""
        failed: list[StorageError] = []
        for index in made:
            try:
                _, late = await self._trusted(index, self._missed.due(index))
            except StorageError as error:
                late = error
            if late is not None:
                failed.append(late)
        return failed

    async def _tried(self, ask: Callable[..., Any], *told: Any) -> Any:
        """What *ask* answers, or the error that makes others answer."""
        try:
            return await self._runtime.call(ask, *told)
        except StorageError as error:
            if not is_passed_over(error):
                raise
            return error

    async def _tell(self, told: Sequence[StorageError], raised: Sequence[Exception]) -> None:
        """Let *on_error* know of all but the first of *raised*, which is raised."""
        for error in [*told, *raised[1:]]:
            await self._runtime.call(self._on_error, error)
        if raised:
            raise raised[0]

    def _refuse_keeping(self, expiry: Expiry) -> None:
        if isinstance(expiry, Keeping):
            self._refuse("ttl=KEEP")

    def _refuse(self, what: str) -> NoReturn:
        raise no_step(what, self.label)


def _logged(error: StorageError) -> None:
    log.warning("a storage was passed over: %s", error)
