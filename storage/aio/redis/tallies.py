# Written by tools/mirror.py from storage/redis/tallies.py: change that file and run the tool.
"""Records of how many came in a window, counted on the server by its own clock."""

from __future__ import annotations

from typing import Any

from ...keys import Names
from ...records import Counted, Sight, Window
from ...redis.commands import ONCE, Script, run
from .door import Door

_TALLY = Script("tally", "now")

_MOST = 2**53
"""No count comes that far."""


class RedisTallies:
    """The records behind a *door* whose keys are called by *names*."""

    def __init__(self, door: Door, names: Names) -> None:
        self._door = door
        self._names = names

    async def hit(self, key: str, window: Window, now_ms: int | None) -> Counted | Sight:
        entry = self._names.name(key).encode()
        words = (
            *(window.hits.encode(), window.ends.encode()),
            *(min(window.limit, _MOST), window.length_ms, int(window.counts_refused)),
            b"" if now_ms is None else now_ms,
        )
        reply = await self._door.call(run(_TALLY, ONCE, (entry,), *words), key)
        return told(reply)


def told(reply: list[Any]) -> Counted | Sight:
    """What the server said of a hit, or of a record that it leaves to others."""
    if reply[0] == -1:
        return Sight(reply[1], None, reply[2])
    passed, count, ends, now = reply
    return Counted(passed == 1, count, ends, now)
