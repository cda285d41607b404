"""The adapter of `redis_adapter.py` for asyncio: the same methods, to be awaited."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import redis.asyncio


class RedisJson:
    """What `storage.aio.adapt` asks for, and nothing more."""

    def __init__(self, client: redis.asyncio.Redis, prefix: str = "bot:") -> None:
        self.client = client
        self.prefix = prefix

    async def get(self, key: str) -> Any:
        raw = await self.client.get(self.prefix + key)
        return None if raw is None else json.loads(raw)

    async def set(self, key: str, value: Any) -> None:
        await self.client.set(self.prefix + key, json.dumps(value))

    async def delete(self, key: str) -> None:
        await self.client.delete(self.prefix + key)

    async def has(self, key: str) -> bool:
        return await self.client.exists(self.prefix + key) == 1

    async def keys(self) -> AsyncIterator[str]:
        pattern = re.sub(r"([][*?\\])", r"\\\1", self.prefix) + "*"
        async for name in self.client.scan_iter(pattern, count=500):
            yield name.decode().removeprefix(self.prefix)
