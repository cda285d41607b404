"""Entries bounded by number: the least recently used makes room, after what is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import cachetools

from .entry import Entry

_Look = Callable[..., Any]  # by name, for an entry or `None`


class Recent(cachetools.LRUCache[str, Entry]):
    """An LRU mapping that asks first whether there is a better *victim*."""

    use: ClassVar[_Look] = cachetools.LRUCache.__getitem__
    peek: ClassVar[_Look] = cachetools.Cache.__getitem__  # which knows nothing of recency

    def __init__(self, max_entries: float, victim: Callable[[], str | None]) -> None:
        super().__init__(max_entries)
        self._victim = victim

    def __missing__(self, key: str) -> Any:
        """What `use` and `peek` answer where there is no entry."""
        return None

    def pairs(self) -> list[tuple[str, Entry]]:
        """All entries, leaving their recency alone."""
        return [(name, self.peek(name)) for name in self]

    def popitem(self) -> tuple[str, Entry]:
        """Make room: an entry that is over, or else the least recently used one."""
        over = self._victim()
        if over is None:
            return cachetools.LRUCache.popitem(self)
        return over, self.pop(over)
