"""One key a call, blocking: one caller, and threads."""

from __future__ import annotations

from functools import partial
from itertools import cycle
from typing import Any

import redis

from storage import Codec, Storage

from ..crowds import Alone, Crowd, threads
from ..load import Load
from ..report import Report, Target
from .bare import Sides
from .bases import RawRedis
from .clients import ENTRIES, GET, OPERATIONS, SET, Client
from .settings import Settings

TTL = 3600

_ALONE, _CROWDED = Target(0.75), Target(0.5)


def single(report: Report, chosen: Settings) -> None:
    """A Redis store, which codes, against a bare call of redis-py's client, on the wall."""
    for size in chosen.sizes:
        load = Load(size, ENTRIES, size.operations(OPERATIONS))
        _run(report, chosen, Alone(), load, _ALONE)
        _run(report, chosen, Alone(), load, _ALONE, TTL)
        with threads() as crowd:
            _run(report, chosen, crowd, load, _CROWDED)


def _run(
    report: Report,
    chosen: Settings,
    crowd: Crowd,
    load: Load,
    target: Target,
    ttl: int | None = None,
) -> None:
    clients = [chosen.client() for _ in range(3)]
    bare, again = (of_redis(client, ttl) for client in clients[:2])
    store = chosen.store(ttl)
    sides = Sides(
        of_store(store), bare, again, coded(clients[2], chosen.codec, ttl), alone(load, chosen)
    )
    sides.fill(crowd, load, chosen.codec)
    names = {call: f"Redis {call}, {crowd.name}" for call in (GET, SET)}
    if ttl is not None:
        names = {SET: "Redis set, store with ttl=3600"}
    for law in sides.laws(crowd, load, chosen.codec, names):
        law.run(report, chosen.rounds if crowd.many == 1 else chosen.some(15), target)
    held: list[Any] = [store, *clients]
    for one in held:
        one.close()


def of_store(store: Storage[Any]) -> Client:
    """Ours."""
    texts = "store.get(key)", "store.set(key, value)"
    return Client("storage", store.get, store.set, texts, codes=True)


def of_redis(client: redis.Redis, ttl: int | None = None) -> Client:
    """redis-py's client, which reads and writes bytes."""
    set = client.set if ttl is None else partial(client.set, ex=ttl)
    text = "client.set(key, raw)" if ttl is None else f"client.set(key, raw, ex={ttl})"
    return Client("redis-py", client.get, set, ("client.get(key)", text))


def coded(client: redis.Redis, codec: Codec, ttl: int | None = None) -> Client:
    """The same with the codec that ours has."""
    raw = RawRedis(client, codec, ttl)
    set, text = (raw.set, raw.set_text) if ttl is None else (raw.set_ttl, raw.set_ttl_text)
    return Client("redis-py and codec", raw.get, set, (raw.get_text, text), codes=True)


def alone(load: Load, chosen: Settings) -> Client:
    """Nothing but the codec."""
    encode, decode = chosen.codec.encode, chosen.codec.decode
    raws = cycle([encode(value) for value in load.size.values])

    def get(key: str) -> Any:
        return decode(next(raws))

    def set(key: str, value: Any) -> None:
        encode(value)

    return Client("codec", get, set, ("decode(raw)", "encode(value)"), codes=True)
