"""Threads that write at the same time: one of them does what all of them want, and the others find
it done. So whoever waits for the disk waits once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from ..offers import Step
from ..runtime import is_struck, mutex, runner

T = TypeVar("T")

_MOST: Final = 256
"""How much one thread does at once."""

_LOOK_SECONDS: Final = 1.0
"""After so long who waits looks again: an interrupt may have struck who was to ring."""


class Turn:
    """What one thread wants, and what came of it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function: Callable[[], Any] = function
        self.is_kept: bool = False
        self.is_wanted: bool = True
        self._bell = mutex()
        self._bell.acquire()
        self._outcome: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do it, unless who wanted it was interrupted."""
        self._outcome = self._error = None
        if not self.is_wanted:
            return
        try:
            self._outcome = self.function()
        except BaseException as error:
            if is_struck() and not isinstance(error, Exception):
                raise
            self._error = error

    def keep(self) -> None:
        """What came of it is so for good."""
        self.is_kept = True

    def wait(self) -> None:
        """Wait for somebody who rings."""
        self._bell.acquire(timeout=_LOOK_SECONDS)

    def ring(self) -> None:
        """Have who wants it look: it is done, or the next one, or left behind."""
        with suppress(RuntimeError):  # it rings already
            self._bell.release()

    def outcome(self) -> Any:
        """What it answered, or raises what it raised."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._outcome


class Turns:
    """What threads want at the same time, done by the first of them."""

    def __init__(self) -> None:
        self.leader: object = None
        """The thread that does it."""

        self._lock = mutex()
        self._waiting: deque[Turn] = deque()

    def do(self, together: Callable[[Sequence[Step]], None], function: Callable[[], T]) -> T:
        """What *function* answers, *together* with what others want by then."""
        turn = Turn(function)
        try:
            self._waiting.append(turn)
            while not turn.is_kept:
                if not self._is_next(turn):
                    turn.wait()
                if not turn.is_kept:
                    self._lead(together, turn)
        except BaseException:
            turn.is_wanted = False
            self._leave(turn)
            raise
        answer: T = turn.outcome()
        return answer

    def _is_next(self, turn: Turn) -> bool:
        """Whether it is the oldest that waits; nobody else goes for the lock."""
        try:
            return self._waiting[0] is turn
        except IndexError:
            return False

    def _lead(self, together: Callable[[Sequence[Step]], None], own: Turn) -> None:
        """Do what waits, unless another one has done it by then, and have the next one lead."""
        turns: Sequence[Turn] = ()
        try:
            with self._lock:
                if not own.is_kept:
                    turns = self._taken(own)
                    self.leader = runner()
                    try:
                        together(turns)
                    finally:
                        self.leader = None
        finally:
            for turn in turns:
                turn.ring()
            self._leave(own)

    def _leave(self, own: Turn) -> None:
        """Wait no more, and have the next one look."""
        with suppress(ValueError):
            self._waiting.remove(own)
        with suppress(IndexError):
            self._waiting[0].ring()

    def _taken(self, own: Turn) -> Sequence[Turn]:
        """What to do now. An interrupt must not strike in the middle of what others want, because
        nobody could tell then whether it was done."""
        if is_struck() or own not in self._waiting:
            with suppress(ValueError):
                self._waiting.remove(own)
            return [own]
        taken: list[Turn] = []
        with suppress(IndexError):  # others may be struck meanwhile, and leave
            while len(taken) < _MOST:
                taken.append(self._waiting.popleft())
        return taken
