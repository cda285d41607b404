"""Waiting, sleeping and calling back, for tasks. The twin of `storage.runtime`."""

from __future__ import annotations

import asyncio
import math
import os
import weakref
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from concurrent.futures import Future
from contextvars import Context, copy_context
from functools import wraps
from threading import Thread
from typing import Annotated, Any, TypeAlias, TypeVar

from ..runtime import (
    Lock,
    Overdue,
    after_fork,
    backoff,
    check_callable,
    is_async,
    monotonic,
    mutex,
    timed,
    wall_clock,
)

T = TypeVar("T")

_VALUES = frozenset({dict, list, str, int, float, bool, type(None)})
"""What nobody awaits, known sooner than by looking for a method that is not there."""

_CANCELLED = "it was cancelled"

Answer: TypeAlias = T | Awaitable[T]
"""What a user's callback answers: at once, or to be awaited."""

Awaited = Annotated[T, "awaited here"]
"""What becomes of an answer that wants to be awaited."""


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

    async def notify(self, function: Callable[..., object], *args: object) -> None:
        """Call a user's *function*, and await its answer if it wants that; that it was cancelled
        itself is a `RuntimeError`."""
        try:
            answer = function(*args)
        except asyncio.CancelledError as error:
            raise RuntimeError(_CANCELLED) from error
        kind = type(answer)
        if kind not in _VALUES and hasattr(kind, "__await__"):
            awaited: Any = answer
            await _apart(awaited)

    async def collect(self, function: Callable[[], Any]) -> list[Any]:
        """All that the iterable of either colour holds which a user's *function* gives."""
        found: Iterable[Any] | AsyncIterable[Any] = await self.call(function)
        if isinstance(found, AsyncIterable):
            return [item async for item in found]
        return list(found)

    async def within(self, seconds: float, function: Callable[..., Answer[T]], *args: object) -> T:
        """What a user's *function* answers, a plain one in a thread of its own; `Overdue` where
        that takes longer than *seconds*, and nobody waits for it any more."""
        return await _apart(self._answer(function, *args), seconds)

    async def _answer(self, function: Callable[..., Answer[T]], *args: object) -> T:
        if is_async(function):
            return await self.call(function, *args)
        answer = await asyncio.wrap_future(_aside(function, args))
        return await self.call(lambda: answer)

    async def aside(self, function: Callable[..., T], *args: object) -> T:
        """What a blocking *function* answers in a thread, to its end, however often one is
        cancelled."""
        return await self.finish_once(lambda: asyncio.to_thread(function, *args))

    async def pause(self, attempt: int) -> None:
        """Wait before trying again: short, random, longer from attempt to attempt."""
        await asyncio.sleep(backoff(attempt))

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        await asyncio.sleep(seconds)

    async def hear(self, bell: Bell, seconds: float) -> None:
        """Wait until *bell* rings, *seconds* at the most."""
        await bell.wait(seconds)

    async def finish(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Await *function*, which may run twice, to its end, however often one is cancelled, but
        in a process that was forked meanwhile: it is the parent's."""
        pid = os.getpid()
        try:
            return await function(*args)
        except asyncio.CancelledError:
            if pid == os.getpid():
                again, _ = await _done(function(*args))
                if not again.cancelled():
                    again.exception()
            raise

    async def finish_once(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Await *function*, which must not run twice, to its end, however often one is
        cancelled."""
        once, struck = await _done(function(*args))
        if struck is None:
            return once.result()
        if not once.cancelled():
            once.exception()
        raise struck

    async def entire(
        self, function: Callable[..., Awaitable[T]], *args: object
    ) -> tuple[T, BaseException | None]:
        """What *function* answers, awaited to its end, and the cancellation that struck it."""
        once, struck = await _done(function(*args))
        if struck is not None and (once.cancelled() or once.exception() is not None):
            raise struck
        return once.result(), struck


async def _apart(awaitable: Awaitable[T], seconds: float | None = None) -> T:
    """What a task of its own answers, which ends with the one that waits for it; that it was
    cancelled itself is a `RuntimeError`, and `Overdue` that it takes longer than *seconds*."""
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait([task], timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        _look_at(task)
        raise
    if not task.done():
        task.cancel()
        task.add_done_callback(_look_at)
        raise Overdue(seconds or 0)
    if task.cancelled():
        raise RuntimeError(_CANCELLED)
    return task.result()


def _look_at(task: asyncio.Future[Any]) -> None:
    """Nobody wants to know how it ended."""
    if not task.cancelled():
        task.exception()


def _aside(function: Callable[..., Any], args: tuple[object, ...]) -> Future[Any]:
    """What *function* will have answered, in a thread that nobody waits for at the end."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(function(*args))
        except StopIteration as error:  # which no future can raise
            failure = RuntimeError("it raised StopIteration")
            failure.__cause__ = error
            future.set_exception(failure)
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            future.set_exception(error)

    Thread(target=copy_context().run, args=(run,), name="storage", daemon=True).start()
    return future


async def _done(awaitable: Awaitable[T]) -> tuple[asyncio.Future[T], BaseException | None]:
    """*awaitable* when it is done, however often one is cancelled, and the last cancellation."""
    once = asyncio.ensure_future(awaitable)
    struck: asyncio.CancelledError | None = None
    while not once.done():
        try:
            await asyncio.wait([once])
        except asyncio.CancelledError as error:
            struck = error
    return once, struck


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
    """Calls *owner*`._tend()` from a task, whenever something is due.

    `_tend` answers in how many seconds it is to be called again, or `None` where nothing is left
    to do. Between two calls there is a timer and no task; nobody stops it to say that something
    is over. It does not keep *owner* alive. Each event loop has a timer of its own: a loop that
    ends takes nothing from the others.
    """

    def __init__(self, owner: Any) -> None:
        self._plans: dict[asyncio.AbstractEventLoop, _Plan] = {}
        plans = self._plans
        self._owner = weakref.ref(owner, lambda _: _call_off(plans))
        after_fork(self, Chores._forget)

    def begin(self, due: float) -> None:
        """There is something more to do, which is due then by `monotonic`."""
        loop = asyncio.get_running_loop()
        plan = self._plans.get(loop)
        if plan is not None and plan.due <= due:
            return
        self._plan(loop, due)
        if plan is None:
            self._drop_closed()
        else:
            plan.alarm.cancel()

    def _plan(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        """Have a look then; nothing of who asks for it, such as context variables, is kept."""
        plan = _Plan(due)
        seconds = max(0.0, due - monotonic())
        plan.alarm = loop.call_later(seconds, self._go, loop, plan, context=Context())
        self._plans[loop] = plan

    def _go(self, loop: asyncio.AbstractEventLoop, plan: _Plan) -> None:
        if self._plans.get(loop) is plan:
            plan.due = -math.inf  # what is begun from here on is seen at the end of the task
            plan.task = loop.create_task(self._run(loop), name="storage")

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        seconds = None
        try:
            seconds = await self._tended()
        finally:
            if seconds is None:
                self._plans.pop(loop, None)
            else:
                self._plan(loop, monotonic() + seconds)

    async def _tended(self) -> float | None:
        owner = self._owner()
        return None if owner is None else await owner._tend()

    def _drop_closed(self) -> None:
        for loop in list(self._plans):
            if loop.is_closed():
                self._plans.pop(loop, None)

    def _forget(self) -> None:
        """Timers and tasks do not come along into a forked process."""
        self._plans.clear()


class Periodic:
    """Calls *task* on *owner* every *seconds* from a task of the loop that runs when it is made, or
    else of that in which it is nudged first, until stopped.

    It does not keep *owner* alive, and ends with it.
    """

    def __init__(
        self, owner: object, task: Callable[[Any], Awaitable[object]], seconds: float
    ) -> None:
        self._owner = weakref.ref(owner)
        self._work = task
        self._seconds = seconds
        self._stopped = False
        self._task: asyncio.Task[None] | None = None
        try:
            self._begin(asyncio.get_running_loop())
        except RuntimeError:  # it is made before a loop runs
            pass

    async def nudge(self) -> None:
        """Go on in the loop that runs, if the one is gone in which it did so far."""
        task = self._task
        if self._stopped or (task is not None and not task.done() and not _is_dead(task)):
            return
        self._begin(asyncio.get_running_loop())

    async def stop(self) -> None:
        """End the task, and wait for it where it is one of this loop."""
        self._stopped, task = True, self._task
        self._task = None
        if task is None or task is asyncio.current_task() or _is_dead(task):
            return
        loop = task.get_loop()
        if loop is not asyncio.get_running_loop():
            loop.call_soon_threadsafe(task.cancel)
            return
        task.cancel()
        await asyncio.wait([task])

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        repeating = _repeat(self._owner, self._work, self._seconds)
        self._task = loop.create_task(repeating, name="storage")


def _is_dead(task: asyncio.Task[None]) -> bool:
    return task.get_loop().is_closed()


async def _repeat(
    owner: weakref.ref[object], task: Callable[[Any], Awaitable[object]], seconds: float
) -> None:
    while True:
        await asyncio.sleep(seconds)
        alive = owner()
        if alive is None:
            return
        await task(alive)
        del alive


class _Plan:
    """When an event loop has a look at what is due: a timer, and after it a task."""

    alarm: asyncio.TimerHandle
    task: asyncio.Task[None]

    def __init__(self, due: float) -> None:
        self.due = due


def _call_off(plans: dict[asyncio.AbstractEventLoop, _Plan]) -> None:
    for loop, plan in list(plans.items()):
        try:
            loop.call_soon_threadsafe(plan.alarm.cancel)
        except RuntimeError:  # the loop is closed, and its timers are no more
            pass


def callback(function: T, name: str = "") -> T:
    """*function* as it was handed over, which errors call by its *name*: here it may be of either
    colour."""
    check_callable(function, name)
    return function


def wrapped(function: Any, doing: Any) -> Any:
    """What is called as *function* is, and has *doing* run it."""

    @wraps(function)
    async def wrapper(*args: Any, **named: Any) -> Any:
        return await doing.run(args, named)

    return wrapper


__all__ = [
    "Answer",
    "Bell",
    "Chores",
    "Lock",
    "Overdue",
    "Runtime",
    "after_fork",
    "callback",
    "monotonic",
    "mutex",
    "runner",
    "timed",
    "wall_clock",
    "wrapped",
]
