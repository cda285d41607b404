"""One update of one user, by us and by aiogram: load the session, change a field, save it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from storage import Sessions, aio

from .settings import Settings

Step = Callable[[str, int], Awaitable[None]]

OURS = "async with sessions.open(key) as session: session['n'] = n"
OURS_READ = "async with sessions.open(key) as session: session['n']"
THEIRS = (
    "async with isolation.lock(key): await storage.get_state(key); "
    "data = await storage.get_data(key); data['n'] = n; await storage.set_data(key, data)"
)
THEIRS_READ = (
    "async with isolation.lock(key): await storage.get_state(key); await storage.get_data(key)"
)
THEIRS_UNLOCKED = (
    "await storage.get_state(key); "
    "data = await storage.get_data(key); data['n'] = n; await storage.set_data(key, data)"
)
STATELESS = "the same without get_state, which its dispatcher does in every update"


class Aiogram:
    """aiogram's RedisStorage and RedisEventIsolation, as they come, over one client."""

    def __init__(self, chosen: Settings) -> None:
        from aiogram.fsm.storage.base import StorageKey
        from aiogram.fsm.storage.redis import RedisEventIsolation, RedisStorage

        self._key = StorageKey
        self._client = chosen.aio_client()
        self._storage = RedisStorage(self._client)
        self._isolation = RedisEventIsolation(self._client)
        self._keys: dict[str, Any] = {}

    async def change(self, user: str, number: int) -> None:
        key = self._named(user)
        async with self._isolation.lock(key):
            await self._storage.get_state(key)
            await self._written(key, number)

    async def stateless(self, user: str, number: int) -> None:
        key = self._named(user)
        async with self._isolation.lock(key):
            await self._written(key, number)

    async def unlocked(self, user: str, number: int) -> None:
        key = self._named(user)
        await self._storage.get_state(key)
        await self._written(key, number)

    async def alone(self, user: str, number: int) -> None:
        await self._written(self._named(user), number)

    async def read(self, user: str, number: int) -> None:
        key = self._named(user)
        async with self._isolation.lock(key):
            await self._storage.get_state(key)
            (await self._storage.get_data(key)).get("n")

    async def put(self, user: str, record: dict[str, Any]) -> None:
        await self._storage.set_data(self._named(user), record)

    async def get(self, user: str) -> dict[str, Any]:
        return await self._storage.get_data(self._named(user))

    async def field(self, user: str, name: str) -> None:
        key = self._named(user)
        async with self._isolation.lock(key):
            data = await self._storage.get_data(key)
            data[name] = True
            await self._storage.set_data(key, data)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _written(self, key: Any, number: int) -> None:
        data = await self._storage.get_data(key)
        data["n"] = number
        await self._storage.set_data(key, data)

    def _named(self, user: str) -> Any:
        key = self._keys.get(user)
        if key is None:
            number = len(self._keys) + 1
            key = self._keys[user] = self._key(bot_id=1, chat_id=number, user_id=number)
        return key


class Ours:
    """Our sessions, with the lease or without."""

    def __init__(self, chosen: Settings, **options: Any) -> None:
        self._client = chosen.aio_client()
        self._store: aio.Storage[Any] = aio.RedisStorage(self._client, codec=chosen.codec)
        self._sessions: aio.Sessions[dict[str, Any]] = aio.Sessions(
            self._store, ttl=86_400, **options
        )

    async def change(self, user: str, number: int) -> None:
        async with self._sessions.open(user) as session:
            session["n"] = number

    async def read(self, user: str, number: int) -> None:
        async with self._sessions.open(user) as session:
            session.get("n")

    async def put(self, user: str, record: dict[str, Any]) -> None:
        async with self._sessions.open(user) as session:
            session.clear()
            session.update(record)

    async def get(self, user: str) -> dict[str, Any]:
        return await self._sessions.get(user) or {}

    async def field(self, user: str, name: str) -> None:
        async with self._sessions.open(user) as session:
            session[name] = True

    async def aclose(self) -> None:
        await self._store.aclose()
        await self._client.aclose()


class Blocking:
    """The same for a blocking bot."""

    def __init__(self, chosen: Settings, **options: Any) -> None:
        self._store = chosen.store()
        self._sessions: Sessions[dict[str, Any]] = Sessions(self._store, ttl=86_400, **options)

    def change(self, user: str, number: int) -> None:
        with self._sessions.open(user) as session:
            session["n"] = number

    def read(self, user: str, number: int) -> None:
        with self._sessions.open(user) as session:
            session.get("n")

    def put(self, user: str, record: dict[str, Any]) -> None:
        with self._sessions.open(user) as session:
            session.clear()
            session.update(record)

    def close(self) -> None:
        self._store.close()
