"""Threads that write at the same time: one of them does what all of them want, and the others find
it done. So whoever waits for the disk waits once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from ..offers import Step
from ..runtime import mutex, runner

T = TypeVar("T")

_MOST: Final = 256
"""How much one thread does at once."""


class Turn:
    """What one thread wants, and what came of it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function: Callable[[], Any] = function
        self.is_kept: bool = False
        self.is_wanted: bool = True
        self._owner = runner()
        self._outcome: Any = None
        self._error: Exception | None = None

    def run(self) -> None:
        """Do it; an interrupt strikes the thread that runs, and not the one that wants it."""
        self._outcome = self._error = None
        if not self.is_wanted:
            return
        try:
            self._outcome = self.function()
        except Exception as error:  # noqa: BLE001 - raised where it is wanted
            self._error = error

    def keep(self) -> None:
        """What came of it is so for good."""
        self.is_kept = True

    def do_alone(self) -> None:
        """Do it for good, here or later in the thread that wants it: where an interrupt strikes,
        nobody else could tell whether it was done."""
        if self._owner is runner():
            self.run()
            self.is_kept = True

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
            with self._lock:
                if not turn.is_kept:
                    self._lead(together, turn)
        except BaseException:
            turn.is_wanted = False
            raise
        answer: T = turn.outcome()
        return answer

    def _lead(self, together: Callable[[Sequence[Step]], None], own: Turn) -> None:
        turns: list[Turn] = []
        while self._waiting and len(turns) < _MOST:
            turns.append(self._waiting.popleft())
        if own not in turns:  # another thread had taken it and has left it
            turns.insert(0, own)
        self.leader = runner()
        try:
            together(turns)
        finally:
            self.leader = None
