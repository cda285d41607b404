"""One key a call, asyncio: one task, fifty and five hundred of a loop."""

from __future__ import annotations

from typing import Any

import redis.asyncio

from storage import Codec, aio

from ..crowds import TASKS, Tasks, event_loop
from ..harness import Spread
from ..load import Load
from ..report import Report, Row, Target
from .bare import Sides
from .bases import RawAioRedis
from .clients import (
    ENTRIES,
    GET,
    OPERATIONS,
    SET,
    Client,
    failures,
    fill,
    load_for,
    rounds_for,
    told,
)
from .settings import MOST, Settings
from .single import alone

MANY_TASKS = 500

_GETS = {1: Target(0.6), TASKS: Target(1 / 6), MANY_TASKS: Target(1 / 8)}


def tasks(report: Report, chosen: Settings) -> None:
    """An aio Redis store, which codes, against a bare call of redis-py's asyncio client."""
    with event_loop() as loop:
        for size in chosen.sizes:
            load = Load(size, ENTRIES, size.operations(OPERATIONS))
            for many in _GETS:
                crowd = Tasks(loop, many)
                _run(report, chosen, crowd, load_for(crowd, load))
        _as_it_comes(report, chosen, Tasks(loop, MANY_TASKS))


def _run(report: Report, chosen: Settings, crowd: Tasks, load: Load) -> None:
    clients = [chosen.aio_client(MOST) for _ in range(3)]
    bare, again = (of_aio_redis(client) for client in clients[:2])
    store = chosen.aio_store()
    ours = of_aio_store(store)
    sides = Sides(ours, bare, again, coded(clients[2], chosen.codec), _codec(load, chosen))
    sides.fill(crowd, load, chosen.codec)
    faults = told(failures(ours, crowd, load), load.operations)
    names = {call: f"aio Redis {call}, {crowd.name}" for call in (GET, SET)}
    for call, law in zip(names, sides.laws(crowd, load, chosen.codec, names)):
        target = _GETS[crowd.many] if call == GET else None
        law.run(report, rounds_for(crowd, chosen), target, faults)
    held: list[Any] = [store, *clients]
    for one in held:
        crowd.wait_for(one.aclose())


def _as_it_comes(report: Report, chosen: Settings, crowd: Tasks) -> None:
    """By clients of which nobody has raised a limit: how many calls fail."""
    load = load_for(crowd, Load(chosen.sizes[0], ENTRIES, OPERATIONS))
    client, store = chosen.aio_client(), chosen.aio_store()
    ours, base = of_aio_store(store), of_aio_redis(client)
    for side in (ours, base):
        fill(side, crowd.of(1), load, chosen.codec)
    own, other = (failures(side, crowd, load) for side in (ours, base))
    failed = float(own.total())
    report.add(
        Row(
            f"aio Redis get, {crowd.name}, limits as they come",
            ours.texts[0],
            base.texts[0],
            Spread(failed, failed, failed),
            Target(0, " failed"),
            notes=[f"base: {note}" for note in told(other, load.operations)],
            faults=told(own, load.operations),
            unit=" failed",
        )
    )
    for one in (store, client):
        crowd.wait_for(one.aclose())


def of_aio_store(store: aio.Storage[Any]) -> Client:
    """Ours."""
    texts = "await store.get(key)", "await store.set(key, value)"
    return Client("storage", store.get, store.set, texts, codes=True)


def of_aio_redis(client: redis.asyncio.Redis) -> Client:
    """redis-py's client for asyncio, which reads and writes bytes."""
    texts = "await client.get(key)", "await client.set(key, raw)"
    return Client("redis.asyncio", client.get, client.set, texts)


def coded(client: redis.asyncio.Redis, codec: Codec) -> Client:
    """The same with the codec that ours has."""
    raw = RawAioRedis(client, codec)
    texts = raw.get_text, raw.set_text
    return Client("redis.asyncio and codec", raw.get, raw.set, texts, codes=True)


def _codec(load: Load, chosen: Settings) -> Client:
    """Nothing but the codec."""
    plain = alone(load, chosen)

    async def get(key: str) -> Any:
        return plain.get(key)

    async def set(key: str, value: Any) -> None:
        plain.set(key, value)

    return plain._replace(get=get, set=set)
