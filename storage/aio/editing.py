# Written by tools/mirror.py from storage/editing.py: change that file and run the tool.
"""The `with` block over a draft."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..core.changes import merged
from ..errors import ConflictError, WrongTypeError, shown
from .keylock import Hold
from ..ttl import Expiry
from ..values import same

if TYPE_CHECKING:
    from .store import Storage

V = TypeVar("V")

MOST_ATTEMPTS = 200


class Edit(Generic[V]):
    """One edit of one key: `with store.edit(key) as draft`."""

    def __init__(self, store: Storage[V], key: str, default: object, expiry: Expiry) -> None:
        self._store = store
        self._layers = store._layers
        self._backend = store._backend
        self._keys = store._keys
        self._runtime = store._runtime
        self._key = key
        self._name = store._name(key)
        self._default = default
        self._expiry = expiry
        self._raw: bytes | None = None
        self._base: bytes = b""
        self._draft: Any = None
        self._hold: Hold

    async def __aenter__(self) -> V:
        self._hold = await self._keys.acquire(self._name)
        try:
            raw = await self._backend.read(self._name)
            self._begin(raw)
        except BaseException:
            await self._keys.release(self._hold)
            raise
        draft: V = self._draft
        return draft

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                await self._save()
        finally:
            await self._keys.release(self._hold)

    def _begin(self, raw: bytes | None) -> None:
        self._raw = raw
        self._draft = self._layers.begin(self._key, raw, self._default)
        self._base = self._layers.encode(self._key, self._draft) if raw is None else raw
        if type(self._draft) not in (dict, list):
            raise self._error(WrongTypeError, "edit works on a dict or a list")

    async def _save(self) -> None:
        ours = self._layers.encode(self._key, self._draft)
        is_same = self._layers.same(self._base, ours)
        if is_same and (self._raw is None or self._expiry is self._layers.keeping):
            return
        raw, new = self._raw, ours
        for attempt in range(MOST_ATTEMPTS):
            done = await self._store._replaced(self._name, raw, new, self._expiry)
            if done:
                return
            await self._runtime.pause(attempt)
            raw = await self._backend.read(self._name)
            new = self._merged(raw, ours)
        raise self._error(ConflictError, f"gave up after {MOST_ATTEMPTS} conflicting changes")

    def _merged(self, raw: bytes | None, ours: bytes) -> bytes:
        """Our changes on top of *raw*, which somebody else wrote meanwhile."""
        if raw is None:
            raise self._error(ConflictError, "somebody else removed it meanwhile")
        decode = self._layers.decode
        base, mine, theirs = (decode(self._key, text) for text in (self._base, ours, raw))
        result, clashes = merged(base, mine, theirs, same)
        if clashes:
            members = ", ".join(map(shown, clashes))
            raise self._error(ConflictError, f"somebody else changed {members} too")
        return self._layers.encode(self._key, result)

    def _error(self, kind: Any, message: str) -> Exception:
        error: Exception = kind(message, store=self._layers.label, key=self._key)
        return error
