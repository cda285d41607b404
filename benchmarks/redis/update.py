"""`update` of a hot key by threads and tasks, and by one caller alone."""

from __future__ import annotations

from typing import Any

from storage import Storage

from ..crowds import Crowd, Step, Tasks, Threads, event_loop, threads
from ..load import Load, Size
from ..race import HOT, UPDATES, Race, Racer, changed, changes
from ..report import Report, Target
from ..updates import TARGET_RATIO, alone, of_tasks, of_threads
from .bases import RawAioRedis, RawRedis
from .settings import Settings

ENTRIES, ALONE = 1_000, 500

_TARGET = Target(TARGET_RATIO)


def update(report: Report, chosen: Settings) -> None:
    """`update` of a hot key by threads and tasks, which must keep every change."""
    store, rounds = chosen.store(), chosen.some(15)
    with threads() as crowd:
        _threads(report, chosen, store, crowd, rounds)
    with event_loop() as loop:
        _tasks(report, chosen, Tasks(loop), rounds)
    alone(report, "Redis", store, Load(chosen.sizes[0], ENTRIES, ALONE), rounds)
    store.close()


def _threads(
    report: Report, chosen: Settings, store: Storage[Any], crowd: Threads, rounds: int
) -> None:
    size, raw = chosen.sizes[0], RawRedis(chosen.client(), chosen.codec)

    def safe() -> None:
        raw.update(HOT, changed)

    def unsafe() -> None:
        raw.set(HOT, changed(raw.get(HOT)))

    race = Race(f"update hot, Redis, {crowd.name} x {UPDATES // crowd.many}", _TARGET)
    beside = [
        _by_hand(raw, size, crowd, unsafe, "client.set(key, change(client.get(key)))"),
        _by_hand(raw, size, crowd, safe, "client.transaction(GET, change, SET)"),
    ]
    race.run(report, *of_threads(store, size, crowd), rounds, beside)
    raw.close()


def _tasks(report: Report, chosen: Settings, crowd: Tasks, rounds: int) -> None:
    size, store = chosen.sizes[0], chosen.aio_store()
    raw = RawAioRedis(chosen.aio_client(), chosen.codec)

    async def unsafe() -> None:
        await raw.set(HOT, changed(await raw.get(HOT)))

    race = Race(f"update hot, aio Redis, {crowd.name} x {UPDATES // crowd.many}", _TARGET)
    text = "await client.set(key, change(await client.get(key)))"
    beside = [_by_hand(raw, size, crowd, unsafe, text)]
    race.run(report, *of_tasks(store, size, crowd), rounds, beside)
    for one in (store, raw):
        crowd.wait_for(one.aclose())


def _by_hand(raw: RawRedis | RawAioRedis, size: Size, crowd: Crowd, step: Step, text: str) -> Racer:
    return Racer(
        f"redis-py: {text}",
        crowd.repeated(step, UPDATES),
        lambda: crowd.wait_for(raw.set(HOT, size.record(0))),
        lambda: changes(crowd.wait_for(raw.get(HOT))),
    )
