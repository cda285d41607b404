"""Drives asyncio objects by plain calls, so that one suite proves both halves."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache, partial
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

_CLOSED = "the bridge is closed"


class _Job:
    """What one thread asks the other to do."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...] = ()) -> None:
        self.function = function
        self.args = args
        self.done: Future[Any] = Future()


class _Line:
    """One thread's line into the loop: all its calls run in one task, in their order.

    What keeps a task apart from others (who holds a key) so keeps threads apart. Functions that
    are handed over are called in the thread, which may then use the line again; that too runs in
    the same task.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._inward: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._outward: SimpleQueue[_Job] = SimpleQueue()
        asyncio.run_coroutine_threadsafe(self._serve(), loop)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call *function* in the task, and await what it answers if that wants it."""
        job = _Job(function, args)
        job.done.add_done_callback(lambda _: self._outward.put(job))
        self._send(job)
        while (asked := self._outward.get()) is not job:
            _settle(asked)
            self._send(asked)
        return job.done.result()

    async def call_back(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call *function* in the thread, from its task."""
        job = _Job(function, args)
        self._outward.put(job)
        while (asked := await self._inward.get()) is not job:
            assert asked is not None, _CLOSED
            await _settle_here(asked)
        return job.done.result()

    def end(self) -> None:
        self._send(None)

    def _send(self, job: _Job | None) -> None:
        self._loop.call_soon_threadsafe(self._inward.put_nowait, job)

    async def _serve(self) -> None:
        while (job := await self._inward.get()) is not None:
            await _settle_here(job)


def _settle(job: _Job) -> None:
    try:
        result = job.function(*job.args)
    except BaseException as error:  # noqa: BLE001 - it is raised in the other thread
        job.done.set_exception(error)
    else:
        job.done.set_result(result)


async def _settle_here(job: _Job) -> None:
    try:
        result = job.function(*job.args)
        if inspect.isawaitable(result):
            result = await result
    except BaseException as error:
        job.done.set_exception(error)
        if isinstance(error, asyncio.CancelledError):
            raise
    else:
        job.done.set_result(result)


class Bridge:
    """An event loop in a thread of its own, and the asyncio objects that it drives.

    Any number of threads may call at once: each has a task of its own in the loop. Close the
    bridge, or use it in a `with` block, after what it drives was closed.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._local = threading.local()
        self._lines: list[_Line] = []
        self._closing: list[asyncio.Future[None]] = []
        self._closed = False

    def driven(self, thing: Any) -> Any:
        """*thing* by plain calls; what is blocking already is returned as it is.

        Its coroutines answer directly, its async iterators are plain iterators and its async
        context managers plain `with` blocks; `aclose` is called `close`. What its methods give
        back is driven too.
        """
        kind: type = type(thing)
        return Driven(thing, self) if _is_async(kind) else thing

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call *function* in the loop, await its answer, and drive what it gives back."""
        if self._thread is threading.current_thread():
            raise RuntimeError("the bridge can not be used inside of its own loop")
        answer = self._line().call(function, *args)
        return self.walk(answer) if hasattr(type(answer), "__anext__") else self.driven(answer)

    def handed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """*function* as a driven object gets it: it will be called in the thread that is here."""
        line = self._line()

        async def back(*args: Any, **named: Any) -> Any:
            return await line.call_back(partial(function, *args, **named))

        return back

    def walk(self, source: AsyncIterator[Any]) -> Iterator[Any]:
        """The items of *source*, which is closed when the walk ends or is given up."""
        try:
            while True:
                try:
                    item = self._line().call(source.__anext__)
                except StopAsyncIteration:
                    return
                yield item
        finally:
            self._leave(source)

    def close(self) -> None:
        """End the loop and its thread; twice is fine."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        for line in self._lines:
            line.end()
        asyncio.run_coroutine_threadsafe(_wind_up(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _line(self) -> _Line:
        line: _Line | None = getattr(self._local, "line", None)
        with self._lock:
            if self._closed:
                raise RuntimeError(_CLOSED)
            if line is None:
                line = self._local.line = _Line(self._running())
                self._lines.append(line)
        return line

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="storage bridge", daemon=True
            )
            self._thread.start()
        return self._loop

    def _leave(self, source: AsyncIterator[Any]) -> None:
        aclose = getattr(source, "aclose", None)
        if aclose is None or self._closed:
            return
        if self._thread is threading.current_thread():  # the garbage collector runs anywhere
            self._closing.append(asyncio.ensure_future(aclose()))
        else:
            self._line().call(aclose)


class Driven:
    """An asyncio object by plain calls; see `Bridge.driven`."""

    def __init__(self, thing: Any, bridge: Bridge) -> None:
        self._thing = thing
        self._bridge = bridge

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, _renamed(self._thing, name))
        if not inspect.isroutine(found):
            return found
        bridge = self._bridge

        def call(*args: Any, **options: Any) -> Any:
            given = [bridge.handed(one) if _is_function(one) else one for one in args]
            return bridge.call(lambda: found(*given, **options))

        return call

    def __getitem__(self, key: object) -> Any:
        return self._bridge.driven(self._thing[key])

    def __enter__(self) -> Any:
        return self._bridge.call(self._thing.__aenter__)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        swallowed: bool | None = self._bridge.call(self._thing.__aexit__, kind, error, trace)
        return swallowed

    def __bool__(self) -> bool:
        return bool(self._thing)

    def __repr__(self) -> str:
        return repr(self._thing)


@contextmanager
def driven(thing: Any) -> Iterator[Any]:
    """*thing* by plain calls for the length of a `with` block, closed at its end."""
    with Bridge() as bridge:
        plain = bridge.driven(thing)
        try:
            yield plain
        finally:
            plain.close()


async def _wind_up() -> None:
    """Leave nothing behind in the loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.sleep(0)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


def _renamed(thing: object, name: str) -> str:
    return "aclose" if name == "close" and not hasattr(thing, name) else name


def _is_function(thing: object) -> bool:
    """Whether *thing* is a plain function, which a driven object may call back."""
    return inspect.isroutine(thing) and not inspect.iscoroutinefunction(thing)


@cache
def _is_async(kind: type) -> bool:
    """Whether objects of *kind* are used with `await`."""
    methods = [getattr(kind, name, None) for name in dir(kind)]
    return any(
        inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
        for method in methods
    )
