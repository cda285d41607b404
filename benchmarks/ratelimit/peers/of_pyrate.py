"""pyrate-limiter: a log and GCRA, with a bucket a key, and without the thread that frees them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..sides import Side
from .rate import Rate, client

_TEXT = "limiters[key].try_acquire(key, blocking=False)"


def on_redis(url: str, rate: Rate) -> list[Side]:
    """On the server at *url*, by a client as all others have it."""
    pyrate: Any = import_module("pyrate_limiter")
    rates, server = _rates(pyrate, rate), client(url)
    script = pyrate.RedisBucket.init(rates, server, "pyrate").script_hash

    def log(key: str) -> Any:
        return pyrate.RedisBucket(rates, server, f"pyrate:log:{key}", script)

    def gcra(key: str) -> Any:
        store = pyrate.RedisStateStore(server, f"pyrate:gcra:{key}")
        return pyrate.StateBucket(rates, algorithm=pyrate.GCRA(), store=store)

    return _sides(pyrate, log, gcra)


def in_memory(rate: Rate) -> list[Side]:
    """In memory."""
    pyrate: Any = import_module("pyrate_limiter")
    rates = _rates(pyrate, rate)

    def log(key: str) -> Any:
        return pyrate.InMemoryBucket(rates)

    def gcra(key: str) -> Any:
        return pyrate.StateBucket(rates, algorithm=pyrate.GCRA())

    return _sides(pyrate, log, gcra)


def _rates(pyrate: Any, rate: Rate) -> list[Any]:
    return [pyrate.Rate(rate.hits, rate.per * 1000)]


def _sides(pyrate: Any, log: Callable[[str], Any], gcra: Callable[[str], Any]) -> list[Side]:
    return [
        Side("pyrate-limiter, log", _TEXT, Limiters(pyrate, log).hit),
        Side("pyrate-limiter, GCRA", _TEXT, Limiters(pyrate, gcra).hit),
    ]


class Limiters:
    """A limiter for each key, since a bucket is for one."""

    def __init__(self, pyrate: Any, bucket: Callable[[str], Any]) -> None:
        self._pyrate = pyrate
        self._bucket = bucket
        self._limiters: dict[str, Any] = {}

    def hit(self, key: str) -> Any:
        limiter = self._limiters.get(key)
        if limiter is None:
            factory = self._pyrate.SingleBucketFactory(self._bucket(key), schedule_leak=False)
            limiter = self._limiters[key] = self._pyrate.Limiter(factory)
        return limiter.try_acquire(key, blocking=False)
