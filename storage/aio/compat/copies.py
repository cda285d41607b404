# Written by tools/mirror.py from storage/compat/copies.py: change that file and run the tool.
"""Stores that keep the same entries: each by its keys, and a change that is made in all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...core.several import Change, Missed
from ...errors import CorruptValueError, StorageError, UnsupportedError, WrongTypeError
from ...offers import KeyRules, offered_or_none
from ...records import DELETE, MISSING, Capabilities, Missing, Page
from ..runtime import Runtime
from ..store import Storage
from ...ttl import Expiry


class Copies:
    """What is done with *copies* while the keys are held that it is about."""

    def __init__(self, copies: Sequence[Copy], missed: Missed) -> None:
        self._all = copies
        self._missed = missed
        self._away: set[int] = set()
        self._runtime = Runtime()

    async def change(
        self,
        changes: Sequence[Callable[..., Any]],
        entries: Mapping[str, bytes | None],
        told: Sequence[object],
    ) -> Change:
        """Make a change in all, whatever one of them raises."""
        change = Change(self._missed, entries, len(self._all))
        try:
            if self._away:
                await self._look(change, 0)
            for index, making in enumerate(changes):
                answer = await self._answer(making, *told)
                if isinstance(answer, Exception):
                    self._away.add(index)
                    change.fail(index, answer)
                    if change.wants_old:
                        await self._look(change, index + 1)
                else:
                    self._away.discard(index)
                    change.make(index, answer)
        finally:
            change.end()
        return change

    async def catch_up(self, index: int, name: str) -> StorageError | None:
        """Take away what a copy has of before; what it says where it does not let that be done.

        What is neither older nor the newest is left to whoever has written it.
        """
        copy = self._all[index]
        done: Any = False
        try:
            raw: Any = await self._runtime.call(copy.read, name)
            if raw is not None and self._missed.is_old(index, name, raw):
                done = await self._runtime.call(copy.take_away, name, raw)
        except (CorruptValueError, WrongTypeError):
            raw = b""
        except StorageError as error:
            return error
        if done or self._missed.is_new(index, name, raw):
            self._missed.forget(index, [name])
        else:
            self._missed.leave(index, name)
        return None

    async def _look(self, change: Change, start: int) -> None:
        """See what is there before a change, in the first copy from *start* on that tells."""
        for index in range(start, len(self._all)):
            names = [name for name in change.names if not self._missed.has(index, name)]
            if names and index not in self._away:
                raws = await self._answer(self._all[index].read_many, names)
                if not isinstance(raws, Exception):
                    change.saw(dict(zip(names, raws)))
                    break

    async def _answer(self, ask: Callable[..., Any], *told: object) -> Any:
        """What *ask* answers, or raises."""
        try:
            return await self._runtime.call(ask, *told)
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

    async def read(self, key: str) -> bytes | None:
        return await self._backend.read(self._names.name(key))

    async def ends(self, key: str) -> int | Missing | None:
        return await self._backend.ends(self._names.name(key))

    async def exists(self, key: str) -> bool:
        return await self._backend.exists(self._names.name(key))

    async def read_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        return await self._backend.read_many([self._names.name(key) for key in keys])

    async def write(self, key: str, raw: bytes, expiry: Expiry) -> set[str]:
        await self._backend.write(self._names.name(key), raw, expiry)
        return {key}

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> set[str]:
        named = [(self._names.name(key), raw) for key, raw in entries]
        await self._backend.write_many(named, expiry)
        return {key for key, _ in entries}

    async def restore(self, entries: Sequence[tuple[str, bytes, int | None]]) -> set[str]:
        named = [(self._names.name(key), raw, ends) for key, raw, ends in entries]
        await self._backend.restore(named, True)
        return {key for key, _, _ in entries}

    async def take_away(self, key: str, raw: bytes) -> bool:
        """Take *key* away while it has these bytes, as far as there are steps for that."""
        name = self._names.name(key)
        if self.capabilities.atomic is None:
            await self._backend.remove(name)
            return True
        return await self._backend.swap(name, raw, DELETE, None)

    async def remove_all(self, keys: Sequence[str]) -> set[str]:
        """Take *keys* away, and say which of them were there."""
        if len(keys) == 1:
            removed = await self._backend.remove(self._names.name(keys[0]))
            return set(keys) if removed else set()
        there = await self.there(keys)
        await self._backend.remove_many([self._names.name(key) for key in keys])
        return there

    async def there(self, keys: Sequence[str]) -> set[str]:
        """Which of *keys* are there."""
        try:
            ends = await self._backend.ends_many([self._names.name(key) for key in keys])
        except UnsupportedError:
            raws = await self.read_many(keys)
            return {key for key, raw in zip(keys, raws) if raw is not None}
        return {key for key, end in zip(keys, ends) if end is not MISSING}

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        """A page of the backend, by keys."""
        page = await self._backend.page(self._names.name(prefix), cursor, values)
        keys = [self._names.key(name) for name in page.names]
        known = [(place, key) for place, key in enumerate(keys) if key is not None]
        raws = [page.values[place] for place, _ in known] if values else []
        return Page([key for _, key in known], raws, page.cursor)

    async def let_go(self) -> None:
        """Close what was made for the others."""
        if self._is_made:
            await self._backend.aclose()
