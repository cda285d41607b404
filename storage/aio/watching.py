# Written by tools/mirror.py from storage/watching.py: change that file and run the tool.
"""The shape of what hears of changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..core.near import Look, Near


class Watch(Protocol):
    """What hears of every change of entries, whoever makes it, and reads them with their ends."""

    async def begin(self, near: Near) -> None:
        """See to it that *near* is told, if that is not so already; it is open when it is."""
        ...

    async def look(self, name: str) -> Look:
        """What is there; what is not told of has nothing left."""
        ...

    async def look_many(self, names: Sequence[str]) -> Sequence[Look]:
        """The same of several, in the order of *names*."""
        ...

    async def aclose(self) -> None:
        """Tell no more; twice is fine."""
        ...
