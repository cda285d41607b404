"""aiogram: its storage, with its own JSON, over a client of redis-py."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...crowds import Tasks
from ...load import named
from ..clients import ENTRIES, Client
from ..settings import MOST, Settings


def for_tasks(chosen: Settings, crowd: Tasks) -> Client:
    """A record of each of the keys."""
    keys_of: Any = import_module("aiogram.fsm.storage.base").StorageKey
    kind: Any = import_module("aiogram.fsm.storage.redis").RedisStorage
    storage = kind(chosen.aio_client(MOST))
    keys = {named(id): keys_of(bot_id=1, chat_id=id, user_id=id) for id in range(ENTRIES)}

    async def get(key: str) -> Any:
        return await storage.get_data(keys[key])

    async def set(key: str, value: Any) -> None:
        await storage.set_data(keys[key], value)

    texts = "await storage.get_data(key)", "await storage.set_data(key, value)"
    return Client("aiogram", get, set, texts, codes=True, close=storage.close)
