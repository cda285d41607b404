"""Waiting, locking, sleeping and calling back, for threads. `storage.aio.runtime` is its twin."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from contextvars import copy_context
from functools import wraps
from queue import Empty, SimpleQueue
from types import FunctionType, MethodType
from typing import Annotated, Any, TypeVar

from . import forks
from .errors import shown

T = TypeVar("T")

_COROUTINE = 0x80  # inspect.CO_COROUTINE

_log = logging.getLogger("storage")

Lock = threading.Lock

reentrant: Callable[[], AbstractContextManager[object]] = threading.RLock
"""A lock that a signal handler may need while the thread which it strikes has it."""

after_fork: Callable[[object, Callable[[Any], object]], None] = forks.after_fork

monotonic: Callable[[], float] = time.monotonic

wall_clock: Callable[[], float] = time.time
"""What a store takes for its clock unless it is told another."""

wall_ns: Callable[[], int] = time.time_ns
"""The same in nanoseconds."""

Answer = Annotated[T, "given at once"]
"""What a user's callback answers; in the asyncio half it may also be awaited."""

Awaited = Awaitable[T]
"""What becomes of an answer that wants to be awaited; in the asyncio half, what it comes to."""


class Overdue(TimeoutError):
    """A user's function did not answer in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"there was no answer within {seconds:g} seconds")


class Runtime:
    """What a shell does besides I/O: call a user's function, and wait a little."""

    def call(self, function: Callable[..., Answer[T]], *args: object) -> T:
        """Call a user's *function*."""
        return function(*args)

    def notify(self, function: Callable[..., object], *args: object) -> None:
        """Call a user's *function*, whose answer nobody wants."""
        function(*args)

    def collect(self, function: Callable[[], Any]) -> list[Any]:
        """All that the iterable holds which a user's *function* gives."""
        return list(function())

    def within(self, seconds: float, function: Callable[..., Answer[T]], *args: object) -> T:
        """What a user's *function* answers; `Overdue` where that takes longer than *seconds*, and
        nobody waits for it any more."""
        outcome: list[tuple[bool, Any]] = []
        over = threading.Event()

        def run() -> None:
            try:
                outcome.append((True, function(*args)))
            except BaseException as error:  # noqa: BLE001 - raised where it was asked for
                outcome.append((False, error))
            finally:
                over.set()

        threading.Thread(
            target=copy_context().run, args=(run,), name="storage", daemon=True
        ).start()
        if not over.wait(min(seconds, threading.TIMEOUT_MAX)):
            raise Overdue(seconds)
        done, found = outcome.pop()
        if not done:
            raise found
        answer: T = found
        return answer

    def aside(self, function: Callable[..., T], *args: object) -> T:
        """What *function* answers, which waits for a file."""
        return function(*args)

    def pause(self, attempt: int) -> None:
        """Wait before trying again: short, random, longer from attempt to attempt."""
        time.sleep(backoff(attempt))

    def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        time.sleep(seconds)

    def hear(self, bell: Bell, seconds: float) -> None:
        """Wait until *bell* rings, *seconds* at the most."""
        bell.wait(seconds)

    def finish(self, function: Callable[..., T], *args: object) -> T:
        """Call *function*, which may run twice, to its end, wherever an interrupt strikes.

        One that strikes in a process that was forked meanwhile ends it there: it is the parent's.
        """
        pid = os.getpid()
        try:
            return function(*args)
        except Exception:
            raise
        except BaseException:
            if pid == os.getpid():
                with suppress(Exception):
                    function(*args)
            raise

    def finish_once(self, function: Callable[..., T], *args: object) -> T:
        """Call *function*, which must not run twice: what strikes in the middle of it ends it."""
        return function(*args)

    def entire(self, function: Callable[..., T], *args: object) -> tuple[T, BaseException | None]:
        """What *function* answers, and what struck meanwhile: here it would have ended it."""
        return function(*args), None


def backoff(attempt: int) -> float:
    """Seconds to wait after *attempt* conflicts: up to 0.2 ms first, 50 ms at the most."""
    import random  # dear, and seldom needed

    longest: float = min(0.0002 * 2 ** min(attempt, 10), 0.05)
    return random.random() * longest


def callback(function: T, name: str = "") -> T:
    """*function* as it was handed over, which errors call by its *name*; a coroutine function could
    never be called from here."""
    check_callable(function, name)
    if is_async(function):
        raise TypeError("this is the blocking half: it can not call a coroutine function")
    return function


def wrapped(function: Any, doing: Any) -> Any:
    """What is called as *function* is, and has *doing* run it."""

    @wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        return doing.run(args, named)

    return wrapper


def check_callable(function: object, name: str = "") -> None:
    """Refuse what can not be called; errors call it by its *name*, if it has one."""
    if not callable(function):
        wanted = f"{name} must be a function" if name else "a function is wanted here"
        raise TypeError(f"{wanted}, not {type(function).__name__}")


def is_async(function: object) -> bool:
    """Whether calling *function* gives something to await."""
    if type(function) is FunctionType:
        return bool(function.__code__.co_flags & _COROUTINE)
    import inspect  # dear, and seldom needed

    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method, not whether there is one
    )


def wants_argument(function: object) -> bool:
    """Whether *function* can not be called without an argument."""
    if isinstance(function, type):
        return False
    bound = isinstance(function, MethodType)
    inner = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(inner, FunctionType):
        return _wants(function)
    required = inner.__code__.co_argcount - len(inner.__defaults__ or ())
    return required > bound


def _wants(function: object) -> bool:
    """The same of what is no plain function: an object, or one that came out of another."""
    import inspect  # dear, and seldom needed

    check_callable(function)
    try:
        parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(one.kind in positional and one.default is one.empty for one in parameters)


def mutex() -> Lock:
    """A lock for a few lines that never wait."""
    return threading.Lock()


def runner() -> object:
    """The thread that runs here."""
    return threading.current_thread()


def is_struck() -> bool:
    """Whether signals strike the thread that runs here."""
    return threading.current_thread() is threading.main_thread()


class Bell:
    """Rung once by anybody, for one who waits; also by a signal handler that strikes either."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()

    def ring(self) -> None:
        """Let the one go on who waits."""
        with suppress(RuntimeError):  # it is open already
            self._gate.release()

    def wait(self, seconds: float) -> None:
        """Wait until it rings, *seconds* at the most."""
        self._gate.acquire(timeout=min(seconds, threading.TIMEOUT_MAX))


class timed:  # noqa: N801 - used as `with timed(...)`
    """A log line about the block: where, what, which key, how long."""

    __slots__ = ("_key", "_started", "_store", "_what")

    def __init__(self, store: str, what: str, key: str) -> None:
        self._store = store
        self._what = what
        self._key = key
        self._started = time.perf_counter()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not _log.isEnabledFor(logging.DEBUG):
            return
        took = (time.perf_counter() - self._started) * 1000
        outcome = "" if kind is None else f", {kind.__name__}"
        _log.debug(
            "%s: %s %s took %.3f ms%s", self._store, self._what, shown(self._key), took, outcome
        )


class Periodic:
    """Calls *task* on *owner* every *seconds* from a daemon thread, until stopped.

    The thread does not keep *owner* alive, and ends with it.
    """

    def __init__(self, owner: object, task: Callable[[Any], object], seconds: float) -> None:
        self._stop = stop = threading.Event()
        watched = weakref.ref(owner, lambda _: stop.set())
        self._work = (watched, task, min(seconds, threading.TIMEOUT_MAX), stop)
        self._begin()

    def nudge(self) -> None:
        """Go on in a process that was forked meanwhile, where the thread is not."""
        if not self._thread.is_alive() and not self._stop.is_set():
            self._begin()

    def _begin(self) -> None:
        self._thread = threading.Thread(target=_repeat, args=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for a task that is running."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()


LOOK_SECONDS = 0.1
"""How long a thread sleeps at the most before it looks whether there is still something to do."""


class Chores:
    """Calls *owner*`._tend()` from a daemon thread, whenever something is due.

    `_tend` answers in how many seconds it is to be called again, or `None` where nothing is left
    to do: then the thread ends. Nobody wakes it to say that something is over: it looks, once a
    second at the least. It does not keep *owner* alive, and ends with it.
    """

    _thread: threading.Thread | None
    _due: float

    def __init__(self, owner: Any) -> None:
        self._stay_with(owner)
        after_fork(self, Chores._forget)

    def begin(self, due: float) -> None:
        """There is something more to do, which is due then by `monotonic`."""
        with self._lock:
            if due < self._due:
                self._call()
                self._due = min(due, monotonic() + LOOK_SECONDS)

    def _call(self) -> None:
        """Have the thread look at what is due, after an interrupt maybe for nothing."""
        if self._thread is not None and self._thread.is_alive():
            self._calls.put(None)
        else:
            thread = threading.Thread(target=self._run, name="storage", daemon=True)
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while self._waits():
            with self._lock:
                self._due = math.inf  # what is begun from here on may be overlooked
            seconds = self._tended()
            if seconds is not None:
                with self._lock:
                    self._due = min(self._due, monotonic() + min(seconds, LOOK_SECONDS))

    def _waits(self) -> bool:
        """Wait until something is due, and say whether anything is."""
        while self._owner() is not None:
            with self._lock:
                seconds = self._due - monotonic()
                if seconds == math.inf:
                    self._thread = None
                    break
            if seconds <= 0:
                return True
            try:
                self._calls.get(timeout=seconds)
            except Empty:
                pass
        return False

    def _tended(self) -> float | None:
        owner = self._owner()
        return None if owner is None else owner._tend()

    def _stay_with(self, owner: Any) -> None:
        """Begin without a thread, for as long as *owner* is there."""
        self._lock = threading.Lock()
        # The garbage collector may call in the middle of a call: this queue stands that.
        calls: SimpleQueue[None] = SimpleQueue()
        self._calls = calls
        self._owner = weakref.ref(owner, lambda _: calls.put(None))
        self._thread = None
        self._due = math.inf

    def _forget(self) -> None:
        """The thread does not come along into a forked process."""
        owner = self._owner()
        if owner is not None:
            self._stay_with(owner)


def _repeat(
    owner: weakref.ref[object],
    task: Callable[[Any], object],
    seconds: float,
    stop: threading.Event,
) -> None:
    while not stop.wait(seconds):
        alive = owner()
        if alive is None:
            return
        task(alive)
        del alive
