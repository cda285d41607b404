"""throttled-py: its five algorithms."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

from ...redis.settings import SECONDS
from ..sides import Hit, Side
from .rate import Rate

_TEXT = "r = throttled.limit(key);  r.limited, r.state.remaining, r.state.retry_after"
_ALGORITHMS = ("fixed_window", "sliding_window", "token_bucket", "leaking_bucket", "gcra")


def on_redis(url: str, rate: Rate) -> list[Side]:
    """On the server at *url*, by a client that it makes itself."""
    throttled: Any = import_module("throttled")
    store = throttled.RedisStore(server=url, options={"SOCKET_TIMEOUT": SECONDS})
    return _sides(throttled, store, rate)


def in_memory(rate: Rate) -> list[Side]:
    """In memory."""
    throttled: Any = import_module("throttled")
    return _sides(throttled, throttled.MemoryStore(), rate)


def _sides(throttled: Any, store: Any, rate: Rate) -> list[Side]:
    quota = throttled.per_duration(timedelta(seconds=rate.per), rate.hits)
    return [
        Side(
            f"throttled-py, {name.replace('_', ' ')}",
            _TEXT,
            _hit(throttled.Throttled(using=name, quota=quota, store=store)),
        )
        for name in _ALGORITHMS
    ]


def _hit(throttled: Any) -> Hit:
    def hit(key: str) -> bool:
        result = throttled.limit(key)
        _ = result.state.remaining, result.state.retry_after
        return not result.limited

    return hit
