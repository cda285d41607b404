"""One key a call by us and by other libraries, each against redis-py's client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..crowds import TASKS, Alone, Crowd, Tasks, event_loop, threads
from ..harness import measure
from ..load import Load
from ..report import Report
from . import peers
from .clients import ENTRIES, GET, OPERATIONS, SET, Client, failures, fill, load_for, rounds_for
from .settings import MOST, Settings
from .single import of_redis, of_store
from .table import Table
from .tasks import MANY_TASKS, of_aio_redis, of_aio_store

AGAIN = "another client"
AS_IT_COMES = "redis.asyncio, limit as it comes"


def beside(report: Report, chosen: Settings) -> None:
    """The same calls by other libraries; ours and aiogram's storage code, the others take bytes."""
    for size in chosen.sizes:
        load = Load(size, ENTRIES, size.operations(OPERATIONS))
        _blocking(report, chosen, load)
        with event_loop() as loop:
            _for_tasks(report, chosen, load, Tasks(loop))


def _blocking(report: Report, chosen: Settings, load: Load) -> None:
    clients, store, crowd = [chosen.client() for _ in range(2)], chosen.store(), Alone()
    base, again = (of_redis(client) for client in clients)
    sides = [of_store(store), base, again._replace(name=AGAIN)]
    sides += peers.blocking(report, chosen)
    _tell(report, sides)
    with threads() as many:
        _compare(report, chosen, load, sides, [crowd, many])
    for side in sides:
        side.closed(crowd)
    held: list[Any] = [store, *clients]
    for one in held:
        one.close()


def _for_tasks(report: Report, chosen: Settings, load: Load, crowd: Tasks) -> None:
    clients, store = [chosen.aio_client(most) for most in (MOST, MOST, None)], chosen.aio_store()
    base, again, limited = (of_aio_redis(client) for client in clients)
    sides = [of_aio_store(store), base, again._replace(name=AGAIN)]
    sides.append(limited._replace(name=AS_IT_COMES))
    sides += peers.for_tasks(report, chosen, crowd)
    _tell(report, sides)
    crowds = [crowd.of(many) for many in (1, TASKS, MANY_TASKS)]
    _compare(report, chosen, load, sides, crowds)
    for side in sides:
        side.closed(crowd)
    held: list[Any] = [store, *clients]
    for one in held:
        crowd.wait_for(one.aclose())


def _compare(
    report: Report, chosen: Settings, load: Load, sides: Sequence[Client], crowds: Sequence[Crowd]
) -> None:
    """The table of all *sides*, of which the second is the base and the third that once more."""
    base = sides[1].name
    table = Table(load.size.name, base)
    for side in sides:
        fill(side, crowds[0], load, chosen.codec)
    for crowd in crowds:
        enough = load_for(crowd, load)
        able = _able(enough, sides, crowd, table)
        made = [(side.name, side.variants(crowd, enough, chosen.codec)) for side in able]
        for call in (GET, SET):
            column = _named(call, crowd)
            variants = {name: one[call] for name, one in made}
            samples = measure(variants, rounds_for(crowd, chosen))
            table.column(column, samples)
            law = f"{base}, {column}, {load.size.name}"
            report.against_itself(law, samples[AGAIN], samples[base], "wall")
    table.print(report)


def _able(load: Load, sides: Sequence[Client], crowd: Crowd, table: Table) -> list[Client]:
    """Those whose calls all succeed; of the others *table* is told how many fail."""
    able = []
    for side in sides:
        failed = failures(side, crowd, load)
        if failed:
            text = f"{sum(failed.values()):,} of {load.operations:,} fail"
            for call in (GET, SET):
                table.instead(side.name, _named(call, crowd), text)
        else:
            able.append(side)
    return able


def _named(call: str, crowd: Crowd) -> str:
    return f"{call}, {crowd.name}"


def _tell(report: Report, sides: Sequence[Client]) -> None:
    """How each of them is called."""
    for side in sides:
        report.say(f"    {side.name:34}{';  '.join(side.texts)}")
