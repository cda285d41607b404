# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""What stands under a key, whichever code wrote it, and something else in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .core.layers import MOST_ATTEMPTS, Found, Layers
from .errors import StorageError
from .records import DELETE, MISSING, Deletion
from .runtime import Answer, Runtime
from .tracing import log
from .ttl import Expiry

if TYPE_CHECKING:
    from .tracing import Traced


class Lookup:
    """The entries of *backend*, as *layers* read them."""

    def __init__(self, backend: Traced, layers: Layers) -> None:
        self._backend = backend
        self._layers = layers
        self._runtime = Runtime()

    def find(
        self, key: str, name: str, raw: bytes | None = None, *, changing: bool = False
    ) -> Found | None:
        """What is there, if it is not *raw* already; a record that says it is over goes away.

        Who is *changing* it wants no copy of it.
        """
        if raw is None and changing:
            raw = self._backend.read_fresh(name)
        elif raw is None:
            raw = self._backend.read(name)
        if raw is None or self._layers.opener is None:
            return None if raw is None else Found(raw, raw, False)
        found = self._layers.find(key, name, raw, changing=changing)
        if found is None:
            self.free(name, raw)
        return found

    def there(self, name: str) -> bool:
        """Whether something is there, whoever can read it."""
        raw = self._backend.read(name)
        if raw is None or not self._layers.is_over(name, raw):
            return raw is not None
        self.free(name, raw)
        return False

    def many(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        """The values that are there, of keys and their names."""
        found = self._backend.read_many(list(wanted.values()))
        values = {}
        for (key, name), raw in zip(wanted.items(), found):
            if raw is None:
                continue
            value = self._layers.value(key, name, raw)
            if value is MISSING:
                self.free(name, raw)
            else:
                values[key] = value
        return values

    def value(self, key: str, name: str, raw: bytes, default: Any) -> Any:
        """The value in *raw*, which is not what we write now; an older record is written anew."""
        found = self.find(key, name, raw)
        if found is None:
            return default
        value = self._layers.decode(key, found.data)
        if found.is_stale:
            self._renew(name, found)
        return value

    def free(self, name: str, raw: bytes) -> None:
        """Take away what is over; where that can not be done it is over all the same."""
        if self._backend.capabilities.atomic is None:
            return
        try:
            self._backend.swap(name, raw, DELETE, None)
        except StorageError:
            pass

    def add(self, name: str, raw: bytes | Deletion, expiry: Expiry) -> bool:
        """Put *raw* there, if nothing is; a record that says it is over is nothing."""
        assert raw is not DELETE
        added = self._backend.add(name, raw, expiry)
        if added or not self._layers.ends_inside:
            return added
        there = self.there(name)
        return False if there else self._backend.add(name, raw, expiry)

    def first(self, key: str, name: str, make: Callable[[], Answer[Any]], expiry: Expiry) -> Any:
        """The value that is there, or what *make* gives, if nobody is faster."""
        made: bytes | None = None
        value: Any = None
        for _ in range(MOST_ATTEMPTS):
            found = self.find(key, name)
            if found is not None:
                return self._layers.decode(key, found.data)
            if made is None:
                value = self._runtime.call(make)
                made = self._layers.sealed(key, name, value)
            added = self._backend.add(name, made, expiry)
            if added:
                return value
        raise self._layers.busy(key)

    def replace(
        self, name: str, found: Found | None, new: bytes | Deletion, expiry: Expiry
    ) -> bool:
        """Put *new* in the place of what was *found*, if that is what is there."""
        if found is None:
            if new is DELETE:
                return True
            return self._backend.add(name, new, expiry)
        return self._backend.swap(name, found.raw, new, expiry)

    def _renew(self, name: str, found: Found) -> None:
        """Write an older record as it is now, if nobody else has changed it; where that can not be
        known it is left as it is."""
        if self._backend.capabilities.atomic is None:
            return
        keeping = self._layers.lifetimes.keeping
        raw = self._layers.replacing(name, found, found.data, keeping)
        try:
            self._backend.swap(name, found.raw, raw, keeping)
        except StorageError as error:
            log.warning("an older record stays as it is: %s", error)
