"""One key a call, blocking: one caller, and threads."""

from __future__ import annotations

from typing import Any

from storage import Storage

from ..crowds import Threads, threads
from ..load import Load
from ..report import Case, Report, Target
from .bases import RawRedis
from .settings import Settings

ENTRIES, OPERATIONS = 1_000, 1_000
TTL = 3600

_SINGLE = Target(1.05)


def single(report: Report, chosen: Settings) -> None:
    """A Redis store against redis-py's client and the same codec."""
    for size in chosen.sizes:
        load = Load(size, ENTRIES, size.operations(OPERATIONS))
        store, lasting = chosen.store(), chosen.store(TTL)
        base, again = (RawRedis(chosen.client(), chosen.codec, TTL) for _ in range(2))
        for one in (store, base):
            load.fill_many(one.set_many)
        for case in _alone(load, store, lasting, base, again):
            report.run(case, chosen.rounds)
        with threads() as crowd:
            for case in _crowded(load, store, base, crowd):
                report.run(case, chosen.some(15))
        for one in (store, lasting, base, again):
            one.close()


def _alone(
    load: Load, store: Storage[Any], lasting: Storage[Any], base: RawRedis, again: RawRedis
) -> list[Case]:
    get = Case(
        f"Redis get, {load.size.name}",
        load.gets("store.get(key)", store.get),
        load.gets(base.get_text, base.get),
        _SINGLE,
        load.gets(again.get_text, again.get),
    )
    set = Case(
        f"Redis set, {load.size.name}",
        load.sets("store.set(key, value)", store.set),
        load.sets(base.set_text, base.set),
        _SINGLE,
        load.sets(again.set_text, again.set),
    )
    set_ttl = Case(
        f"Redis set, store with ttl=3600, {load.size.name}",
        load.sets("store.set(key, value)", lasting.set),
        load.sets(base.set_ttl_text, base.set_ttl),
        _SINGLE,
        load.sets(again.set_ttl_text, again.set_ttl),
    )
    return [get, set, set_ttl]


def _crowded(load: Load, store: Storage[Any], base: RawRedis, crowd: Threads) -> list[Case]:
    get = Case(
        f"Redis get, {crowd.name}, {load.size.name}",
        crowd.gets(load, "store.get(key)", store.get),
        crowd.gets(load, base.get_text, base.get),
    )
    set = Case(
        f"Redis set, {crowd.name}, {load.size.name}",
        crowd.sets(load, "store.set(key, value)", store.set),
        crowd.sets(load, base.set_text, base.set),
    )
    return [get, set]
