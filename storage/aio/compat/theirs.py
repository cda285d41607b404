# Written by tools/mirror.py from storage/compat/theirs.py: change that file and run the tool.
"""A store of VibeGram's rate limits that somebody has written."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Final

from ...codecs import JSON, UnreadableError
from ...core.foreign import foreign
from ...core.originals import VIBEGRAM, Stroke
from ...errors import CorruptValueError, StorageError
from ..keylock import KeyLock
from ..runtime import Runtime, callback, wall_clock

_LOSES_HITS: Final = (
    "{} has no increment(key, window, now): hits of two processes at once can be counted as one, "
    "so that more pass than should"
)


class Theirs:
    """What *thing*, which has `get`, `set(key, record, ttl)` and `delete`, keeps of VibeGram's
    records; its `increment`, if it has one, counts a hit.

    Without that the hits of this process are counted one after the other.
    """

    def __init__(self, thing: Any) -> None:
        methods = foreign(thing)
        increment = getattr(thing, "increment", None)
        self._increment = increment if callable(increment) else None
        for method in (*methods.callables(), increment):
            if callable(method):
                callback(method)
        if self._increment is None:
            warnings.warn(_LOSES_HITS.format(methods.kind), stacklevel=4)
        self.label: str = f"adapted {methods.kind}"
        self._methods = methods
        self._keys = KeyLock(self.label, patient=True)
        self._runtime = Runtime()

    async def hit(self, key: str, limit: int, window: int, now: int | None = None) -> Stroke:
        """Count a hit of *key*, *limit* of which pass in *window* milliseconds."""
        moment = int(wall_clock() * 1000) if now is None else now
        if self._increment is not None:
            record = await self._call(self._increment, key, window / 1000, moment / 1000)
            count, ends = self._numbers(key, record)
            return VIBEGRAM.stroke(count <= limit, count, ends, moment)
        async with self._keys.hold(key):
            record = await self._call(self._methods.get, key)
            stroke = self._decided(key, record, limit, window, moment)
            assert stroke.new is not None
            await self._call(self._methods.set, key, JSON.decode(stroke.new), stroke.ttl / 1000)
        return stroke

    def _decided(self, key: str, record: Any, limit: int, window: int, now: int) -> Stroke:
        data = None
        if record is not None:
            self._numbers(key, record)
            data = JSON.encode(dict(record))
        return VIBEGRAM.hit(data, limit, window, now)

    def _numbers(self, key: str, record: Any) -> tuple[float, float]:
        try:
            return VIBEGRAM.check(record)
        except UnreadableError as error:
            raise CorruptValueError(str(error), store=self.label, key=key) from None

    async def _call(self, method: Callable[..., Any], key: str, *values: object) -> Any:
        try:
            return await self._runtime.call(method, key, *values)
        except StorageError:
            raise
        except Exception as error:
            message = f"the store raised {type(error).__name__}"
            raise StorageError(message, store=self.label, key=key) from error
