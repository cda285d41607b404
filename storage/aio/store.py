# Written by tools/mirror.py from storage/store.py: change that file and run the tool.
"""What a user holds: values, lifetimes and derived operations over any backend of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, AsyncIterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, overload

from ..closed import closed
from ..codecs import JSON, Codec
from ..core.counting import check_count
from ..core.layers import Layers, OnCorrupt, Seen, check_walk
from .editing import MOST_ATTEMPTS, Edit
from ..errors import ConflictError, UnstorableError, WrongTypeError
from .keylock import KeyLock
from ..keys import Names
from ..offers import offered
from .protocols import Backend
from ..records import DELETE, MISSING, Capabilities, Deletion, Missing
from .runtime import Answer, Runtime, callback
from .tracing import DEBUG, Traced, known
from ..ttl import DEFAULT, KEEP, DefaultTtl, Expiry, Ttl, moment

if TYPE_CHECKING:
    from typing_extensions import Self, TypeVar

    V = TypeVar("V", default=Any)
    D = TypeVar("D")
    R = TypeVar("R", bound=Deletion)
    Room = TypeVar("Room")
else:
    from typing import TypeVar

    V = TypeVar("V")
    D = TypeVar("D")
    R = TypeVar("R", bound=Deletion)
    Room = TypeVar("Room")


class Storage(Generic[V]):
    """Values by key, with lifetimes, over *backend*.

    Values are copies on the way in and out. Every method raises a `StorageError` that names the
    store and the key when it can not do its work; a missing key is none of these.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        ttl: DefaultTtl = None,
        codec: Codec = JSON,
        names: Names | None = None,
    ) -> None:
        self._backend = Traced(backend)
        self._keys = KeyLock(backend.label)
        self._runtime = Runtime()
        self._owner = True
        expires = backend.capabilities.expiry_ms is not None
        self._stand_on(Layers(backend.label, codec, names or Names(), ttl, expires=expires))

    def _stand_on(self, layers: Layers) -> None:
        self._layers = layers
        self._name = layers.names.name
        self._encode = layers.codec.encode
        self._decode = layers.codec.decode
        self._default = layers.default

    @overload
    async def get(self, key: str) -> V | None: ...

    @overload
    async def get(self, key: str, default: D) -> V | D: ...

    async def get(self, key: str, default: Any = None) -> Any:
        """The value, or *default* where the key is missing."""
        name = self._name(key)
        quiet = known(DEBUG) is False
        raw = await self._backend._room.read(name) if quiet else await self._backend.read(name)
        if raw is None:
            return default
        try:
            return self._decode(raw)
        except ValueError as error:
            raise self._layers.corrupt(key, error) from error

    async def set(self, key: str, value: V, *, ttl: Ttl = DEFAULT) -> None:
        """Store *value*, whatever was there before."""
        name = self._name(key)
        try:
            raw = self._encode(value)
        except UnstorableError as error:
            raise self._layers.located(error, key) from None
        expiry = self._default if ttl is DEFAULT else self._layers.expiry(ttl)
        if known(DEBUG) is False:
            await self._backend._room.write(name, raw, expiry)
        else:
            await self._backend.write(name, raw, expiry)

    async def delete(self, key: str) -> bool:
        """Take the key away and say whether it was there."""
        return await self._backend.remove(self._name(key))

    async def has(self, key: str) -> bool:
        """Whether the key is there."""
        return await self._backend.exists(self._name(key))

    async def touch(self, key: str, *, ttl: Ttl = DEFAULT) -> bool:
        """Start the lifetime anew and say whether the key is there.

        A store without a default leaves the expiry alone; *ttl* `None` makes the key permanent.
        """
        expiry = self._layers.expiry(ttl)
        if ttl is DEFAULT and expiry is None:
            expiry = self._layers.keeping
        return await self._backend.touch(self._name(key), expiry)

    async def expires_at(self, key: str) -> datetime | Missing | None:
        """When the key ends: a moment, `None` for never, `MISSING` for a key that is not there."""
        ends = await self._backend.ends(self._name(key))
        return moment(ends) if isinstance(ends, int) else ends

    async def get_many(self, keys: Iterable[str]) -> dict[str, V]:
        """The values of those *keys* that are there."""
        wanted = {key: self._name(key) for key in keys}
        found = await self._backend.read_many(list(wanted.values()))
        return {
            key: self._layers.decode(key, raw) for key, raw in zip(wanted, found) if raw is not None
        }

    async def set_many(self, values: Mapping[str, V], *, ttl: Ttl = DEFAULT) -> None:
        """Store all *values*; nothing is touched when one of them can not be stored."""
        expiry = self._layers.expiry(ttl)
        entries = [
            (self._name(key), self._layers.encode(key, value)) for key, value in values.items()
        ]
        await self._backend.write_many(entries, expiry)

    async def delete_many(self, keys: Iterable[str]) -> int:
        """Take *keys* away and say how many of them were there."""
        names = dict.fromkeys(self._name(key) for key in keys)
        return await self._backend.remove_many(list(names))

    async def add(self, key: str, value: V, *, ttl: Ttl = DEFAULT) -> bool:
        """Store *value* if the key is missing; says whether it did."""
        name = self._name(key)
        raw = self._layers.encode(key, value)
        return await self._backend.add(name, raw, self._layers.expiry(ttl))

    async def incr(self, key: str, by: int = 1, *, initial: int = 0, ttl: Ttl = KEEP) -> int:
        """Add *by* to an integer, which begins as *initial*, and return the sum."""
        check_count(by, initial)
        self._layers.check_counting()
        name = self._name(key)
        try:
            return await self._backend.incr(name, by, initial, self._layers.expiry(ttl))
        except (WrongTypeError, UnstorableError) as error:
            raise self._layers.located(error, key) from None

    async def swap(self, key: str, old: V | Missing, new: V | Deletion, *, ttl: Ttl = KEEP) -> bool:
        """Replace *old* by *new* if it is what is there; says whether it did.

        *old* may be `MISSING`, *new* may be `DELETE`.
        """
        name = self._name(key)
        expected = None if old is MISSING else self._layers.encode(key, old)
        raw = self._layers.replacement(key, new)
        expiry = self._layers.expiry(ttl)
        if expected is None and raw is DELETE:
            there = await self._backend.exists(name)
            return not there
        if expected is None:
            return await self._replaced(name, None, raw, expiry)
        found = await self._backend.read(name)
        if found is None or not self._layers.same(found, expected):
            return False
        return await self._replaced(name, found, raw, expiry)

    async def update(
        self,
        key: str,
        change: Callable[[V], Answer[V | R]],
        *,
        default: V | Callable[[], V] | Missing = MISSING,
        ttl: Ttl = KEEP,
    ) -> V | R:
        """Replace the value by what *change* makes of it, and return that.

        No concurrent change is lost, so *change* may run several times. A missing key begins as a
        fresh copy of *default* (`KeyError` without one). `DELETE` as the answer removes the key;
        the same value back writes nothing.
        """
        callback(change)
        self._layers.check_default(default)
        name = self._name(key)
        expiry = self._layers.expiry(ttl)
        async with self._keys.hold(name) as hold:
            for attempt in range(MOST_ATTEMPTS):
                raw, hold.left = hold.left, None
                if raw is None:
                    raw = await self._backend.read(name)
                value = self._layers.begin(key, raw, default)
                result: V | R = await self._runtime.call(change, value)
                new = self._layers.replacement(key, result)
                if self._layers.kept(raw, new, expiry):
                    return result
                hold.writing()
                done = await self._replaced(name, raw, new, expiry)
                if done:
                    hold.left = None if new is DELETE else new
                    return result
                await self._runtime.pause(attempt)
        raise self._busy(key)

    def edit(
        self,
        key: str,
        *,
        default: V | Callable[[], V] | Missing = MISSING,
        ttl: Ttl = KEEP,
    ) -> Edit[V]:
        """A `with` block over a draft of a dict or a list, stored at its end if it changed.

        The block runs once. What somebody else changed meanwhile is kept, when it is another
        member of the dict; otherwise `ConflictError` is raised and nothing is written. An
        exception in the block discards the draft.
        """
        self._layers.check_default(default)
        return Edit(self, key, default, self._layers.expiry(ttl))

    async def get_or_set(self, key: str, make: Callable[[], Answer[V]], *, ttl: Ttl = DEFAULT) -> V:
        """The value, or what *make* gives, which is stored for the next one who asks.

        Within a process *make* runs once, however many ask at the same time; between processes
        the first result stays.
        """
        callback(make)
        name = self._name(key)
        expiry = self._layers.expiry(ttl)
        raw = await self._backend.read(name)
        if raw is not None:
            value: V = self._layers.decode(key, raw)
            return value
        async with self._keys.hold(name):
            return await self._first(key, name, make, expiry)

    def keys(self, prefix: str = "", *, unique: bool = False) -> AsyncIterator[str]:
        """The keys that start with *prefix*, in no promised order, without those of namespaces.

        A key that moves meanwhile may come twice, unless *unique* (which remembers them all).
        """
        return self._walk_keys(self._name(prefix), check_walk(unique, "raise"))

    def values(
        self, prefix: str = "", *, unique: bool = False, on_corrupt: OnCorrupt = "raise"
    ) -> AsyncIterator[V]:
        """The values of the keys that start with *prefix*; `"skip"` leaves out the unreadable."""
        seen = check_walk(unique, on_corrupt)
        return self._walk_values(self._name(prefix), seen, on_corrupt)

    def items(
        self, prefix: str = "", *, unique: bool = False, on_corrupt: OnCorrupt = "raise"
    ) -> AsyncIterator[tuple[str, V]]:
        """Keys and values; see `keys` and `values`."""
        seen = check_walk(unique, on_corrupt)
        return self._walk_items(self._name(prefix), seen, on_corrupt)

    async def clear(self, *, everything: bool = False) -> int:
        """Take all keys away, those of namespaces in here included, and say how many there were.

        A store that is not kept under a prefix wants to hear *everything*.
        """
        if not self._layers.names.prefix and not everything:
            raise ValueError("this store has no prefix: clear(everything=True) empties it")
        return await self._backend.clear(self._layers.names.prefix)

    def namespace(self, name: str) -> Storage[V]:
        """A view of this store with keys of its own; closing it leaves this store open."""
        view: Storage[V] = Storage.__new__(Storage)
        view.__dict__.update(self.__dict__)
        view._owner = False
        view._stand_on(self._layers.namespace(name))
        return view

    def room(self, kind: Callable[..., Room]) -> Room:
        """What the backend offers besides values, such as a `LeaseStore`, for keys of this store.

        `UnsupportedError` where it does not.
        """
        return offered(self._backend, kind, self._layers.names)

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise."""
        return self._backend.capabilities

    async def aclose(self) -> None:
        """Let go of what the store opened; twice is fine."""
        try:
            if self._owner:
                self._owner = False
                await self._backend.aclose()
        finally:
            self._backend = closed(self._layers.label, self._backend.capabilities)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._layers.label}>"

    async def _walk_keys(self, start: str, seen: Seen) -> AsyncIterator[str]:
        cursor = None
        while True:
            page = await self._backend.page(start, cursor, False)
            for _, key in self._layers.keys(page, seen):
                yield key
            cursor = page.cursor
            if cursor is None:
                return

    async def _walk_items(self, start: str, seen: Seen, on_corrupt: OnCorrupt) -> AsyncIterator[tuple[str, V]]:
        cursor = None
        while True:
            page = await self._backend.page(start, cursor, True)
            for index, key in self._layers.keys(page, seen):
                for value in self._layers.readable(key, page.values[index], on_corrupt):
                    yield key, value
            cursor = page.cursor
            if cursor is None:
                return

    async def _walk_values(self, start: str, seen: Seen, on_corrupt: OnCorrupt) -> AsyncIterator[V]:
        async for _, value in self._walk_items(start, seen, on_corrupt):
            yield value

    async def _first(self, key: str, name: str, make: Callable[[], Answer[V]], expiry: Expiry) -> V:
        made: bytes | None = None
        value: Any = None
        for _ in range(MOST_ATTEMPTS):
            raw = await self._backend.read(name)
            if raw is not None:
                value = self._layers.decode(key, raw)
                break
            if made is None:
                value = await self._runtime.call(make)
                made = self._layers.encode(key, value)
            added = await self._backend.add(name, made, expiry)
            if added:
                break
        else:
            raise self._busy(key)
        first: V = value
        return first

    async def _replaced(
        self, name: str, old: bytes | None, new: bytes | Deletion, expiry: Expiry
    ) -> bool:
        """Put *new* in the place of *old*, if that is what is there."""
        if old is None:
            if new is DELETE:
                return True
            return await self._backend.add(name, new, expiry)
        return await self._backend.swap(name, old, new, expiry)

    def _busy(self, key: str) -> ConflictError:
        message = f"gave up after {MOST_ATTEMPTS} conflicting changes"
        return ConflictError(message, store=self._layers.label, key=key)
