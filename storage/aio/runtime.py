"""Waiting, sleeping and calling back, for tasks. The twin of `storage.runtime`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from ..runtime import backoff, check_callable, timed, wall_clock

T = TypeVar("T")

_VALUES = frozenset({dict, list, str, int, float, bool, type(None)})
"""What nobody awaits, known sooner than by looking for a method that is not there."""

Answer: TypeAlias = T | Awaitable[T]
"""What a user's callback answers: at once, or to be awaited."""


class Runtime:
    """What a shell does besides I/O: call a user's function of either colour, and wait a little."""

    async def call(self, function: Callable[..., Answer[T]], *args: object) -> T:
        """Call a user's *function*, and await its answer if it wants that."""
        answer: Any = function(*args)
        kind = type(answer)
        if kind not in _VALUES and hasattr(kind, "__await__"):
            answer = await answer
        result: T = answer
        return result

    async def collect(self, function: Callable[[], Any]) -> list[Any]:
        """All that the iterable of either colour holds which a user's *function* gives."""
        found: Iterable[Any] | AsyncIterable[Any] = await self.call(function)
        if isinstance(found, AsyncIterable):
            return [item async for item in found]
        return list(found)

    async def pause(self, attempt: int) -> None:
        """Wait before trying again: short, random, longer from attempt to attempt."""
        await asyncio.sleep(backoff(attempt))


def callback(function: T) -> T:
    """*function* as it was handed over: here it may be of either colour."""
    check_callable(function)
    return function


__all__ = ["Answer", "Runtime", "callback", "timed", "wall_clock"]
