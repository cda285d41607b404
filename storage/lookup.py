# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""What stands under a key, whichever code wrote it, and something else in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .core.layers import MOST_ATTEMPTS, Found, Layers
from .errors import StorageError
from .records import DELETE, Deletion
from .runtime import Answer, Runtime
from .tracing import log
from .ttl import Expiry

if TYPE_CHECKING:
    from .protocols import Backend


class Lookup:
    """The entries of *backend*, as *layers* read them."""

    def __init__(self, backend: Backend, layers: Layers) -> None:
        self._backend = backend
        self._layers = layers
        self._runtime = Runtime()

    def find(
        self, key: str, name: str, raw: bytes | None = None, *, changing: bool = False
    ) -> Found | None:
        """What is there, if it is not *raw* already; a record that says it is over goes away."""
        if raw is None:
            raw = self._backend.read(name)
        if raw is None or self._layers.opener is None:
            return None if raw is None else Found(raw, raw, False)
        found = self._layers.find(key, name, raw, changing=changing)
        if found is None:
            self._backend.swap(name, raw, DELETE, self._layers.keeping)
        return found

    def value(self, key: str, name: str, raw: bytes, default: Any) -> Any:
        """The value in *raw*, which is not what we write now; an older record is written anew."""
        found = self.find(key, name, raw)
        if found is None:
            return default
        value = self._layers.decode(key, found.data)
        if found.is_stale:
            self._renew(name, found)
        return value

    def add(self, key: str, name: str, raw: bytes | Deletion, expiry: Expiry) -> bool:
        """Put *raw* there, if nothing is; a record that says it is over is nothing."""
        assert raw is not DELETE
        added = self._backend.add(name, raw, expiry)
        if added or not self._layers.ends_inside:
            return added
        found = self.find(key, name)
        return False if found is not None else self._backend.add(name, raw, expiry)

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
        """Write an older record as it is now, if nobody else has changed it."""
        raw = self._layers.seal(name, found.data)
        try:
            self._backend.swap(name, found.raw, raw, self._layers.keeping)
        except StorageError as error:
            log.warning("an older record stays as it is: %s", error)
