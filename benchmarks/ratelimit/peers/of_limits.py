"""limits: its three strategies."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..sides import Hit, Side
from .rate import Rate, client


def on_redis(url: str, rate: Rate) -> list[Side]:
    """On the server at *url*, by a client as all others have it."""
    storages: Any = import_module("limits.storage")
    storage = storages.RedisStorage(url, connection_pool=client(url).connection_pool)
    sides = _sides(storage, rate)
    moving = _strategy("MovingWindowRateLimiter", storage)
    text = "strategy.hit(item, key);  strategy.get_window_stats(item, key)"
    sides.append(Side("limits, moving window and its numbers", text, _with_numbers(moving, rate)))
    return sides


def in_memory(rate: Rate) -> list[Side]:
    """In memory; a thread of its own frees what is over, and is waited for."""
    storages: Any = import_module("limits.storage")
    storage = storages.MemoryStorage()

    def settle() -> None:
        storage.timer.join()  # another one each time

    return [side._replace(settle=settle) for side in _sides(storage, rate)]


def _sides(storage: Any, rate: Rate) -> list[Side]:
    kinds = {
        "fixed window": "FixedWindowRateLimiter",
        "moving window": "MovingWindowRateLimiter",
        "sliding window counter": "SlidingWindowCounterRateLimiter",
    }
    return [
        Side(f"limits, {name}", "strategy.hit(item, key)", _hit(_strategy(kind, storage), rate))
        for name, kind in kinds.items()
    ]


def _strategy(kind: str, storage: Any) -> Any:
    return getattr(import_module("limits.strategies"), kind)(storage)


def _item(rate: Rate) -> Any:
    limits: Any = import_module("limits")
    return limits.RateLimitItemPerSecond(rate.hits, rate.per)


def _hit(strategy: Any, rate: Rate) -> Hit:
    item = _item(rate)

    def hit(key: str) -> Any:
        return strategy.hit(item, key)

    return hit


def _with_numbers(strategy: Any, rate: Rate) -> Hit:
    item = _item(rate)

    def hit(key: str) -> Any:
        passed = strategy.hit(item, key)
        strategy.get_window_stats(item, key)
        return passed

    return hit
