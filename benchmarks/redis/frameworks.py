"""A storage of a bot framework beside ours: the same work by the calls that it has for it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any, NamedTuple

from storage import Storage, aio

from ..crowds import Crowd, Step
from ..harness import Variant
from ..load import Load, Record, named
from ..race import HOT, Race, Racer
from ..report import Case, Report
from .settings import Settings

ENTRIES, OPERATIONS = 1_000, 500
UPDATES = 100
"""So many at once change one record, each of them a field of its own."""


class Calls(NamedTuple):
    """How to read, replace and change a record; *change* takes key, field and value."""

    get: Step
    set: Step
    change: Step
    texts: tuple[str, str, str]


def compare(
    report: Report, chosen: Settings, name: str, crowd: Crowd, ours: Calls, theirs: Calls
) -> None:
    """Three calls on many keys, and many changes of one if there are many."""
    size, rounds = chosen.sizes[0], chosen.some(15)
    load = Load(size, ENTRIES, OPERATIONS)
    for case in _cases(f"{name}, {crowd.name}", load, crowd, ours, theirs):
        report.run(case, rounds)
    if crowd.many > 1:
        compare_kept(report, chosen, name, crowd, ours, theirs)


def compare_kept(
    report: Report, chosen: Settings, name: str, crowd: Crowd, ours: Calls, theirs: Calls
) -> None:
    """Many changes of one record."""
    record = chosen.sizes[0].record(0)
    race = Race(f"{UPDATES} fields at once, {name}, {crowd.name}")
    safe, base, again = (_racer(calls, record, crowd) for calls in (ours, theirs, theirs))
    race.run(report, safe, base, again, chosen.some(15))


def in_turn(one: Calls, other: Calls) -> Calls:
    """Two storages that know nothing of each other, as two processes have them."""
    changes = cycle((one.change, other.change))

    def change(key: str, field: str, value: Any) -> Any:
        return next(changes)(key, field, value)

    return one._replace(change=change)


def fill(crowd: Crowd, set: Step, record: Callable[[int], Record]) -> None:
    """Put every key there."""
    items = [(named(place), record(place)) for place in range(ENTRIES)]
    crowd.work(set, [*items, (HOT, record(0))])()


def of_store(store: Storage[Any]) -> Calls:
    """The calls of ours."""

    def change(key: str, field: str, value: Any) -> None:
        store.update(key, lambda data: {**data, field: value})

    update = "store.update(key, lambda data: {**data, field: value})"
    return Calls(store.get, store.set, change, ("store.get(key)", "store.set(key, value)", update))


def of_aio_store(store: aio.Storage[Any]) -> Calls:
    """The same for tasks."""

    async def change(key: str, field: str, value: Any) -> None:
        await store.update(key, lambda data: {**data, field: value})

    update = "await store.update(key, lambda data: {**data, field: value})"
    get, set = "await store.get(key)", "await store.set(key, value)"
    return Calls(store.get, store.set, change, (get, set, update))


def _cases(about: str, load: Load, crowd: Crowd, ours: Calls, theirs: Calls) -> list[Case]:
    pairs = [
        [
            crowd.gets(load, calls.texts[0], calls.get),
            crowd.sets(load, calls.texts[1], calls.set),
            _changes(load, crowd, calls),
        ]
        for calls in (ours, theirs)
    ]
    names = ("get", "set", "update")
    return [Case(f"{name}, {about}", *both) for name, *both in zip(names, *pairs)]


def _changes(load: Load, crowd: Crowd, calls: Calls) -> Variant:
    def step(key: str, value: Record) -> Any:
        return calls.change(key, "n", value["n"])

    return crowd.sets(load, calls.texts[2], step)


def _racer(calls: Calls, record: Record, crowd: Crowd) -> Racer:
    fields = [f"field {number}" for number in range(UPDATES)]

    def left() -> int:
        return len(crowd.wait_for(calls.get(HOT)).keys() & set(fields))

    return Racer(
        calls.texts[2],
        crowd.work(calls.change, [(HOT, field, True) for field in fields]),
        lambda: crowd.wait_for(calls.set(HOT, record)),
        left,
        UPDATES,
    )
