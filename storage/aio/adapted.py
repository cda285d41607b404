# Written by tools/mirror.py from storage/adapted.py: change that file and run the tool.
"""Any object with `get`, `set` and `delete`, and any mutable mapping, as a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.carried import carried, kept
from ..core.counting import counted
from ..core.foreign import Foreign, foreign
from ..errors import ClosedError, CorruptValueError, StorageError, UnstorableError
from .keylock import KeyLock
from ..keys import Names
from ..offers import Touchable
from ..records import DELETE, MISSING, UNREADABLE, Capabilities, Deletion, Missing, Page
from .rooms import Adaptable, own_store
from .runtime import Runtime, callback
from .store import Storage
from ..ttl import Expiry


def adapt(thing: Adaptable) -> Storage[Any]:
    """*thing* as a store: an object with `get`, `set`, `delete` (and `has`, `touch`, `keys` if it
    has them), or a mapping of the caller's own, which is used and seen.

    It expires nothing by itself, and is atomic between the users of the store returned here.
    Closing that store leaves *thing* open; a store is given back as it is.
    """
    store = own_store(thing)
    if store is not None:
        return store
    methods = foreign(thing)
    for method in methods.callables():
        callback(method)
    return Storage(AdaptedBackend(methods))


class AdaptedBackend:
    """The entries of somebody's object, one key at a time; nothing expires there.

    The object keeps the values that JSON stands for, and texts for all other bytes. A mapping
    is not expected to stand several threads, so one lock guards all of it.
    """

    def __init__(self, methods: Foreign) -> None:
        self.label: str = f"adapted {methods.kind}"
        self.capabilities: Capabilities = Capabilities(
            atomic="process", expiry_ms=None, iteration=methods.keys is not None, durable=False
        )
        self._foreign = methods
        self._runtime = Runtime()
        self._keys = KeyLock(self.label, patient=True)
        self._closed = False

    async def read(self, name: str) -> bytes | None:
        if not self._foreign.is_mapping:
            return await self._look(name)
        async with self._keys.hold(""):
            return await self._look(name)

    async def ends(self, name: str) -> Missing | None:
        there = await self.exists(name)
        return None if there else MISSING

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        async with self._keys.hold(self._foreign.scope(name)):
            await self._put(name, raw)

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        async with self._keys.hold(self._foreign.scope(name)):
            found = await self._look(name)
            if found is None:
                await self._put(name, raw)
        return found is None

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        async with self._keys.hold(self._foreign.scope(name)):
            found = await self._look(name)
            if found != old:
                return False
            if new is DELETE:
                await self._call(self._foreign.delete, name)
            else:
                await self._put(name, new)
        return True

    async def remove(self, name: str) -> bool:
        async with self._keys.hold(self._foreign.scope(name)):
            value = await self._value(name)
            if value is not MISSING:
                await self._call(self._foreign.delete, name)
        return value is not MISSING

    async def exists(self, name: str) -> bool:
        if not self._foreign.is_mapping:
            value = await self._value(name)
            return value is not MISSING
        async with self._keys.hold(""):
            value = await self._value(name)
        return value is not MISSING

    async def touch(self, name: str, expiry: Expiry) -> bool:
        there = await self.exists(name)
        if there and self._foreign.touch is not None:
            await self._call(self._foreign.touch, name)
        return there

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        async with self._keys.hold(self._foreign.scope(name)):
            found = await self._look(name)
            total = counted(found, by, initial)
            await self._put(name, b"%d" % total)
        return total

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        found = []
        for name in names:
            raw = await self.read(name)
            found.append(raw)
        return found

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        for name, raw in entries:
            await self.write(name, raw, expiry)

    async def ends_many(self, names: Sequence[str]) -> Sequence[Missing | None]:
        found = []
        for name in names:
            ends = await self.ends(name)
            found.append(ends)
        return found

    async def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        restored = 0
        for name, raw, _ in entries:
            if replace:
                await self.write(name, raw, None)
                restored += 1
            else:
                added = await self.add(name, raw, None)
                restored += added
        return restored

    async def remove_many(self, names: Sequence[str]) -> int:
        removed = 0
        for name in names:
            there = await self.remove(name)
            removed += there
        return removed

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        names = await self._names(prefix)
        if not values:
            return Page(names, [], None)
        found = []
        for name in names:
            raw = await self._readable(name)
            if raw is not None:
                found.append((name, raw))
        return Page([name for name, _ in found], [raw for _, raw in found], None)

    async def clear(self, prefix: str) -> int:
        names = await self._names(prefix)
        return await self.remove_many(names)

    def room(self, kind: object, names: Names) -> Foreign | None:
        """The object itself, where one with a `touch` is asked for."""
        touches = kind is Touchable and self._foreign.touch is not None
        return self._foreign if touches else None

    async def aclose(self) -> None:
        self._closed = True

    async def _readable(self, name: str) -> bytes | None:
        """The bytes of an entry of a page."""
        try:
            return await self.read(name)
        except CorruptValueError:
            return UNREADABLE

    async def _names(self, prefix: str) -> list[str]:
        self._check_open()
        listed = self._foreign.listing(self.label)
        async with self._keys.hold(""):
            names = await self._listed(listed)
        return [name for name in names if isinstance(name, str) and name.startswith(prefix)]

    async def _listed(self, listed: Callable[[], Any]) -> list[Any]:
        try:
            return await self._runtime.collect(listed)
        except StorageError:
            raise
        except Exception as error:
            raise self._failed(error, None) from error

    def _failed(self, error: Exception, name: str | None) -> StorageError:
        message = f"the object that was adapted raised {type(error).__name__}"
        return StorageError(message, store=self.label, key=name)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("the store is closed", store=self.label)

    async def _value(self, name: str) -> Any:
        value = await self._call(self._foreign.get, name)
        if value is None and self._foreign.has is not None:
            there = await self._call(self._foreign.has, name)
            # Once more: somebody may have written between the two questions.
            value = await self._call(self._foreign.get, name) if there else MISSING
        elif value is None:
            value = MISSING
        return value

    async def _look(self, name: str) -> bytes | None:
        value = await self._value(name)
        if value is MISSING:
            return None
        try:
            return carried(value)
        except UnstorableError as error:
            raise CorruptValueError(str(error), store=self.label, key=name) from None

    async def _put(self, name: str, raw: bytes) -> None:
        await self._call(self._foreign.set, name, kept(raw))

    async def _call(self, method: Callable[..., Any], name: str, *values: object) -> Any:
        self._check_open()
        try:
            return await self._runtime.call(method, name, *values)
        except StorageError:
            raise
        except Exception as error:
            raise self._failed(error, name) from error
