"""limits: its three strategies."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..sides import Hit, Side
from .rate import Rate, client

_STRATEGIES = {
    "fixed window": "FixedWindowRateLimiter",
    "moving window": "MovingWindowRateLimiter",
    "sliding window counter": "SlidingWindowCounterRateLimiter",
}
_TEXT = "strategy.hit(item, key)"
_STATS = f"{_TEXT};  strategy.get_window_stats(item, key)"


def on_redis(url: str, rate: Rate) -> list[Side]:
    """On the server at *url*, by a client as all others have it; and once with the numbers, for
    which it makes a second trip."""
    storages: Any = import_module("limits.storage")
    pool = client(url).connection_pool

    def strategy(kind: str, prefix: str) -> Any:
        # Strategies give the same names to other kinds of entries.
        return _made(kind, storages.RedisStorage(url, connection_pool=pool, key_prefix=prefix))

    sides = [
        Side(f"limits, {name}", _TEXT, _hit(strategy(kind, name), rate))
        for name, kind in _STRATEGIES.items()
    ]
    moving = strategy(_STRATEGIES["moving window"], "with numbers")
    return [*sides, Side("limits, moving window, two trips", _STATS, _with_numbers(moving, rate))]


def in_memory(rate: Rate) -> list[Side]:
    """In memory; a thread frees what is over, and is waited for."""
    storages: Any = import_module("limits.storage")
    sides = []
    for name, kind in _STRATEGIES.items():
        strategy = _made(kind, storages.MemoryStorage())
        sides.append(Side(f"limits, {name}", _TEXT, _hit(strategy, rate), _Joining(strategy)))
    return sides


class _Joining:
    """Waits for the thread of a storage, which is another one each time."""

    def __init__(self, strategy: Any) -> None:
        self._storage = strategy.storage

    def __call__(self) -> None:
        self._storage.timer.join()


def _made(kind: str, storage: Any) -> Any:
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
