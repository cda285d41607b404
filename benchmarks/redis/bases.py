"""What a careful user would write by hand with redis-py: the bases that the library is compared
with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
import redis.asyncio

from storage import Codec


class RawRedis:
    """A client of redis-py and a codec."""

    get_text = "decode(client.get(key))"
    set_text = "client.set(key, encode(value))"
    set_ttl_text = "client.set(key, encode(value), ex=3600)"
    get_many_text = "pipe = client.pipeline(transaction=False);  100 x pipe.get;  decode each"
    set_many_text = "pipe = client.pipeline(transaction=False);  100 x pipe.set(key, encode(value))"
    mget_text = "client.mget(100 keys);  decode each"
    mset_text = "client.mset(100 values, encoded)"

    def __init__(self, client: redis.Redis, codec: Codec, ttl: int | None = None) -> None:
        self._client: Any = client
        self._encode, self._decode = codec.encode, codec.decode
        self._ttl = ttl

    def get(self, key: str) -> Any:
        raw = self._client.get(key)
        return None if raw is None else self._decode(raw)

    def set(self, key: str, value: Any) -> None:
        self._client.set(key, self._encode(value))

    def set_ttl(self, key: str, value: Any) -> None:
        self._client.set(key, self._encode(value), ex=self._ttl)

    def get_many(self, keys: list[str]) -> dict[str, Any]:
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.get(key)
        return self._found(keys, pipe.execute())

    def mget(self, keys: list[str]) -> dict[str, Any]:
        return self._found(keys, self._client.mget(keys))

    def set_many(self, values: Mapping[str, Any]) -> None:
        pipe = self._client.pipeline(transaction=False)
        for key, value in values.items():
            pipe.set(key, self._encode(value), ex=self._ttl)
        pipe.execute()

    def mset(self, values: Mapping[str, Any]) -> None:
        self._client.mset({key: self._encode(value) for key, value in values.items()})

    def update(self, key: str, change: Any) -> None:
        """The way that redis-py offers to lose nothing."""

        def attempt(pipe: Any) -> None:
            value = change(self._decode(pipe.get(key)))
            pipe.multi()
            pipe.set(key, self._encode(value))

        self._client.transaction(attempt, key)

    def close(self) -> None:
        self._client.close()

    def _found(self, keys: list[str], raws: list[bytes | None]) -> dict[str, Any]:
        return {key: self._decode(raw) for key, raw in zip(keys, raws) if raw is not None}


class RawAioRedis:
    """The same for tasks."""

    get_text = "decode(await client.get(key))"
    set_text = "await client.set(key, encode(value))"

    def __init__(self, client: redis.asyncio.Redis, codec: Codec) -> None:
        self._client: Any = client
        self._encode, self._decode = codec.encode, codec.decode

    async def get(self, key: str) -> Any:
        raw = await self._client.get(key)
        return None if raw is None else self._decode(raw)

    async def set(self, key: str, value: Any) -> None:
        await self._client.set(key, self._encode(value))

    async def aclose(self) -> None:
        await self._client.aclose()
