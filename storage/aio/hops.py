"""The way of calls from event loops into threads and back."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, Protocol
from weakref import finalize

from ..errors import ClosedError
from ..offers import Joining
from ..runtime import Lock, after_fork, mutex

MOST: Final = 256
"""How many calls a thread takes at once, at the most."""

_LOOK_SECONDS: Final = 0.005
"""What is done is told after so long at the latest, whatever is done after it."""
_LOST_SECONDS: Final = 1.0
"""Who has not looked so long after that moment was struck by an interrupt, and never will."""


class Way(Protocol):
    """How a call gets into a thread."""

    def ask(self, function: Callable[..., Any], args: tuple[Any, ...]) -> asyncio.Future[Any]:
        """What *function* will answer there."""
        ...

    def close(self) -> None:
        """Take no more calls; what has been begun ends."""
        ...


class Beside:
    """So many *threads*: calls run beside each other, a hop each."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._leave_behind()
        after_fork(self, Beside._leave_behind)

    def ask(self, function: Callable[..., Any], args: tuple[Any, ...]) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    def close(self) -> None:
        self._pool.shutdown(wait=False)

    def _leave_behind(self) -> None:
        """The threads of a pool do not come along into a forked process."""
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="storage")


class Call:
    """What one task asks for, and what came of it."""

    __slots__ = ("_failed", "_future", "_is_begun", "_outcome", "args", "function", "is_kept")

    _failed: bool
    _outcome: Any

    def __init__(
        self,
        future: asyncio.Future[Any],
        function: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> None:
        self.function: Callable[..., Any] = function
        self.args: tuple[Any, ...] = args
        self.is_kept: bool = False
        """Whether what came of it is so for good, and may be told."""

        self._future = future
        self._is_begun = False

    def begin(self) -> bool:
        """In the thread: whether this is to be done, and not for the second time."""
        is_new, self._is_begun = not self._is_begun, True
        return is_new

    def run(self) -> None:
        """Do it, unless nobody wants it any more."""
        if self._future.cancelled():
            return
        try:
            self._outcome, self._failed = self.function(*self.args), False
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            self._outcome, self._failed = error, True

    def keep(self) -> None:
        """What came of it is so for good."""
        self.is_kept = True

    def fail(self, error: BaseException) -> None:
        """Nothing comes of it any more."""
        if not self.is_kept:
            self._outcome, self._failed, self.is_kept = error, True, True

    def tell(self) -> None:
        """In the loop: let the task go on. Where that is interrupted, it is told once more."""
        if self._future.done():
            pass
        elif not self._failed:
            self._future.set_result(self._outcome)
        elif isinstance(self._outcome, StopIteration):
            self._future.set_exception(RuntimeError(f"the backend raised {self._outcome!r}"))
        else:
            self._future.set_exception(self._outcome)
        self._outcome = None  # a traceback leads back to here


class Hops:
    """One thread: what is asked in one turn of a loop, or while the thread works, goes together.

    Calls are done in the order of asking, and their loop is told once of as many as went
    together. With *joining* they may share what each alone would pay for. The thread ends when
    this is closed or forgotten, and with Python.
    """

    _lanes: dict[asyncio.AbstractEventLoop, _Lane]
    _worker: _Worker

    def __init__(self, label: str, joining: Joining | None) -> None:
        self._label = label
        self._joining = joining
        self._leave_behind()
        after_fork(self, Hops._leave_behind)

    def ask(self, function: Callable[..., Any], args: tuple[Any, ...]) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(loop) or self._lane(loop)
        return lane.ask(function, args)

    def close(self) -> None:
        lane = self._lanes.get(asyncio.get_running_loop())
        if lane is not None:
            lane.send()
        self._worker.close()

    def _lane(self, loop: asyncio.AbstractEventLoop) -> _Lane:
        """The lane of a *loop* that asks for the first time."""
        with self._lock:
            for other in [other for other in self._lanes if other.is_closed()]:
                del self._lanes[other]
            self._worker.begin(self._joining)
            self._lanes[loop] = lane = _Lane(loop, self._worker)
        return lane

    def _leave_behind(self) -> None:
        """Neither the thread nor the loops come along into a forked process."""
        self._lock = mutex()
        self._lanes = {}
        self._worker = _Worker(self._label)


class _Worker:
    """The thread of a store, and what is sent to it; it ends when nobody can send any more.

    It knows neither the store nor a lane, so whatever is forgotten goes at once.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._lock = mutex()
        self._serves = mutex()
        self._is_closed = False
        self._sent: SimpleQueue[_Batch | None] = SimpleQueue()
        finalize(self, self._sent.put, None)

    def begin(self, joining: Joining | None) -> None:
        """Have the thread there. An interrupt may strike when it is, and before that is known."""
        if not self._serves.locked():
            work = (self._sent, joining, self._serves)
            Thread(target=_serve, args=work, name="storage hops", daemon=True).start()

    def send(self, batch: _Batch) -> None:
        """Have *batch* done, once, however often it is sent."""
        with self._lock:
            if not self._is_closed:
                batch.is_sent = True
                self._sent.put(batch)
                return
        if not batch.is_sent:
            batch.fail(ClosedError("the store is closed", store=self._label))
            _tell(batch.loop, [batch])

    def close(self) -> None:
        """Take no more."""
        with self._lock:
            self._is_closed = True
            self._sent.put(None)


def _serve(sent: SimpleQueue[_Batch | None], joining: Joining | None, serves: Lock) -> None:
    """In the thread: do what was sent, as much at a time as may go together; unless another one
    *serves*, which keeps that for good."""
    if not serves.acquire(blocking=False):
        return
    while _work(_taken(sent), joining):
        pass


def _taken(sent: SimpleQueue[_Batch | None]) -> list[_Batch | None]:
    """What was sent, `None` at the end."""
    taken, many = [batch := sent.get()], 0
    while batch is not None:
        many += len(batch.calls)
        if many >= MOST or sent.empty():
            break
        taken.append(batch := sent.get())
    return taken


def _work(taken: list[_Batch | None], joining: Joining | None) -> bool:
    """Do what was *taken*, and say whether more may come."""
    batches = [batch for batch in taken if batch is not None]
    calls = [call for batch in batches for call in batch.calls if call.begin()]
    try:
        if joining is not None and len(calls) > 1:
            joining.together(calls)
        else:
            for call in calls:
                call.run()
                call.keep()
    except BaseException as error:  # noqa: BLE001 - raised where it was asked for
        for batch in batches:
            batch.fail(error)
    loops: dict[asyncio.AbstractEventLoop, list[_Batch]] = {}
    for batch in batches:
        loops.setdefault(batch.loop, []).append(batch)
    for loop, some in loops.items():
        _tell(loop, some)
    return len(batches) == len(taken)


def _tell(loop: asyncio.AbstractEventLoop, batches: list[_Batch]) -> None:
    """In the thread: have the tasks go on whose *batches* are done."""
    try:
        loop.call_soon_threadsafe(_told, batches)
    except RuntimeError:
        pass  # the loop is closed, and nobody waits


def _told(batches: list[_Batch]) -> None:
    for batch in batches:
        for call in batch.calls:
            call.tell()
        # It stays in line until somebody looks, and nothing that was told stays with it.
        batch.is_told, batch.calls = True, []


class _Lane:
    """What one *loop* asks of a *worker*. Only the thread of the loop calls it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, worker: _Worker) -> None:
        self._loop = loop
        self._worker = worker
        self._asked: list[Call] = []
        self._going: _Batch | None = None
        """What is being sent: the first of what was asked."""

        self._out: deque[_Batch] = deque()
        self._looks_at = -math.inf
        """When it is looked again, unless that is interrupted."""

    def ask(self, function: Callable[..., Any], args: tuple[Any, ...]) -> asyncio.Future[Any]:
        """What *function* will answer."""
        future = self._loop.create_future()
        if not self._asked:
            self._loop.call_soon(self.send)
        self._asked.append(Call(future, function, args))
        self._look_soon(late=_LOST_SECONDS)
        return future

    def send(self) -> None:
        """Send what was asked in this turn. The handler of a signal may raise in the middle of it:
        then it is gone on with when somebody looks."""
        while self._asked:
            if self._going is None:
                self._going = _Batch(self._loop, self._asked[:MOST])
            batch = self._going
            self._worker.send(batch)
            self._out.append(batch)
            self._asked, self._going = self._asked[batch.size :], None

    def _look_soon(self, late: float) -> None:
        """Look in a moment, unless that is planned, and not so *late* that it will not be."""
        now = self._loop.time()
        if now >= self._looks_at + late:
            self._loop.call_later(_LOOK_SECONDS, self._look)
            self._looks_at = now + _LOOK_SECONDS

    def _look(self) -> None:
        """Tell what is done of a batch that takes long, and see to what was interrupted."""
        self.send()
        while self._out and self._out[0].is_told:
            self._out.popleft()
        if self._out:
            self._look_soon(late=-_LOOK_SECONDS / 2)
        else:
            self._looks_at = -math.inf
        for batch in self._out:
            for call in batch.calls:
                if not call.is_kept:
                    return
                call.tell()
            batch.is_told, batch.calls = True, []


class _Batch:
    """What is asked in one turn of a *loop*."""

    def __init__(self, loop: asyncio.AbstractEventLoop, calls: list[Call]) -> None:
        self.loop = loop
        self.calls = calls
        self.size: int = len(calls)
        self.is_sent: bool = False
        self.is_told: bool = False

    def fail(self, error: BaseException) -> None:
        """Nothing comes of it any more, but for what is done."""
        for call in self.calls:
            call.fail(error)
