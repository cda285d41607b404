"""aiogram's storage for Redis."""

from __future__ import annotations

from typing import Any

from ..crowds import TASKS, Tasks, event_loop
from ..load import named
from ..race import HOT
from ..report import Report
from .frameworks import ENTRIES, Calls, compare, fill, of_aio_store
from .settings import Settings


def aiogram(report: Report, chosen: Settings) -> None:
    """aiogram's RedisStorage, as it comes: with its own JSON."""
    try:
        from aiogram.fsm.storage.base import StorageKey
        from aiogram.fsm.storage.redis import RedisStorage
    except ImportError as error:
        report.say(f"    left out: {error}")
        return
    names = {named(place): place for place in range(ENTRIES)} | {HOT: ENTRIES}
    keys = {name: StorageKey(bot_id=1, chat_id=id, user_id=id) for name, id in names.items()}
    with event_loop() as loop:
        store, theirs = chosen.aio_store(), RedisStorage(chosen.aio_client())
        pair = of_aio_store(store), _calls(theirs, keys)
        for calls in pair:
            fill(Tasks(loop), calls.set, chosen.sizes[0].record)
        for many in (1, TASKS):
            compare(report, chosen, "aiogram", Tasks(loop, many), *pair)
        for close in (store.aclose, theirs.close):
            loop.run_until_complete(close())


def _calls(storage: Any, keys: dict[str, Any]) -> Calls:
    async def get(key: str) -> Any:
        return await storage.get_data(keys[key])

    async def set(key: str, value: Any) -> None:
        await storage.set_data(keys[key], value)

    async def change(key: str, field: str, value: Any) -> None:
        await storage.update_data(keys[key], {field: value})

    texts = (
        "await storage.get_data(key)",
        "await storage.set_data(key, value)",
        "await storage.update_data(key, {field: value})",
    )
    return Calls(get, set, change, texts)
