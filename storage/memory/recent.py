"""Entries bounded by number: the least recently used makes room, after what is over."""

from __future__ import annotations

from collections.abc import Callable

import cachetools

from .entry import Entry

_kept = cachetools.Cache.__getitem__  # which knows nothing of recency


class Recent(cachetools.LRUCache[str, Entry]):
    """An LRU mapping that asks first whether there is a better *victim*."""

    def __init__(self, max_entries: float, victim: Callable[[], str | None]) -> None:
        super().__init__(max_entries)
        self._victim = victim

    def peek(self, name: str) -> Entry | None:
        """The entry, leaving its recency alone."""
        try:
            return _kept(self, name)
        except KeyError:
            return None

    def pairs(self) -> list[tuple[str, Entry]]:
        """All entries, leaving their recency alone."""
        return [(name, _kept(self, name)) for name in self]

    def popitem(self) -> tuple[str, Entry]:
        """Make room: an entry that is over, or else the least recently used one."""
        over = self._victim()
        if over is None:
            return super().popitem()
        return over, self.pop(over)
