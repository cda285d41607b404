# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""What a user holds: values, lifetimes and derived operations over any backend of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, overload

from .closed import closed
from .codecs import JSON, Codec
from .core.counting import check_count
from .core.layers import MOST_ATTEMPTS, Layers, OnCorrupt, check_walk
from .editing import Edit
from .entries import Entries, Entry, chosen
from .errors import UnstorableError, WrongTypeError
from .family import Families, Key, KeyClass
from .keylock import KeyLock
from .keys import Names, pairs, several
from .lookup import Lookup
from .offers import check_atomic, check_offered, offered
from .protocols import Backend
from .records import DELETE, MISSING, Capabilities, Deletion, Missing
from .runtime import Answer, Runtime, callback
from .tracing import DEBUG, Traced, known
from .ttl import DEFAULT, KEEP, DefaultTtl, Expiry, Ttl, moment
from .walks import Walks

if TYPE_CHECKING:
    from typing_extensions import Self, TypeVar

    V = TypeVar("V", default=Any)
    D = TypeVar("D")
    K = TypeVar("K", bound=Key[Any])
    R = TypeVar("R", bound=Deletion)
    T = TypeVar("T")
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
        self._families = Families()
        self._owner = True
        can = backend.capabilities
        self._stand_on(Layers(backend.label, codec, names or Names(), ttl, can))

    def _stand_on(self, layers: Layers) -> None:
        self._layers = layers
        self._lookup = Lookup(self._backend, layers)
        self._walks = Walks(self._backend, layers)
        self._name = layers.names.name
        self._encode = layers.codec.encode
        self._decode = layers.codec.decode
        self._seal = layers.sealer
        self._open = layers.opener
        self._lifetimes = layers.lifetimes
        self._usual = layers.lifetimes.usual
        self._chosen: dict[type[Key], Storage[Any]] = {}

    @overload
    def get(self, key: str) -> V | None: ...

    @overload
    def get(self, key: str, default: D) -> V | D: ...

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or *default* where the key is missing."""
        name = self._name(key)
        quiet = known(DEBUG) is False
        raw = self._backend._room.read(name) if quiet else self._backend.read(name)
        if raw is None:
            return default
        try:
            return self._decode(raw if self._open is None else self._open(name, raw))
        except ValueError as error:
            if self._open is None:
                raise self._layers.corrupt(key, error) from error
        return self._lookup.value(key, name, raw, default)

    def set(self, key: str, value: V, *, ttl: Ttl = DEFAULT) -> None:
        """Store *value*, whatever was there before."""
        name = self._name(key)
        try:
            raw = self._encode(value)
        except UnstorableError as error:
            raise self._layers.located(error, key) from None
        if self._seal is not None:
            raw = self._seal(name, raw)
        expiry = self._usual if ttl is DEFAULT else self._lifetimes.expiry(ttl)
        if known(DEBUG) is False:
            self._backend._room.write(name, raw, expiry)
        else:
            self._backend.write(name, raw, expiry)

    def delete(self, key: str) -> bool:
        """Take the key away and say whether it was there."""
        return self._backend.remove(self._name(key))

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        name = self._name(key)
        if not self._layers.ends_inside:
            return self._backend.exists(name)
        return self._lookup.there(name)

    def touch(self, key: str, *, ttl: Ttl = DEFAULT) -> bool:
        """Start the lifetime anew and say whether the key is there.

        A store without a default leaves the expiry alone; *ttl* `None` makes the key permanent.
        """
        expiry = self._lifetimes.touching(ttl)
        return self._backend.touch(self._name(key), expiry)

    def expires_at(self, key: str) -> datetime | Missing | None:
        """When the key ends: a moment, `None` for never, `MISSING` for a key that is not there."""
        ends = self._backend.ends(self._name(key))
        return moment(ends) if isinstance(ends, int) else ends

    def get_many(self, keys: Iterable[str]) -> dict[str, V]:
        """The values of those *keys* that are there."""
        wanted = {key: self._name(key) for key in several(keys, "get_many")}
        return self._lookup.many(wanted)

    def set_many(self, values: Mapping[str, V], *, ttl: Ttl = DEFAULT) -> None:
        """Store all *values*; nothing is touched when one of them can not be stored."""
        expiry = self._lifetimes.expiry(ttl)
        named = [(key, self._name(key), value) for key, value in pairs(values, "set_many")]
        entries = [(name, self._layers.sealed(key, name, value)) for key, name, value in named]
        self._backend.write_many(entries, expiry)

    def delete_many(self, keys: Iterable[str]) -> int:
        """Take *keys* away and say how many of them were there."""
        names = dict.fromkeys(self._name(key) for key in several(keys, "delete_many"))
        return self._backend.remove_many(list(names))

    def add(self, key: str, value: V, *, ttl: Ttl = DEFAULT) -> bool:
        """Store *value* if the key is missing; says whether it did."""
        name = self._name(key)
        check_atomic(self._backend, "add")
        raw = self._layers.sealed(key, name, value)
        return self._lookup.add(name, raw, self._lifetimes.expiry(ttl))

    def incr(self, key: str, by: int = 1, *, initial: int = 0, ttl: Ttl = KEEP) -> int:
        """Add *by* to an integer, which begins as *initial*, and return the sum."""
        check_count(by, initial)
        name = self._name(key)
        check_atomic(self._backend, "incr")
        expiry = self._lifetimes.expiry(ttl)
        try:
            if not self._layers.counts:
                return self._counted(key, name, by, initial, expiry)
            return self._backend.incr(name, by, initial, expiry)
        except (WrongTypeError, UnstorableError) as error:
            raise self._layers.located(error, key) from None

    def swap(self, key: str, old: V | Missing, new: V | Deletion, *, ttl: Ttl = KEEP) -> bool:
        """Replace *old* by *new* if it is what is there; says whether it did.

        *old* may be `MISSING`, *new* may be `DELETE`.
        """
        name = self._name(key)
        check_atomic(self._backend, "swap")
        expected = None if old is MISSING else self._layers.encode(key, old)
        data = self._layers.replacement(key, new)
        expiry = self._lifetimes.expiry(ttl)
        if expected is None and data is DELETE:
            there = self.has(key)
            return not there
        if expected is None:
            sealed = self._layers.replacing(name, None, data, expiry)
            return self._lookup.add(name, sealed, expiry)
        found = self._lookup.find(key, name, changing=True)
        if found is None or not self._layers.same(found.data, expected):
            return False
        sealed = self._layers.replacing(name, found, self._layers.carried(key, found, data), expiry)
        return self._lookup.replace(name, found, sealed, expiry)

    def update(
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
        check_atomic(self._backend, "update")
        expiry = self._lifetimes.expiry(ttl)
        with self._keys.hold(name, key) as hold:
            for attempt in range(MOST_ATTEMPTS):
                left, hold.left = hold.left, None
                raw = left[1] if left is not None and left[0] is self._backend else None
                found = self._lookup.find(key, name, raw, changing=True)
                value = self._layers.begin(key, found and found.data, default)
                result: V | R = self._runtime.call(change, value)
                new = self._layers.replacement(key, result)
                if self._layers.kept(found and found.data, new, expiry):
                    return result
                new = self._layers.carried(key, found, new)
                sealed = self._layers.replacing(name, found, new, expiry)
                hold.writing()
                if found is not None and known(DEBUG) is False:
                    done = self._backend._room.swap(name, found.raw, sealed, expiry)
                else:
                    done = self._lookup.replace(name, found, sealed, expiry)
                if done:
                    hold.left = None if sealed is DELETE else (self._backend, sealed)
                    return result
                self._runtime.pause(attempt)
        raise self._layers.busy(key)

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
        return Edit(self, key, default, ttl)

    def get_or_set(self, key: str, make: Callable[[], Answer[V]], *, ttl: Ttl = DEFAULT) -> V:
        """The value, or what *make* gives, which is stored for the next one who asks.

        Within a process *make* runs once, however many ask at the same time; between processes
        the first result stays.
        """
        callback(make)
        name = self._name(key)
        check_atomic(self._backend, "get_or_set")
        expiry = self._lifetimes.expiry(ttl)
        found = self._lookup.find(key, name)
        if found is not None:
            value: V = self._layers.decode(key, found.data)
            return value
        with self._keys.hold(name, key):
            first: V = self._lookup.first(key, name, make, expiry)
            return first

    def keys(self, prefix: str = "", *, unique: bool = False) -> Iterator[str]:
        """The keys that start with *prefix*, in no promised order, without those of namespaces.

        A key that moves meanwhile may come twice, unless *unique* (which remembers them all).
        """
        return self._walks.keys(self._name(prefix), check_walk(unique, "raise"))

    def values(
        self, prefix: str = "", *, unique: bool = False, on_corrupt: OnCorrupt = "raise"
    ) -> Iterator[V]:
        """The values of the keys that start with *prefix*; `"skip"` leaves out the unreadable."""
        seen = check_walk(unique, on_corrupt)
        return self._walks.values(self._name(prefix), seen, on_corrupt)

    def items(
        self, prefix: str = "", *, unique: bool = False, on_corrupt: OnCorrupt = "raise"
    ) -> Iterator[tuple[str, V]]:
        """Keys and values; see `keys` and `values`."""
        seen = check_walk(unique, on_corrupt)
        return self._walks.items(self._name(prefix), seen, on_corrupt)

    def clear(self, *, everything: bool = False) -> int:
        """Take all keys away, those of namespaces in here included, and say how many there were.

        A store that is no namespace, and not under a prefix that somebody chose for it, wants to
        hear *everything*.
        """
        if self._layers.is_whole and not everything:
            raise ValueError("this is a whole store: clear(everything=True) empties it")
        if self._layers.names.is_shared:
            return self._walks.clear()
        return self._backend.clear(self._layers.names.prefix)

    def namespace(self, name: str) -> Storage[V]:
        """A view of this store with keys of its own; closing it leaves this store open."""
        return self._view(self._layers.namespace(name))

    @overload
    def typed(self, kind: type[T]) -> Storage[T]: ...

    @overload
    def typed(self, kind: object) -> Storage[Any]: ...

    def typed(self, kind: Any) -> Storage[Any]:
        """A view of this store whose values are of the type *kind*, whoever wrote them."""
        return self._view(self._layers.typed(kind))

    @overload
    def __getitem__(self, key: KeyClass[K, T]) -> Entries[K, T]: ...

    @overload
    def __getitem__(self, key: Key[T]) -> Entry[T]: ...

    def __getitem__(self, key: Any) -> Any:
        """The entry that *key* names, or all that a class of keys names."""
        return chosen(self, key)

    def room(self, kind: Callable[..., Room]) -> Room:
        """What the backend offers besides values, such as a `LeaseStore`, for keys of this store.

        `UnsupportedError` where it does not.
        """
        check_offered(kind, self._layers.word, self._layers.label)
        return offered(self._backend, kind, self._layers.names)

    @property
    def capabilities(self) -> Capabilities:
        """What this store can promise."""
        return self._backend.capabilities

    def close(self) -> None:
        """Let go of what the store opened; twice is fine."""
        try:
            if self._owner:
                self._owner = False
                self._backend.close()
        finally:
            self._backend = closed(self._layers.label, self._backend.capabilities)
            self._stand_on(self._layers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        layers = getattr(self, "_layers", None)  # none where the constructor failed
        return f"<{type(self).__name__} {'not made' if layers is None else layers.label}>"

    def _view(self, layers: Layers, backend: Backend | None = None) -> Storage[Any]:
        """This store with other *layers*, over another *backend* if one is given; closing it
        leaves this store open."""
        view: Storage[Any] = Storage.__new__(Storage)
        view.__dict__.update(self.__dict__)
        view._owner = False
        if backend is not None:
            view._backend = Traced(backend)
        view._stand_on(layers)
        return view

    def _counted(self, key: str, name: str, by: int, initial: int, expiry: Expiry) -> int:
        """Count where the backend can not, because it would not know a number from a record."""
        with self._keys.hold(name, key) as hold:
            for attempt in range(MOST_ATTEMPTS):
                left, hold.left = hold.left, None
                raw = left[1] if left is not None and left[0] is self._backend else None
                found = self._lookup.find(key, name, raw, changing=True)
                total = self._layers.count(key, found and found.data, by, initial)
                data = self._layers.encode(key, total)
                sealed = self._layers.replacing(name, found, data, expiry)
                hold.writing()
                done = self._lookup.replace(name, found, sealed, expiry)
                if done:
                    hold.left = None if sealed is DELETE else (self._backend, sealed)
                    return total
                self._runtime.pause(attempt)
        raise self._layers.busy(key)
