"""A connection is being opened, for all who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, NamedTuple

from redis.exceptions import ConnectionError, TimeoutError

from ...redis.replies import AllLentError, Phase, Trouble
from ...runtime import monotonic
from .wire import EARLY

Start = Callable[[], Coroutine[Any, Any, Any]]
"""Opens it, and answers how that ended."""


class _Raised(NamedTuple):
    """What a function of the user's raised, which is asked while connecting."""

    error: Exception
    trace: TracebackType | None
    """Where; what is added to it belongs to one of those who are told."""


class Opening:
    """One attempt to open a connection, which ends when nobody waits for it any more."""

    def __init__(self) -> None:
        self.began: float | None = None
        self.is_over: bool = False
        self._outcome: Any = None
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[Any]] = set()
        self._task: asyncio.Task[None] | None = None

    def begin(self, start: Start) -> None:
        """Open it; where tasks are eager, it may be over when this is."""
        self._task = self._loop.create_task(self._run(start))
        self._task.add_done_callback(self._stopped)

    async def wait(self, until: float, patient: float) -> Any:
        """How it ended; it is waited for *until* then, or less where nobody is connecting."""
        outcome = self._outcome if self.is_over else await self._waited(until, patient)
        try:
            if type(outcome) is _Raised:
                raise outcome.error.with_traceback(outcome.trace)
            return outcome
        finally:
            del outcome  # an error that was told is kept by nobody

    def cancel(self) -> None:
        """Stop it."""
        if self._task is not None:
            self._task.cancel()
        self._ended(Trouble(Phase.UNSENT, ConnectionError("nobody waits for it")))

    async def _waited(self, until: float, patient: float) -> Any:
        waiter = self._loop.create_future()
        self._waiting.add(waiter)
        timer = self._timer(waiter, until if self.began else min(until, patient), until)
        try:
            return await waiter
        finally:
            timer.cancel()
            self._waiting.discard(waiter)
            if not self._waiting and not self.is_over:
                self.cancel()

    async def _run(self, start: Start) -> None:
        outcome: Any = Trouble(Phase.UNSENT, ConnectionError("it was given up"))
        try:
            outcome = await start()
        except Exception as error:  # noqa: BLE001 - raised to those who wait
            outcome = _Raised(error, error.__traceback__)
        finally:
            self._ended(outcome)

    def _stopped(self, _: object) -> None:
        """A task that is cancelled before it begins says nothing itself."""
        self._task = None
        self._ended(Trouble(Phase.UNSENT, ConnectionError("it was given up")))
        self._outcome = None  # those who waited were told, and nobody else asks

    def _ended(self, outcome: Any) -> None:
        # Told again at the end of the task, whoever raised in the middle of it.
        if not self.is_over:
            self.is_over, self._outcome = True, outcome
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(self._outcome)

    def _timer(self, waiter: Any, when: float, until: float) -> asyncio.TimerHandle:
        return self._loop.call_later(max(0.0, when - monotonic()), self._late, waiter, until)

    def _late(self, waiter: asyncio.Future[Any], until: float) -> None:
        if waiter.done():
            return
        if self.began is not None and until > monotonic() + EARLY:
            self._timer(waiter, until, until)
            return
        error = (
            AllLentError() if self.began is None else TimeoutError("Timeout connecting to server")
        )
        waiter.set_result(Trouble(Phase.UNSENT, error))
