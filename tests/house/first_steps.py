"""What a newcomer does first, as a script of its own: `python first_steps.py PACKAGE FOLDER`.

The tests run it where the package is vendored under another name, and where only the wheel is.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any


def blocking(store: Any) -> None:
    with store:
        store.set("user:1", {"step": 3}, ttl=3600)
        store.update("user:1", lambda user: {"step": user["step"] + 1})
        with store.edit("user:1") as draft:
            draft["name"] = "Ann"
        carts = store.namespace("carts")
        carts.set("user:1", [])
        assert store.get("user:1") == {"step": 4, "name": "Ann"}
        assert list(store.keys()) == ["user:1"]
        assert carts.get("user:1") == []


def with_views_as_names(store: Any) -> None:
    with store:
        store.set("user:1", {"step": 3}, ttl=3600)
        store.namespace("carts").set("user:1", [])
        assert dict(store.entries()) == {"user:1": {"step": 3}, "carts:user:1": []}
        assert store.sweep() == 0


async def with_await(store: Any) -> None:
    async with store:
        await store.set("user:1", {"step": 3}, ttl=3600)
        await store.update("user:1", lambda user: {"step": user["step"] + 1})
        async with store.edit("user:1") as draft:
            draft["name"] = "Ann"
        carts = store.namespace("carts")
        await carts.set("user:1", [])
        assert await store.get("user:1") == {"step": 4, "name": "Ann"}
        found = [key async for key in store.keys()]
        assert found == ["user:1"]
        assert await carts.get("user:1") == []


def typed(package: Any, store: Any) -> None:
    """Where there is no msgspec: keys have classes all the same, and a type says what it needs."""

    class VisitsKey(package.Key, pattern="visits:{chat}"):  # type: ignore[name-defined,misc]
        chat: int

    with store:
        store[VisitsKey(7)].set([1])
        assert dict(store[VisitsKey].items()) == {VisitsKey(7): [1]}
        said = ""
        try:
            store.typed(int)
        except package.ConfigurationError as error:
            said = str(error)
        assert "pip install 'chatstorage[typed]'" in said


def with_sessions(sessions: Any) -> None:
    for _ in range(2):
        with sessions.open("100:7") as session:
            session["count"] = session.get("count", 0) + 1
    assert sessions.get("100:7") == {"count": 2}


async def with_sessions_of_tasks(sessions: Any) -> None:
    async def count() -> None:
        async with sessions.open("100:7") as session:
            session["count"] = session.get("count", 0) + 1

    await asyncio.gather(count(), count())
    assert await sessions.get("100:7") == {"count": 2}


def main(name: str, folder: str) -> None:
    sys.path.append(folder)  # where the package is, when it is not installed
    package = importlib.import_module(name)
    aio = importlib.import_module(f"{name}.aio")
    puregram = importlib.import_module(f"{name}.compat.puregram")
    vibegram = importlib.import_module(f"{name}.compat.vibegram")
    aio_vibegram = importlib.import_module(f"{name}.aio.compat.vibegram")
    gramio = importlib.import_module(f"{name}.compat.gramio")
    aio_puregram = importlib.import_module(f"{name}.aio.compat.puregram")
    blocking(package.MemoryStorage())
    blocking(package.LruMemoryStorage(10))
    blocking(package.SqliteStorage(f"{folder}/blocking.db"))
    blocking(package.open(f"sqlite:///{folder}/opened.db"))
    blocking(puregram.LruMemoryStorage(max=10))
    blocking(vibegram.MemorySessionStore())
    asyncio.run(with_await(aio_vibegram.MemorySessionStore()))
    with_views_as_names(puregram.SqliteStorage(f"{folder}/puregram.db"))
    asyncio.run(with_await(aio_puregram.MemoryStorage()))
    typed(package, package.MemoryStorage())
    with_sessions(package.Sessions(package.MemoryStorage()))
    with package.SqliteStorage(f"{folder}/sessions.db") as store:
        with_sessions(package.Sessions(store))
    for original in (puregram, vibegram):
        with_sessions(original.session())
    with_sessions(gramio.session(get_session_key=str))
    asyncio.run(with_sessions_of_tasks(aio.Sessions(aio.MemoryStorage())))
    asyncio.run(with_await(aio.MemoryStorage()))
    asyncio.run(with_await(aio.LruMemoryStorage(10)))
    asyncio.run(with_await(aio.SqliteStorage(f"{folder}/asyncio.db")))
    asyncio.run(with_await(aio.open(f"sqlite:///{folder}/asyncio-opened.db")))
    print(package.__file__)


if __name__ == "__main__":
    main(*sys.argv[1:])
