"""An adapter of somebody's own: JSON under a prefix in Redis, through redis-py."""

import json
import re
from collections.abc import Iterator
from typing import Any

import redis


class RedisJson:
    """What `storage.adapt` asks for, and nothing more."""

    def __init__(self, client: redis.Redis, prefix: str = "bot:") -> None:
        self.client = client
        self.prefix = prefix

    def get(self, key: str) -> Any:
        raw = self.client.get(self.prefix + key)
        return None if raw is None else json.loads(raw)

    def set(self, key: str, value: Any) -> None:
        self.client.set(self.prefix + key, json.dumps(value))

    def delete(self, key: str) -> None:
        self.client.delete(self.prefix + key)

    def has(self, key: str) -> bool:
        return self.client.exists(self.prefix + key) == 1

    def keys(self) -> Iterator[str]:
        pattern = re.sub(r"([][*?\\])", r"\\\1", self.prefix) + "*"
        for name in self.client.scan_iter(pattern, count=500):
            yield name.decode().removeprefix(self.prefix)
