"""What the handler of a signal does at each moment at which one can strike: it raises, or forks."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import storage
from tests.waiting import PATIENCE

HOME = str(Path(storage.__file__).parent)


class Alarm:
    """Raises *error* at the moment of this *number* at which a signal handler can run in the code
    of the package: a function begins or goes on, or one that is written in C has ended."""

    def __init__(self, number: int, error: type[BaseException]) -> None:
        self.place = ""
        """The function in which it has struck."""

        self._left, self._error = number, error

    def __enter__(self) -> Alarm:
        sys.setprofile(self._look)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        sys.setprofile(None)
        return kind is not None and issubclass(kind, self._error)

    def _look(self, frame: FrameType, event: str, _: object) -> None:
        if event not in ("call", "c_return") or not frame.f_code.co_filename.startswith(HOME):
            return
        self._left -= 1
        if self._left < 0:
            sys.setprofile(None)
            self.place = frame.f_code.co_name
            self.strike()

    def strike(self) -> None:
        """Do what the handler does."""
        raise self._error


class Forked(BaseException):
    """What strikes in a child, which is forked in the middle of a call."""


class Fork(Alarm):
    """Forks a child at the moment of this *number*, where `Forked` strikes. What the child does
    about that is over before its parent goes on, and so is the child, at the end of the block."""

    def __init__(self, number: int) -> None:
        super().__init__(number, Forked)
        self._child = -1

    def strike(self) -> None:
        self._child = os.fork()
        if self._child == 0:
            signal.alarm(round(PATIENCE))  # what hangs is ended
            raise Forked
        _, status = os.waitpid(self._child, 0)
        assert status == 0, "the child failed"

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> bool:
        if self._child == 0:
            os._exit(kind is not None and not issubclass(kind, Forked))
        return super().__exit__(kind, *error)


def places(
    work: Callable[[int, Alarm], bool], alarm_of: Callable[[int], Alarm], least: int = 60
) -> list[str]:
    """Where an alarm struck so that *work*, which is told a number and has the alarm strike it,
    was in somebody's way after it: each moment is tried once, and there are *least* of them."""
    found: list[str] = []
    number = 0
    while True:
        alarm = alarm_of(number)
        if not work(number, alarm):
            found.append(alarm.place)
        if not alarm.place:
            break
        number += 1
    assert number > least
    return found
