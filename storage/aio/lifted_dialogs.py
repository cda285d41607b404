"""Blocking sessions of session continuity in the asyncio half, a hop each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from ..dialog_store import DialogStore
from ..dialogs import NOTHING, Asked, Change, Changed, Fields, Held, Said, Terms, Wanted

T = TypeVar("T")


class Run(Protocol):
    """Runs a function elsewhere."""

    def __call__(self, function: Callable[..., T], *args: Any) -> Awaitable[T]:
        """What it returns there."""
        ...


class LiftedDialogs:
    """Blocking *dialogs*; *run* makes the hop."""

    def __init__(self, run: Run, dialogs: DialogStore) -> None:
        self._run = run
        self._inner = dialogs

    async def create(self, fields: Fields, terms: Terms) -> Held | None:
        return await self._run(self._inner.create, fields, terms)

    async def find(self, session_id: str) -> Held | None:
        return await self._run(self._inner.find, session_id)

    async def change(self, session_id: str, change: Change, terms: Terms) -> Changed:
        return await self._run(self._inner.change, session_id, change, terms)

    async def remove(self, session_id: str, expired_by: int | None = None) -> bool:
        return await self._run(self._inner.remove, session_id, expired_by)

    async def select(self, wanted: Wanted) -> Sequence[Held]:
        return await self._run(self._inner.select, wanted)

    async def add(
        self,
        session_id: str,
        message: Fields,
        terms: Terms,
        most_tokens: int | None = None,
    ) -> Said:
        return await self._run(self._inner.add, session_id, message, terms, most_tokens)

    async def messages(self, session_id: str, asked: Asked) -> Sequence[Fields]:
        return await self._run(self._inner.messages, session_id, asked)

    async def amend(
        self,
        session_id: str,
        message_id: str,
        put: Fields,
        drop: Sequence[str],
        terms: Terms,
        expected: Fields = NOTHING,
    ) -> Said:
        return await self._run(
            self._inner.amend, session_id, message_id, put, drop, terms, expected
        )

    async def discard(self, session_id: str, message_id: str, terms: Terms) -> Said:
        return await self._run(self._inner.discard, session_id, message_id, terms)

    async def discard_all(self, session_id: str, terms: Terms) -> int | None:
        return await self._run(self._inner.discard_all, session_id, terms)

    async def ids(self, user_id: str) -> Sequence[str]:
        return await self._run(self._inner.ids, user_id)

    async def expired(self, before: int | None) -> Sequence[str]:
        return await self._run(self._inner.expired, before)

    async def ping(self) -> None:
        await self._run(self._inner.ping)
