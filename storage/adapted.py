# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Any object with `get`, `set` and `delete`, and any mutable mapping, as a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .core.carried import carried, kept
from .core.counting import counted
from .core.foreign import Foreign, foreign
from .errors import ClosedError, CorruptValueError, StorageError, UnstorableError
from .keylock import KeyLock
from .keys import Names
from .offers import Touchable
from .records import DELETE, MISSING, UNREADABLE, Capabilities, Deletion, Missing, Page
from .rooms import Adaptable, own_store
from .runtime import Runtime, callback
from .store import Storage
from .ttl import Expiry


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

    def read(self, name: str) -> bytes | None:
        if not self._foreign.is_mapping:
            return self._look(name)
        with self._keys.hold(""):
            return self._look(name)

    def ends(self, name: str) -> Missing | None:
        there = self.exists(name)
        return None if there else MISSING

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        with self._keys.hold(self._foreign.scope(name)):
            self._put(name, raw)

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        with self._keys.hold(self._foreign.scope(name)):
            found = self._look(name)
            if found is None:
                self._put(name, raw)
        return found is None

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        with self._keys.hold(self._foreign.scope(name)):
            found = self._look(name)
            if found != old:
                return False
            if new is DELETE:
                self._call(self._foreign.delete, name)
            else:
                self._put(name, new)
        return True

    def remove(self, name: str) -> bool:
        with self._keys.hold(self._foreign.scope(name)):
            value = self._value(name)
            if value is not MISSING:
                self._call(self._foreign.delete, name)
        return value is not MISSING

    def exists(self, name: str) -> bool:
        if not self._foreign.is_mapping:
            value = self._value(name)
            return value is not MISSING
        with self._keys.hold(""):
            value = self._value(name)
        return value is not MISSING

    def touch(self, name: str, expiry: Expiry) -> bool:
        there = self.exists(name)
        if there and self._foreign.touch is not None:
            self._call(self._foreign.touch, name)
        return there

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        with self._keys.hold(self._foreign.scope(name)):
            found = self._look(name)
            total = counted(found, by, initial)
            self._put(name, b"%d" % total)
        return total

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        found = []
        for name in names:
            raw = self.read(name)
            found.append(raw)
        return found

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        for name, raw in entries:
            self.write(name, raw, expiry)

    def ends_many(self, names: Sequence[str]) -> Sequence[Missing | None]:
        found = []
        for name in names:
            ends = self.ends(name)
            found.append(ends)
        return found

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        restored = 0
        for name, raw, _ in entries:
            if replace:
                self.write(name, raw, None)
                restored += 1
            else:
                added = self.add(name, raw, None)
                restored += added
        return restored

    def remove_many(self, names: Sequence[str]) -> int:
        removed = 0
        for name in names:
            there = self.remove(name)
            removed += there
        return removed

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        names = self._names(prefix)
        if not values:
            return Page(names, [], None)
        found = []
        for name in names:
            raw = self._readable(name)
            if raw is not None:
                found.append((name, raw))
        return Page([name for name, _ in found], [raw for _, raw in found], None)

    def clear(self, prefix: str) -> int:
        names = self._names(prefix)
        return self.remove_many(names)

    def room(self, kind: object, names: Names) -> Foreign | None:
        """The object itself, where one with a `touch` is asked for."""
        touches = kind is Touchable and self._foreign.touch is not None
        return self._foreign if touches else None

    def close(self) -> None:
        self._closed = True

    def _readable(self, name: str) -> bytes | None:
        """The bytes of an entry of a page."""
        try:
            return self.read(name)
        except CorruptValueError:
            return UNREADABLE

    def _names(self, prefix: str) -> list[str]:
        self._check_open()
        listed = self._foreign.listing(self.label)
        with self._keys.hold(""):
            names = self._listed(listed)
        return [name for name in names if isinstance(name, str) and name.startswith(prefix)]

    def _listed(self, listed: Callable[[], Any]) -> list[Any]:
        try:
            return self._runtime.collect(listed)
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

    def _value(self, name: str) -> Any:
        value = self._call(self._foreign.get, name)
        if value is None and self._foreign.has is not None:
            there = self._call(self._foreign.has, name)
            # Once more: somebody may have written between the two questions.
            value = self._call(self._foreign.get, name) if there else MISSING
        elif value is None:
            value = MISSING
        return value

    def _look(self, name: str) -> bytes | None:
        value = self._value(name)
        if value is MISSING:
            return None
        try:
            return carried(value)
        except UnstorableError as error:
            raise CorruptValueError(str(error), store=self.label, key=name) from None

    def _put(self, name: str, raw: bytes) -> None:
        self._call(self._foreign.set, name, kept(raw))

    def _call(self, method: Callable[..., Any], name: str, *values: object) -> Any:
        self._check_open()
        try:
            return self._runtime.call(method, name, *values)
        except StorageError:
            raise
        except Exception as error:
            raise self._failed(error, name) from error
