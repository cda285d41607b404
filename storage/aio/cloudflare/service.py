# Written by tools/mirror.py from storage/cloudflare/service.py: change that file and run the tool.
"""What Cloudflare's KV does, whichever way it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ...cloudflare.entries import Held, Listing, Put


class Service(Protocol):
    """The entries of one namespace: whole operations, none of which looks and writes at once.

    What is written is seen here soon, and elsewhere within a minute or so. Any number of names may
    be given, all of which the service takes. An operation is over in its *seconds*, or *until* a
    moment of the clock that is not turned, where it is a part of something else.
    """

    @property
    def label(self) -> str:
        """What errors and logs call the place; it holds no secret."""
        ...

    @property
    def place(self) -> object:
        """Where the entries are; nothing else is equal to that."""
        ...

    @property
    def seconds(self) -> float:
        """How long an operation takes at the most."""
        ...

    async def read(self, names: Sequence[str], until: float | None = None) -> Sequence[Held | None]:
        """What is kept under *names*, in their order."""
        ...

    async def put(self, entries: Sequence[Put], until: float | None = None) -> None:
        """Keep *entries*, whatever was there before."""
        ...

    async def remove(self, names: Sequence[str], until: float | None = None) -> None:
        """Keep nothing under *names* any more."""
        ...

    async def page(
        self, prefix: str, cursor: str | None, most: int, until: float | None = None
    ) -> Listing:
        """*most* names at the most that start with *prefix*, from *cursor* on."""
        ...

    async def aclose(self) -> None:
        """Let go of what was opened here; twice is fine."""
        ...
