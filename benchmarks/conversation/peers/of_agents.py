"""openai-agents: its sessions on Redis and in SQLite, which keep all that they are given."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import redis.asyncio

from ...redis.settings import SECONDS
from ..talk import LAST, TTL, Message, parts
from .peer import Peer

KEY = "agents"


class Kept:
    """A session."""

    append_text = "await session.add_items([message])"
    last_text = "await session.get_items(limit=20)"

    def __init__(self, session: Any) -> None:
        self._session = session

    async def fill(self, messages: list[Message]) -> None:
        for some in parts(messages):
            await self._session.add_items(some)

    async def append(self, message: Message) -> None:
        await self._session.add_items([message])

    async def last(self) -> list[Message]:
        newest: list[Message] = await self._session.get_items(limit=LAST)
        return newest

    async def all(self) -> list[Message]:
        every: list[Message] = await self._session.get_items()
        return every

    async def settle(self) -> None:
        """It grows: no call of it removes what is old."""


def on_redis(url: str, size: int, key: str = KEY) -> list[Peer]:
    """On the server at *url*, without and with a lifetime, by a client as all others have it."""
    kind: Any = import_module("agents.extensions.memory.redis_session").RedisSession
    sides = []
    for name, ttl in (("Redis", None), ("Redis, ttl", TTL)):
        client = redis.asyncio.Redis.from_url(url, socket_timeout=SECONDS)
        session = kind(f"{size}:{ttl}", redis_client=client, key_prefix=key, ttl=ttl)
        sides.append(Peer(f"openai-agents, {name}", Kept(session), client.aclose))
    return sides


def in_sqlite(path: str, size: int) -> list[Peer]:
    """In the file at *path*; each step is a thread's."""
    kind: Any = import_module("agents.memory.sqlite_session").SQLiteSession
    session = kind(str(size), path)

    async def close() -> None:
        session.close()

    return [Peer("openai-agents, SQLite", Kept(session), close)]
