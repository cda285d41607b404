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


class Turn:
    """What one thread wants, and what came of it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function: Callable[[], Any] = function
        self.is_kept: bool = False
        self.is_wanted: bool = True
        self._outcome: Any = None
        self._error: Exception | None = None

    def run(self) -> None:
        """Do it, unless who wanted it was interrupted."""
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
                while not turn.is_kept:
                    self._lead(together, self._taken(turn))
        except BaseException:
            turn.is_wanted = False
            raise
        answer: T = turn.outcome()
        return answer

    def _taken(self, own: Turn) -> Sequence[Turn]:
        """What to do now. An interrupt must not strike in the middle of what others want, because
        nobody could tell then whether it was done."""
        if is_struck() or own not in self._waiting:
            with suppress(ValueError):
                self._waiting.remove(own)
            return [own]
        return [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]

    def _lead(self, together: Callable[[Sequence[Step]], None], turns: Sequence[Turn]) -> None:
        self.leader = runner()
        try:
            together(turns)
        finally:
            self.leader = None
