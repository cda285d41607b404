"""An exception out of a signal handler, at each moment at which Python lets one strike."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import storage

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
            raise self._error


def places(error: type[BaseException], work: Callable[[int, Alarm], bool]) -> list[str]:
    """Where *error* struck so that *work*, which is told a number and has the alarm strike it,
    was in somebody's way after it: each moment is tried once."""
    found: list[str] = []
    number, alarm = 0, Alarm(0, error)
    while True:
        if not work(number, alarm):
            found.append(alarm.place)
        if not alarm.place:
            break
        number += 1
        alarm = Alarm(number, error)
    assert number > 60
    return found
