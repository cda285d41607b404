"""The storages for Redis of pyTelegramBotAPI, of either colour."""

from __future__ import annotations

from typing import Any

from ..crowds import Alone, Tasks, event_loop, threads
from ..load import named
from ..race import HOT
from ..report import Report
from .frameworks import ENTRIES, Calls, compare, compare_kept, fill, in_turn, of_aio_store, of_store
from .settings import Settings

_IDS = {named(place): place for place in range(ENTRIES)} | {HOT: ENTRIES}


def telebot(report: Report, chosen: Settings) -> None:
    """pyTelegramBotAPI's StateRedisStorage of either colour, as it comes: with its own JSON."""
    try:
        from telebot.asyncio_storage import StateRedisStorage as AioStorage
        from telebot.storage import StateRedisStorage
    except ImportError as error:
        report.say(f"    left out: {error}")
        return
    with chosen.client() as client:
        _blocking(report, chosen, StateRedisStorage(connection_pool=client.connection_pool))
    with event_loop() as loop:
        aio_client = chosen.aio_client()
        pool = aio_client.connection_pool
        pair = [AioStorage(connection_pool=pool, prefix="aio") for _ in range(2)]
        _asyncio(report, chosen, pair, Tasks(loop), Tasks(loop, 1))
        loop.run_until_complete(aio_client.aclose())


def _blocking(report: Report, chosen: Settings, theirs: Any) -> None:
    store = chosen.store()
    pair = of_store(store), _calls(theirs)
    fill(Alone(), store.set, chosen.sizes[0].record)
    fill(Alone(), _first(theirs), chosen.sizes[0].record)
    compare(report, chosen, "telebot", Alone(), *pair)
    with threads() as crowd:
        compare(report, chosen, "telebot", crowd, *pair)
    store.close()


def _asyncio(report: Report, chosen: Settings, pair: list[Any], many: Tasks, one: Tasks) -> None:
    stores = [chosen.aio_store() for _ in pair]
    ours, theirs = [of_aio_store(store) for store in stores], [_aio_calls(each) for each in pair]
    fill(many, stores[0].set, chosen.sizes[0].record)
    fill(many, _aio_first(pair[0]), chosen.sizes[0].record)
    for crowd in (one, many):
        compare(report, chosen, "aio telebot", crowd, ours[0], theirs[0])
    compare_kept(report, chosen, "aio telebot twice", many, in_turn(*ours), in_turn(*theirs))
    for store in stores:
        many.wait_for(store.aclose())


def _first(storage: Any) -> Any:
    """A record can only be written where there is a state."""

    def first(key: str, value: Any) -> None:
        storage.set_state(_IDS[key], _IDS[key], "delivery")
        storage.save(_IDS[key], _IDS[key], value)

    return first


def _aio_first(storage: Any) -> Any:
    async def first(key: str, value: Any) -> None:
        await storage.set_state(_IDS[key], _IDS[key], "delivery")
        await storage.save(_IDS[key], _IDS[key], value)

    return first


def _calls(storage: Any) -> Calls:
    def get(key: str) -> Any:
        return storage.get_data(_IDS[key], _IDS[key])

    def set(key: str, value: Any) -> None:
        storage.save(_IDS[key], _IDS[key], value)

    def change(key: str, field: str, value: Any) -> None:
        storage.set_data(_IDS[key], _IDS[key], field, value)

    return Calls(get, set, change, _texts(""))


def _aio_calls(storage: Any) -> Calls:
    async def get(key: str) -> Any:
        return await storage.get_data(_IDS[key], _IDS[key])

    async def set(key: str, value: Any) -> None:
        await storage.save(_IDS[key], _IDS[key], value)

    async def change(key: str, field: str, value: Any) -> None:
        await storage.set_data(_IDS[key], _IDS[key], field, value)

    return Calls(get, set, change, _texts("await "))


def _texts(mark: str) -> tuple[str, str, str]:
    calls = (
        "get_data(chat, user)",
        "save(chat, user, value)",
        "set_data(chat, user, field, value)",
    )
    get, set, change = (f"{mark}storage.{call}" for call in calls)
    return get, set, change
