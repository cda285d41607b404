"""Mistakes that type checkers find; checked, never run.

A line that is marked and is no mistake any more is reported as an ignore that is not needed.
"""

from __future__ import annotations

import storage
from storage import DELETE, KEEP, Storage, aio


def blocking(store: Storage[int]) -> None:
    store.set("a", "one")  # type: ignore[arg-type]
    store.set(7, 1)  # type: ignore[arg-type]
    store.set("a", 1, 60)  # type: ignore[call-arg]
    store.set("a", 1, ttl="60")  # type: ignore[arg-type]
    store.set("a", DELETE)  # type: ignore[arg-type]
    store.set_many({"a": "one"})  # type: ignore[dict-item]
    store.update("a", lambda value: f"{value}")  # type: ignore[return-value, arg-type]
    store.update("a", lambda value: value, default="one")  # type: ignore[arg-type]
    store.incr("a", by=1.5)  # type: ignore[arg-type]
    store.values(on_corrupt="drop")  # type: ignore[arg-type]
    store.get("a") + 1  # type: ignore[operator]
    with store.edit("a") as number:
        number.append(1)  # type: ignore[attr-defined]


def places() -> None:
    storage.RedisStorage(6379)  # type: ignore[arg-type]
    storage.RedisStorage({"host": "localhost"})  # type: ignore[arg-type]
    storage.RedisStorage("redis://localhost", ttl="60")  # type: ignore[arg-type]


def leasing(leases: storage.Leases) -> None:
    leases.hold(7)  # type: ignore[arg-type]
    leases.hold("a", 60)  # type: ignore[call-arg]
    leases.claim("a")  # type: ignore[call-arg]
    leases.claim("a", ttl=None)  # type: ignore[arg-type]
    storage.Leases(7)  # type: ignore[arg-type]


def made(path: str) -> None:
    storage.MemoryStorage(ttl=KEEP)  # type: ignore[arg-type]
    storage.SqliteStorage(path, durability="some")  # type: ignore[arg-type]
    storage.LruMemoryStorage()  # type: ignore[call-arg]
    storage.adapt(7)  # type: ignore[arg-type]
    storage.fallback({}, {})  # type: ignore[call-arg]


async def leases_with_await(leases: aio.Leases) -> None:
    leases.claim("a", ttl=60)  # type: ignore[unused-coroutine]
    if leases.claim("a", ttl=60):  # type: ignore[truthy-bool]
        return
    with leases.hold("a"):  # type: ignore[attr-defined]
        pass


async def with_await(store: aio.Storage[int], blocking: Storage[int]) -> None:
    store.set("a", 1)  # type: ignore[unused-coroutine]
    (await store.get("a")) + 1  # type: ignore[operator]
    if store.has("a"):  # type: ignore[truthy-bool]
        return
    for _ in store.keys():  # type: ignore[attr-defined]
        pass
    await blocking.get("a")  # type: ignore[misc]
    with store:  # type: ignore[attr-defined]
        pass
