# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Stores that keep the same entries: each by its keys, and a change that is made in all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.several import Change, Missed
from ..errors import CorruptValueError, StorageError, UnsupportedError, WrongTypeError
from ..offers import KeyRules, offered_or_none
from ..records import DELETE, MISSING, Capabilities, Missing, Page
from ..runtime import Runtime
from ..store import Storage
from ..ttl import Expiry


class Copies:
    """What is done with *copies* while the keys are held that it is about."""

    def __init__(self, copies: Sequence[Copy], missed: Missed) -> None:
        self._all = copies
        self._missed = missed
        self._away: set[int] = set()
        self._runtime = Runtime()

    def change(
        self,
        changes: Sequence[Callable[..., Any]],
        entries: Mapping[str, bytes | None],
        told: Sequence[object],
    ) -> Change:
        """Make a change in all, whatever one of them raises."""
        change = Change(self._missed, entries, len(self._all))
        try:
            if self._away:
                self._look(change, 0)
            for index, making in enumerate(changes):
                answer = self._answer(making, *told)
                if isinstance(answer, Exception):
                    self._away.add(index)
                    change.fail(index, answer)
                    if change.wants_old:
                        self._look(change, index + 1)
                else:
                    self._away.discard(index)
                    change.make(index, answer)
        finally:
            change.end()
        return change

    def catch_up(self, index: int, name: str) -> StorageError | None:
        """Take away what a copy has of before; what it says where it does not let that be done.

        What is neither older nor the newest is left to whoever has written it.
        """
        copy = self._all[index]
        done: Any = False
        try:
            raw: Any = self._runtime.call(copy.read, name)
            if raw is not None and self._missed.is_old(index, name, raw):
                done = self._runtime.call(copy.take_away, name, raw)
        except (CorruptValueError, WrongTypeError):
            raw = b""
        except StorageError as error:
            return error
        if done or self._missed.is_new(index, name, raw):
            self._missed.forget(index, [name])
        else:
            self._missed.leave(index, name)
        return None

    def _look(self, change: Change, start: int) -> None:
        """See what is there before a change, in the first copy from *start* on that tells."""
        for index in range(start, len(self._all)):
            names = [name for name in change.names if not self._missed.has(index, name)]
            if names and index not in self._away:
                raws = self._answer(self._all[index].read_many, names)
                if not isinstance(raws, Exception):
                    change.saw(dict(zip(names, raws)))
                    break

    def _answer(self, ask: Callable[..., Any], *told: object) -> Any:
        """What *ask* answers, or raises."""
        try:
            return self._runtime.call(ask, *told)
        except Exception as error:  # noqa: BLE001 - raised when all have been asked
            return error


class Copy:
    """The entries of *store* by their keys; it is closed with the others if it *is_made* for
    them."""

    def __init__(self, store: Storage[Any], is_made: bool) -> None:
        self.label: str = store._layers.label
        self.capabilities: Capabilities = store.capabilities
        self._backend = store._backend
        self._names = store._layers.names
        self._rules = offered_or_none(self._backend, KeyRules, self._names)
        self._is_made = is_made

    def check(self, keys: Sequence[str]) -> None:
        """Refuse what is no key here."""
        names = [self._names.name(key) for key in keys]
        if self._rules is not None:
            self._rules.check(names)

    def read(self, key: str) -> bytes | None:
        return self._backend.read(self._names.name(key))

    def ends(self, key: str) -> int | Missing | None:
        return self._backend.ends(self._names.name(key))

    def exists(self, key: str) -> bool:
        return self._backend.exists(self._names.name(key))

    def read_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        return self._backend.read_many([self._names.name(key) for key in keys])

    def write(self, key: str, raw: bytes, expiry: Expiry) -> set[str]:
        self._backend.write(self._names.name(key), raw, expiry)
        return {key}

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> set[str]:
        named = [(self._names.name(key), raw) for key, raw in entries]
        self._backend.write_many(named, expiry)
        return {key for key, _ in entries}

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]]) -> set[str]:
        named = [(self._names.name(key), raw, ends) for key, raw, ends in entries]
        self._backend.restore(named, True)
        return {key for key, _, _ in entries}

    def take_away(self, key: str, raw: bytes) -> bool:
        """Take *key* away while it has these bytes, as far as there are steps for that."""
        name = self._names.name(key)
        if self.capabilities.atomic is None:
            self._backend.remove(name)
            return True
        return self._backend.swap(name, raw, DELETE, None)

    def remove_all(self, keys: Sequence[str]) -> set[str]:
        """Take *keys* away, and say which of them were there."""
        if len(keys) == 1:
            removed = self._backend.remove(self._names.name(keys[0]))
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
