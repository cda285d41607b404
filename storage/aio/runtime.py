"""Waiting, sleeping and calling back, for tasks. The twin of `storage.runtime`."""

from __future__ import annotations

import asyncio
import math
import weakref
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from contextvars import Context
from typing import Any, TypeAlias, TypeVar

from ..runtime import after_fork, backoff, check_callable, monotonic, timed, wall_clock

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

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        await asyncio.sleep(seconds)

    async def finish(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Call *function* and await it to its end, however often the task is cancelled."""
        task = asyncio.ensure_future(function(*args))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            while not task.done():
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError:
                    pass
            if not task.cancelled():
                task.exception()
            raise


def runner() -> object:
    """The task that runs here."""
    return asyncio.current_task()


class Bell:
    """Rung once by anybody, in any thread, for one task that waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung: asyncio.Future[None] = self._loop.create_future()

    def ring(self) -> None:
        """Let the one go on who waits."""
        try:
            self._loop.call_soon_threadsafe(_open, self._rung)
        except RuntimeError:  # the loop is closed, and nobody waits in there
            pass

    async def wait(self, seconds: float) -> None:
        """Wait until it rings, *seconds* at the most."""
        alarm = self._loop.call_later(seconds, _open, self._rung)
        try:
            await self._rung
        finally:
            alarm.cancel()


def _open(gate: asyncio.Future[None]) -> None:
    if not gate.done():
        gate.set_result(None)


class Chores:
    """Calls *owner*`._tend()` from a task, which is there while there is something to do.

    `_tend` answers in how many seconds it is to be called again, or `None` where nothing is left
    to do. The task does not keep *owner* alive. Each event loop has a task of its own: a loop
    that ends takes nothing from the others.
    """

    def __init__(self, owner: Any) -> None:
        self._tasks: dict[asyncio.AbstractEventLoop, _Chore] = {}
        tasks = self._tasks
        self._owner = weakref.ref(owner, lambda _: _wake(tasks))
        after_fork(self, Chores._forget)

    def begin(self) -> None:
        """There is something more to do."""
        loop = asyncio.get_running_loop()
        chore = self._tasks.get(loop)
        if chore is None or chore.task.done():
            chore = self._tasks[loop] = _Chore(self, loop)
        chore.bell.set()

    def end(self, _: object = None) -> None:
        """There is less to do, and maybe nothing."""
        _wake(self._tasks)

    async def _run(self, loop: asyncio.AbstractEventLoop, bell: asyncio.Event) -> None:
        try:
            while True:
                bell.clear()
                seconds = await self._tended()
                if seconds is None and not bell.is_set():
                    return
                await _rung(bell, seconds)
        finally:
            self._tasks.pop(loop, None)

    async def _tended(self) -> float | None:
        owner = self._owner()
        return None if owner is None else await owner._tend()

    def _forget(self) -> None:
        """The tasks do not come along into a forked process."""
        self._tasks.clear()


class _Chore:
    """The task of one event loop, and what wakes it."""

    def __init__(self, chores: Chores, loop: asyncio.AbstractEventLoop) -> None:
        self.bell = asyncio.Event()
        self.task = loop.create_task(chores._run(loop, self.bell), name="storage")


def _wake(tasks: dict[asyncio.AbstractEventLoop, _Chore]) -> None:
    for loop, chore in list(tasks.items()):
        try:
            loop.call_soon_threadsafe(chore.bell.set)
        except RuntimeError:  # the loop is closed, and its task is no more
            tasks.pop(loop, None)


async def _rung(bell: asyncio.Event, seconds: float | None) -> None:
    """Wait for the bell, *seconds* at the most."""
    loop = asyncio.get_running_loop()
    alarm = None if seconds is None else loop.call_later(seconds, bell.set)
    try:
        await bell.wait()
    finally:
        if alarm is not None:
            alarm.cancel()


def callback(function: T) -> T:
    """*function* as it was handed over: here it may be of either colour."""
    check_callable(function)
    return function


__all__ = [
    "Answer",
    "Bell",
    "Chores",
    "Runtime",
    "after_fork",
    "callback",
    "monotonic",
    "runner",
    "timed",
    "wall_clock",
]
