"""`update` of a hot key by threads and tasks, and by one caller alone."""

from __future__ import annotations

from collections.abc import Callable

from ..crowds import Tasks, Threads, event_loop, threads
from ..load import Load, Size
from ..race import HOT, UPDATES, Race, Racer, changed, changes
from ..report import Report, Target
from ..updates import TARGET_RATIO, alone, of_tasks, of_threads
from .bases import RawRedis
from .settings import Settings

ENTRIES, ALONE = 1_000, 500

_TARGET = Target(TARGET_RATIO)


def update(report: Report, chosen: Settings) -> None:
    """`update` of a hot key by threads and tasks, which must keep every change."""
    size, store = chosen.sizes[0], chosen.store()
    raw = RawRedis(chosen.client(), chosen.codec)

    def safe() -> None:
        raw.update(HOT, changed)

    def unsafe() -> None:
        raw.set(HOT, changed(raw.get(HOT)))

    with threads() as crowd:
        race = Race(f"update hot, Redis, {crowd.name} x {UPDATES // crowd.many}", _TARGET)
        beside = [
            _by_hand(
                "redis-py: client.set(key, change(client.get(key)))", raw, size, crowd, unsafe
            ),
            _by_hand("redis-py: client.transaction(GET, change, SET)", raw, size, crowd, safe),
        ]
        race.run(report, *of_threads(store, size, crowd), chosen.some(15), beside)
    raw.close()
    _tasks(report, chosen)
    alone(report, "Redis", store, Load(size, ENTRIES, ALONE), chosen.some(15))
    store.close()


def _tasks(report: Report, chosen: Settings) -> None:
    with event_loop() as loop:
        crowd, store = Tasks(loop), chosen.aio_store()
        race = Race(f"update hot, aio Redis, {crowd.name} x {UPDATES // crowd.many}", _TARGET)
        race.run(report, *of_tasks(store, chosen.sizes[0], crowd), chosen.some(15))
        crowd.wait_for(store.aclose())


def _by_hand(
    text: str, raw: RawRedis, size: Size, crowd: Threads, step: Callable[[], None]
) -> Racer:
    return Racer(
        text,
        crowd.repeated(step, UPDATES),
        lambda: raw.set(HOT, size.record(0)),
        lambda: changes(raw.get(HOT)),
    )
