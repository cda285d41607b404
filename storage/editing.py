# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""The `with` block over a draft."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .core.layers import MOST_ATTEMPTS, Found
from .errors import ConflictError, WrongTypeError, shown
from .keylock import Hold
from .offers import check_atomic
from .ttl import Ttl

if TYPE_CHECKING:
    from .store import Storage

V = TypeVar("V")


class Edit(Generic[V]):
    """One edit of one key: `with store.edit(key) as draft`."""

    def __init__(self, store: Storage[V], key: str, default: object, ttl: Ttl) -> None:
        self._layers = store._layers
        self._lookup = store._lookup
        self._keys = store._keys
        self._runtime = store._runtime
        self._key = key
        self._name = store._name(key)
        check_atomic(store._backend, "edit")
        self._default = default
        self._expiry = self._layers.lifetimes.expiry(ttl)
        self._keeps = self._expiry is self._layers.lifetimes.keeping
        self._found: Found | None = None
        self._base: bytes = b""
        self._draft: Any = None
        self._hold: Hold

    def __enter__(self) -> V:
        self._hold = self._keys.acquire(self._name, self._key)
        try:
            found = self._lookup.find(self._key, self._name, changing=True)
            self._begin(found)
        except BaseException:
            self._keys.release(self._hold)
            raise
        draft: V = self._draft
        return draft

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._save()
        finally:
            self._keys.release(self._hold)

    def _begin(self, found: Found | None) -> None:
        self._found = found
        self._draft = self._layers.begin(self._key, found and found.data, self._default)
        self._base = self._layers.encode(self._key, self._draft) if found is None else found.data
        if not self._layers.is_draft(self._draft):
            raise self._error(WrongTypeError, "edit works on a dict, a list or an object")

    def _save(self) -> None:
        ours = self._layers.encode(self._key, self._draft)
        is_same = self._layers.same(self._base, ours)
        if is_same and (self._found is None or self._keeps):
            return
        found, new = self._found, self._layers.carried(self._key, self._found, ours)
        for attempt in range(MOST_ATTEMPTS):
            sealed = self._layers.replacing(self._name, found, new, self._expiry)
            done = self._lookup.replace(self._name, found, sealed, self._expiry)
            if done:
                return
            self._runtime.pause(attempt)
            found = self._lookup.find(self._key, self._name, changing=True)
            new = self._merged(found, ours)
        raise self._layers.busy(self._key)

    def _merged(self, found: Found | None, ours: bytes) -> bytes:
        """Our changes on top of what somebody else wrote meanwhile."""
        if found is None:
            raise self._error(ConflictError, "somebody else removed it meanwhile")
        result, clashes = self._layers.merged(self._key, self._base, ours, found.data)
        if clashes:
            members = ", ".join(map(shown, clashes))
            raise self._error(ConflictError, f"somebody else changed {members} too")
        return result

    def _error(self, kind: Any, message: str) -> Exception:
        error: Exception = kind(message, store=self._layers.label, key=self._key)
        return error
