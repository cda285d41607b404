# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""GramIO's storages that stand in for each other: the same entries in each of several stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from ..adapted import adapt
from ..core.several import (
    Missed,
    cursor_at,
    is_passed_over,
    listed,
    place_in,
    shared_ttl,
    true_of_all,
)
from ..errors import StorageError, UnsupportedError
from ..keylock import KeyLock
from ..keys import Names
from ..offers import no_step
from ..records import MISSING, Capabilities, Deletion, Missing, Page
from ..rooms import Adaptable
from ..runtime import Answer, Runtime, callback
from ..store import Storage
from ..tracing import log
from ..ttl import DEFAULT, Expiry, Keeping, LayerTtl

OnError = Callable[[StorageError], Answer[object]]


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

    A copy that missed a change does not say anything about that name any more: what it has is
    taken away when it answers, and is passed over until then.
    """

    def __init__(self, copies: Sequence[Copy], on_error: OnError) -> None:
        self.label: str = ", else ".join(copy.label for copy in copies)
        self.capabilities: Capabilities = true_of_all([copy.capabilities for copy in copies])
        self._all = list(copies)
        self._missed = Missed(len(copies))
        self._on_error = callback(on_error)
        self._keys = KeyLock(self.label, patient=True)
        self._runtime = Runtime()

    def read(self, name: str) -> bytes | None:
        raw: bytes | None = self._first([copy.read for copy in self._all], name, None)
        return raw

    def ends(self, name: str) -> int | Missing | None:
        asks = [copy.ends for copy in self._all]
        ends: int | Missing | None = self._first(asks, name, MISSING)
        return ends

    def exists(self, name: str) -> bool:
        there: bool = self._first([copy.exists for copy in self._all], name, False)
        return there

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        self._check(names)
        found: dict[str, bytes] = {}
        failed: list[StorageError] = []
        for index, copy in enumerate(self._all):
            wanted = self._trusted(index, [name for name in names if name not in found])
            answer = self._tried(copy.read_many, wanted)
            if isinstance(answer, StorageError):
                failed.append(answer)
            else:
                found.update((name, raw) for name, raw in zip(wanted, answer) if raw is not None)
        self._tell(failed, raises=not all(name in found for name in names))
        return [found.get(name) for name in names]

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        found = []
        for name in names:
            ends = self.ends(name)
            found.append(ends)
        return found

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        self._refuse_keeping(expiry)
        self._check([name])
        with self._keys.hold(name):
            changes = [copy.write for copy in self._all]
            failed, is_lost = self._changed(changes, [name], name, raw, expiry)
        self._tell(failed, raises=is_lost)

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        self._refuse_keeping(expiry)
        names = [name for name, _ in entries]
        self._check(names)
        changes = [copy.write_many for copy in self._all]
        failed, is_lost = self._changed(changes, names, entries, expiry)
        self._tell(failed, raises=is_lost)

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        if not replace:
            self._refuse("what is there can not be left as it is")
        names = [name for name, _, _ in entries]
        self._check(names)
        changes = [copy.restore for copy in self._all]
        failed, is_lost = self._changed(changes, names, entries)
        self._tell(failed, raises=is_lost)
        return len(entries)

    def remove(self, name: str) -> bool:
        self._check([name])
        with self._keys.hold(name):
            there, failed = self._removed([name])
        self._tell(failed, raises=not there)
        return bool(there)

    def remove_many(self, names: Sequence[str]) -> int:
        self._check(names)
        there, failed = self._removed(names)
        self._tell(failed, raises=len(there) < len(set(names)))
        return len(there)

    def clear(self, prefix: str) -> int:
        removed = 0
        cursor = None
        names: list[str] = []
        while True:
            page = self.page(prefix, cursor, False)
            names.extend(page.names)
            cursor = page.cursor
            if cursor is None:
                break
        if names:
            removed = self.remove_many(names)
        return removed

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        """The next few entries of one copy, without those that one before it has."""
        if not self.capabilities.iteration:
            message = "one of the storages can not list its keys"
            raise UnsupportedError(message, store=self.label)
        index, at = place_in(cursor)
        listing: Callable[..., Any] = self._all[index].page
        page = self._runtime.call(listing, prefix, at, values)
        seen = {name for name in page.names if self._missed.has(index, name)}
        for before in range(index):
            wanted = self._trusted(before, [name for name in page.names if name not in seen])
            looking: Callable[..., Any] = self._all[before].there
            there = self._runtime.call(looking, wanted)
            seen.update(there)
        new = [place for place, name in enumerate(page.names) if name not in seen]
        return Page(
            [page.names[place] for place in new],
            [page.values[place] for place in new] if values else [],
            cursor_at(index, page.cursor, len(self._all)),
        )

    def touch(self, name: str, expiry: Expiry) -> bool:
        if not isinstance(expiry, Keeping):
            self._refuse("touch")
        return self.exists(name)

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        return self._runtime.call(self._refuse, "add")

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        return self._runtime.call(self._refuse, "swap")

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        return self._runtime.call(self._refuse, "incr")

    def close(self) -> None:
        for copy in self._all:
            closing: Callable[..., Any] = copy.let_go
            self._runtime.call(closing)

    def _first(self, asks: Sequence[Callable[..., Any]], name: str, absent: object) -> Any:
        """What the first of *asks* answers that knows *name*."""
        self._check([name])
        failed: list[StorageError] = []
        for index, ask in enumerate(asks):
            trusted = self._trusted(index, [name])
            answer = self._tried(ask, name) if trusted else absent
            if isinstance(answer, StorageError):
                failed.append(answer)
            elif answer is not absent:
                self._tell(failed)
                return answer
        self._tell(failed, raises=True)
        return absent

    def _trusted(self, index: int, names: Sequence[str]) -> list[str]:
        """Those of *names* of which the copy has missed nothing; of others it forgets what it has,
        where it answers."""
        behind = [name for name in names if self._missed.has(index, name)]
        for name in behind:
            with self._keys.hold(name):
                if self._missed.has(index, name):
                    answer = self._tried(self._all[index].remove, name)
                    if not isinstance(answer, StorageError):
                        self._missed.forget(index, [name])
        return [name for name in names if name not in behind]

    def _changed(
        self, changes: Sequence[Callable[..., Any]], names: Sequence[str], *told: Any
    ) -> tuple[list[StorageError], bool]:
        """Make the change of *names* in all copies; what failed, and whether all did."""
        failed: dict[int, StorageError] = {}
        for index, change in enumerate(changes):
            answer = self._tried(change, *told)
            if isinstance(answer, StorageError):
                failed[index] = answer
            else:
                self._missed.forget(index, names)
        if len(failed) == len(changes):
            return list(failed.values()), True
        return self._noted(failed, names), False

    def _removed(self, names: Sequence[str]) -> tuple[set[str], list[StorageError]]:
        """Which of *names* were there, and what failed."""
        there: set[str] = set()
        failed: dict[int, StorageError] = {}
        for index, copy in enumerate(self._all):
            answer = self._tried(copy.remove_all, names)
            if isinstance(answer, StorageError):
                failed[index] = answer
                continue
            there.update(name for name in answer if not self._missed.has(index, name))
            self._missed.forget(index, names)
        unsure = {
            index: error
            for index, error in failed.items()
            if not all(self._missed.has(index, name) for name in names)
        }
        return there, self._noted(unsure, [name for name in names if name in there])

    def _noted(self, failed: dict[int, StorageError], names: Sequence[str]) -> list[StorageError]:
        """What *failed*, when it is noted who has missed a change of *names*."""
        for index, error in failed.items():
            if not self._missed.note(index, names):
                raise error
        return list(failed.values())

    def _tried(self, ask: Callable[..., Any], *told: Any) -> Any:
        """What *ask* answers, or the error that makes others answer."""
        try:
            return self._runtime.call(ask, *told)
        except StorageError as error:
            if not is_passed_over(error):
                raise
            return error

    def _tell(self, failed: Sequence[StorageError], raises: bool = False) -> None:
        """Let *on_error* know of what *failed*; where somebody *raises*, the first is raised."""
        for error in failed[1:] if raises else failed:
            self._runtime.call(self._on_error, error)
        if raises and failed:
            raise failed[0]

    def _check(self, names: Sequence[str]) -> None:
        for copy in self._all:
            copy.check(names)

    def _refuse_keeping(self, expiry: Expiry) -> None:
        if isinstance(expiry, Keeping):
            self._refuse("ttl=KEEP")

    def _refuse(self, what: str) -> NoReturn:
        raise no_step(what, self.label)


class Copy:
    """The entries of *store* by their keys; it is closed with the others if it *is_made* for
    them."""

    def __init__(self, store: Storage[Any], is_made: bool) -> None:
        self.label: str = store._layers.label
        self.capabilities: Capabilities = store.capabilities
        self._backend = store._backend
        self._names = store._layers.names
        self._is_made = is_made

    def check(self, keys: Sequence[str]) -> None:
        """Refuse what is no key here."""
        for key in keys:
            self._names.name(key)

    def read(self, key: str) -> bytes | None:
        return self._backend.read(self._names.name(key))

    def ends(self, key: str) -> int | Missing | None:
        return self._backend.ends(self._names.name(key))

    def exists(self, key: str) -> bool:
        return self._backend.exists(self._names.name(key))

    def read_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        return self._backend.read_many([self._names.name(key) for key in keys])

    def write(self, key: str, raw: bytes, expiry: Expiry) -> None:
        self._backend.write(self._names.name(key), raw, expiry)

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        named = [(self._names.name(key), raw) for key, raw in entries]
        self._backend.write_many(named, expiry)

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]]) -> None:
        named = [(self._names.name(key), raw, ends) for key, raw, ends in entries]
        self._backend.restore(named, True)

    def remove(self, key: str) -> bool:
        return self._backend.remove(self._names.name(key))

    def remove_all(self, keys: Sequence[str]) -> set[str]:
        """Take *keys* away, and say which of them were there."""
        if len(keys) == 1:
            removed = self.remove(keys[0])
            return set(keys) if removed else set()
        there = self.there(keys)
        self._backend.remove_many([self._names.name(key) for key in keys])
        return there

    def there(self, keys: Sequence[str]) -> set[str]:
        """Which of *keys* are there."""
        try:
            ends = self._backend.ends_many([self._names.name(key) for key in keys])
        except UnsupportedError:
            raws = self.read_many(keys)
            return {key for key, raw in zip(keys, raws) if raw is not None}
        return {key for key, end in zip(keys, ends) if end is not MISSING}

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        """A page of the backend, by keys."""
        page = self._backend.page(self._names.name(prefix), cursor, values)
        keys = [self._names.key(name) for name in page.names]
        known = [(place, key) for place, key in enumerate(keys) if key is not None]
        raws = [page.values[place] for place, _ in known] if values else []
        return Page([key for _, key in known], raws, page.cursor)

    def let_go(self) -> None:
        """Close what was made for the others."""
        if self._is_made:
            self._backend.close()


def _logged(error: StorageError) -> None:
    log.warning("a storage was passed over: %s", error)
