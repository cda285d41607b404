"""What type checkers know about sessions of openai-agents; checked, never run."""

from __future__ import annotations

from agents import Session as TheirSession
from agents import TResponseInputItem
from typing_extensions import assert_type

import storage
from storage import aio
from storage.contrib.openai_agents import Session


async def items(store: aio.Storage[int], session: Session) -> None:
    await session.add_items([{"role": "user", "content": "hello"}])
    assert_type(await session.get_items(), list[TResponseInputItem])
    assert_type(await session.pop_item(), TResponseInputItem | None)
    async with Session("ann", "memory://", session_settings={"limit": 3}) as opened:
        assert_type(opened, Session)


def framework(store: storage.Storage[int]) -> TheirSession:
    """The framework takes it."""
    return Session("ann", store)
