"""What a key-value store does, in the fewest words."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from ..records import DELETE, MISSING
from ..ttl import DEFAULT, KEEP

Place = tuple[tuple[str, ...], str]
"""The path of namespaces to a key, and the key."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MS = timedelta(milliseconds=1)


class Model:
    """Values as texts with their ends in milliseconds, by place; *now* tells the time.

    An end falls on the next multiple of *grain*, and what has ended is gone *late_ms* after it.
    """

    def __init__(
        self, now: Callable[[], int], grain: int = 1, default: Any = None, late_ms: int = 0
    ) -> None:
        self.now = now
        self.grain = grain
        self.default = default
        self.late_ms = late_ms
        self.entries: dict[Place, tuple[str, int | None]] = {}

    def live(self) -> dict[Place, tuple[str, int | None]]:
        """What is there now."""
        now = self.now() - self.late_ms
        return {at: one for at, one in self.entries.items() if one[1] is None or one[1] > now}

    def read(self, at: Place) -> Any:
        """The value, or `MISSING`."""
        entry = self.live().get(at)
        return MISSING if entry is None else json.loads(entry[0])

    def end(self, at: Place) -> Any:
        """When it ends, or `MISSING`."""
        entry = self.live().get(at)
        return MISSING if entry is None else entry[1]

    def write(self, at: Place, value: Any, ttl: Any) -> None:
        """Put *value* there; `DELETE` takes away what is there."""
        before = self.live().get(at)
        self.entries.pop(at, None)
        if value is not DELETE:
            end = before[1] if ttl is KEEP and before is not None else self._ends(ttl)
            self.entries[at] = (exact(value), end)

    def _ends(self, ttl: Any) -> int | None:
        ttl = self.default if ttl is KEEP or ttl is DEFAULT else ttl
        if ttl is None:
            return None
        if isinstance(ttl, datetime):
            end = -((_EPOCH - ttl) // _MS)
        else:
            seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
            end = self.now() + round(seconds * 1000)
        return -(-end // self.grain) * self.grain


def exact(value: object) -> str:
    """A text that is the same for values of the same content and types, and for no others."""
    return json.dumps(value, sort_keys=True)


def is_same(one: object, other: object) -> bool:
    """Whether both are the same value by type, or the same word for none."""
    words = (MISSING, DELETE)
    if any(one is word or other is word for word in words):
        return one is other
    return exact(one) == exact(other)


def assert_same(found: object, expected: object) -> None:
    assert is_same(found, expected), f"{found!r} instead of {expected!r}"
