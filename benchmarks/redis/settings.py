"""The server, and the clients and stores that talk to it."""

from __future__ import annotations

import argparse
from typing import Any

import redis
import redis.asyncio

import storage
from storage import Storage, aio

from .. import settings

SECONDS = 5.0
"""How long an answer may take, on both sides."""

MOST = 1_000
"""So many connections a client for many tasks may have: redis-py's own limit is 100, and the call
that finds them in use raises."""


class Settings(settings.Settings):
    """How much to run, against the server at *url*."""

    def __init__(self, options: argparse.Namespace, url: str) -> None:
        super().__init__(options)
        self.url = url

    def client(self) -> redis.Redis:
        """A client of redis-py, with connections of its own."""
        return redis.Redis.from_url(self.url, socket_timeout=SECONDS)

    def aio_client(self, most: int | None = None) -> redis.asyncio.Redis:
        """The same for tasks, with at most so many connections, or its own limit."""
        return redis.asyncio.Redis.from_url(self.url, socket_timeout=SECONDS, max_connections=most)

    def store(self, ttl: float | None = None) -> Storage[Any]:
        """A store that is given such a client."""
        return storage.RedisStorage(self.client(), ttl=ttl, codec=self.codec)

    def aio_store(self) -> aio.Storage[Any]:
        """The same for tasks."""
        return aio.RedisStorage(self.aio_client(), codec=self.codec)

    def server_version(self) -> str:
        """What the server says that it is."""
        with self.client() as client:
            about: Any = client.info("server")
        name, version = about.get("server_name", "redis"), about.get("redis_version")
        return f"{name} {about.get('valkey_version', version)}"
