# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Entries by keys that carry their type: one of them, or all of a class of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, overload

from .core.layers import OnCorrupt, check_walk
from .ending import recorded
from .family import Key
from .keys import pairs, several
from .records import MISSING, Deletion, Missing
from .runtime import Answer
from .ttl import DEFAULT, KEEP, Ttl

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from .store import Storage

    K = TypeVar("K", bound=Key[Any], default=Any)
    V = TypeVar("V", default=Any)
    D = TypeVar("D")
    R = TypeVar("R", bound=Deletion)
else:
    from typing import TypeVar

    K = TypeVar("K", bound=Key)
    V = TypeVar("V")
    D = TypeVar("D")
    R = TypeVar("R", bound=Deletion)

_AT_ONCE = 500


class Entry(Generic[V]):
    """What one key names: `store[UserKey(42)]`. The methods are those of `Storage`."""

    def __init__(self, store: Storage[V], key: Key[V]) -> None:
        self._store = store
        self._name = str(key)
        self.key: Key[V] = key

    @overload
    def get(self) -> V | None: ...

    @overload
    def get(self, default: D) -> V | D: ...

    def get(self, default: Any = None) -> Any:
        """The value, or *default* where the entry is missing."""
        return self._store.get(self._name, default)

    def set(self, value: V, *, ttl: Ttl = DEFAULT) -> None:
        """Store *value*, whatever was there before."""
        self._store.set(self._name, value, ttl=ttl)

    def delete(self) -> bool:
        """Take the entry away and say whether it was there."""
        return self._store.delete(self._name)

    def has(self) -> bool:
        """Whether the entry is there."""
        return self._store.has(self._name)

    def touch(self, *, ttl: Ttl = DEFAULT) -> bool:
        """Start the lifetime anew and say whether the entry is there."""
        return self._store.touch(self._name, ttl=ttl)

    def expires_at(self) -> datetime | Missing | None:
        """When the entry ends: a moment, `None` for never, `MISSING` where there is none."""
        return self._store.expires_at(self._name)

    def add(self, value: V, *, ttl: Ttl = DEFAULT) -> bool:
        """Store *value* if the entry is missing; says whether it did."""
        return self._store.add(self._name, value, ttl=ttl)

    def incr(self: Entry[int], by: int = 1, *, initial: int = 0, ttl: Ttl = KEEP) -> int:
        """Add *by* to an integer, which begins as *initial*, and return the sum."""
        return self._store.incr(self._name, by, initial=initial, ttl=ttl)

    def swap(self, old: V | Missing, new: V | Deletion, *, ttl: Ttl = KEEP) -> bool:
        """Replace *old* by *new* if it is what is there; says whether it did."""
        return self._store.swap(self._name, old, new, ttl=ttl)

    def update(
        self,
        change: Callable[[V], Answer[V | R]],
        *,
        default: V | Callable[[], V] | Missing = MISSING,
        ttl: Ttl = KEEP,
    ) -> V | R:
        """Replace the value by what *change* makes of it, and return that; see `Storage.update`."""
        return self._store.update(self._name, change, default=default, ttl=ttl)

    def edit(
        self, *, default: V | Callable[[], V] | Missing = MISSING, ttl: Ttl = KEEP
    ) -> AbstractContextManager[V]:
        """A `with` block over a draft of the value; see `Storage.edit`."""
        return self._store.edit(self._name, default=default, ttl=ttl)

    def get_or_set(self, make: Callable[[], Answer[V]], *, ttl: Ttl = DEFAULT) -> V:
        """The value, or what *make* gives, which is stored; see `Storage.get_or_set`."""
        return self._store.get_or_set(self._name, make, ttl=ttl)

    def __repr__(self) -> str:
        return f"<Entry {self._name!r} of {self._store!r}>"


class Entries(Generic[K, V]):
    """All that a class of keys names: `store[UserKey]`.

    Other keys that begin in the same way are none of these.
    """

    def __init__(self, store: Storage[V], kind: type[K]) -> None:
        self._store = store
        self._kind = kind
        self._prefix = kind._family.pattern.prefix

    def keys(self, *, unique: bool = False) -> Iterator[K]:
        """The keys, in no promised order; see `Storage.keys`."""
        check_walk(unique, "raise")
        return self._keys_of(unique)

    def values(self, *, unique: bool = False, on_corrupt: OnCorrupt = "raise") -> Iterator[V]:
        """The values; see `Storage.values`."""
        return self._store.values(self._prefix, unique=unique, on_corrupt=on_corrupt)

    def items(
        self, *, unique: bool = False, on_corrupt: OnCorrupt = "raise"
    ) -> Iterator[tuple[K, V]]:
        """Keys and values; see `Storage.items`."""
        check_walk(unique, on_corrupt)
        return self._items_of(unique, on_corrupt)

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """The values of those *keys* that are there."""
        wanted = {self._text(key): key for key in several(keys, "get_many")}
        found = self._store.get_many(wanted)
        return {wanted[name]: value for name, value in found.items()}

    def set_many(self, values: Mapping[K, V], *, ttl: Ttl = DEFAULT) -> None:
        """Store all *values*; nothing is touched when one of them can not be stored."""
        named = {self._text(key): value for key, value in pairs(values, "set_many")}
        self._store.set_many(named, ttl=ttl)

    def delete_many(self, keys: Iterable[K]) -> int:
        """Take *keys* away and say how many of them were there."""
        return self._store.delete_many([self._text(key) for key in several(keys, "delete_many")])

    def clear(self) -> int:
        """Take away all that is there, some hundred at a time, and say how many there were."""
        count, names = 0, list[str]()
        for name in self._store.keys(self._prefix, unique=True):
            names.append(name)
            if len(names) == _AT_ONCE:
                gone = self._store.delete_many(names)
                count, names = count + gone, []
        rest = self._store.delete_many(names)
        return count + rest

    def __repr__(self) -> str:
        return f"<Entries {self._kind.__name__} of {self._store!r}>"

    def _keys_of(self, unique: bool) -> Iterator[K]:
        for name in self._store.keys(self._prefix, unique=unique):
            yield self._parsed(name)

    def _items_of(self, unique: bool, on_corrupt: OnCorrupt) -> Iterator[tuple[K, V]]:
        for name, value in self._store.items(self._prefix, unique=unique, on_corrupt=on_corrupt):
            yield self._parsed(name), value

    def _parsed(self, name: str) -> K:
        key = self._kind.parse(name)
        assert key is not None  # the layers of this view show no others
        return key

    def _text(self, key: K) -> str:
        if type(key) is not self._kind:
            wanted, got = self._kind.__name__, type(key).__name__
            raise TypeError(f"a key of these entries is a {wanted}, not {got}")
        return str(key)


def chosen(store: Storage[Any], key: Any) -> Any:
    """The entry of *store* that *key* names, or all that a class of keys names."""
    kind = key if isinstance(key, type) else type(key)
    view = store._chosen.get(kind)
    if view is None:
        if not issubclass(kind, Key) or kind is Key:
            raise TypeError(f"a store has entries by keys of a class of Key, not {_shown(key)}")
        view = store._chosen[kind] = _view(store, kind)
    return Entries(view, kind) if isinstance(key, type) else Entry(view, key)


def _view(store: Storage[Any], kind: type[Key[Any]]) -> Storage[Any]:
    family, names = kind._family, store._layers.names
    layers = store._layers.showing(family.pattern.parse)
    given = family.kind()
    layers = layers.spoken(layers.plain) if given is Any else layers.typed(given)
    envelope, under = family.envelope(layers.plain), None
    if envelope is not None:
        layers, under = recorded(store._backend, layers, envelope, layers.clock)
    view = store._view(layers.lasting(family.ttl), under)
    store._families.enter(family, names.prefix, layers.label)
    return view


def _shown(key: object) -> str:
    return f"the class {key.__name__}" if isinstance(key, type) else type(key).__name__
