"""When a store is asked again that has failed."""

from __future__ import annotations

import math
from typing import Final

_FIRST: Final = 0.1
_LONGEST: Final = 5.0

_SHARE: Final = 9
"""So many times as long as it took to fail nobody waits again: a tenth of the time is lost."""


class Breaker:
    """Remembers that a store has failed: nobody asks it for a while, and then one does.

    The while is longer from failure to failure, and where it takes long to fail, up to 5 seconds.
    Times are those of one clock that never goes back.
    """

    def __init__(self) -> None:
        self._closed_at = -math.inf
        self._open_at = -math.inf
        self.pause: float = 0.0
        """For how long it is not asked now; 0 while it works."""
        self._claimed: dict[float, object] = {}
        """Who asks for all, by when somebody was to."""

    def lets_ask(self, now: float) -> bool:
        """Whether the store is to be asked *now*; who hears yes while it is down asks for all."""
        if not self.pause:
            return True
        due = self._open_at
        if now < due:
            return False
        mine = object()
        if self._claimed.setdefault(due, mine) is not mine:  # in one step, whoever comes as well
            return False
        self._claimed = {due: mine}
        self._open_at = now + self.pause
        return True

    def failed(self, asked: float, now: float) -> None:
        """It did not answer who *asked* then. Of those who asked at the same time one counts."""
        if asked < self._closed_at:
            return
        self.pause = min(max(2 * self.pause or _FIRST, _SHARE * (now - asked)), _LONGEST)
        self._closed_at = now
        self._open_at = now + self.pause

    def worked(self) -> None:
        """It answered."""
        if self.pause:
            self.pause = 0.0
