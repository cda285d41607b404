"""coredis: asyncio, over one connection that all tasks share."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from ...crowds import Tasks
from ..clients import Client
from ..settings import SECONDS, Settings


def for_tasks(chosen: Settings, crowd: Tasks) -> Client:
    """A client that is open until it is closed."""
    coredis: Any = import_module("coredis")
    place = urlsplit(chosen.url)
    client = coredis.Redis(place.hostname, place.port, stream_timeout=SECONDS)
    opened = Opened(client)
    crowd.wait_for(opened.open())
    texts = "await client.get(key)", "await client.set(key, raw)"
    return Client("coredis", client.get, client.set, texts, close=opened.close)


class Opened:
    """Keeps it open by a task of its own: the one that opens it has to close it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        ready = asyncio.Event()
        self._task = asyncio.ensure_future(self._keep(ready))
        await asyncio.wait(
            [self._task, asyncio.ensure_future(ready.wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        self._over.set()
        if self._task is not None:
            await self._task

    async def _keep(self, ready: asyncio.Event) -> None:
        async with self._client:
            ready.set()
            await self._over.wait()
