"""Memory and LRU against a dict, and against cachetools; a million entries against a thousand."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storage import Storage

from ..load import Load, Size
from ..report import Case, Report, Target
from .bases import DEFAULT_TTL, BareDict, ExpiringDict, LockedTtlCache
from .settings import Settings

ENTRIES = 10_000
OPERATIONS = 2_000
FEW, MANY, QUICK_MANY = 1_000, 1_000_000, 100_000

_EQUAL = Target(1.0)
_SCALES = Target(1.5)


def memory(report: Report, chosen: Settings) -> None:
    """A memory store with expiry against a dict, a lock, copies and a deadline."""
    for size in chosen.sizes:
        load = Load(size, ENTRIES, size.operations(OPERATIONS))
        store = chosen.memory(DEFAULT_TTL)
        bare, base, again = BareDict(chosen.codec), *_two(ExpiringDict, chosen)
        for one in (store, bare, base, again):
            load.fill(one.set)
        report.run(_memory_get(load, store, bare, base, again), chosen.rounds)
        report.run(_memory_set(load, store, bare, base, again), chosen.rounds)
        report.run(_memory_set_ttl(load, store, base), chosen.rounds)


def _memory_get(
    load: Load, store: Storage[Any], bare: BareDict, base: ExpiringDict, again: ExpiringDict
) -> Case:
    return Case(
        f"memory get, {load.size.name}",
        load.gets("store.get(key)", store.get),
        load.gets(base.get_text, base.get),
        _EQUAL,
        load.gets(again.get_text, again.get),
        [load.gets(f"without expiry: {bare.get_text}", bare.get)],
    )


def _memory_set(
    load: Load, store: Storage[Any], bare: BareDict, base: ExpiringDict, again: ExpiringDict
) -> Case:
    return Case(
        f"memory set, store with ttl=3600, {load.size.name}",
        load.sets("store.set(key, value)", store.set),
        load.sets(base.set_text, base.set),
        _EQUAL,
        load.sets(again.set_text, again.set),
        [load.sets(f"without expiry: {bare.set_text}", bare.set)],
    )


def _memory_set_ttl(load: Load, store: Storage[Any], base: ExpiringDict) -> Case:
    return Case(
        f"memory set, ttl=3600 in the call, {load.size.name}",
        load.sets("store.set(key, value, ttl=3600)", lambda k, v: store.set(k, v, ttl=3600)),
        load.sets(base.set_text, lambda k, v: base.set(k, v, ttl=3600)),
    )


def lru(report: Report, chosen: Settings) -> None:
    """An LRU store against cachetools' TTLCache, a lock and copies."""
    for size in chosen.sizes:
        load = Load(size, ENTRIES, size.operations(OPERATIONS))
        store = chosen.lru(ENTRIES, DEFAULT_TTL)
        base, again = (LockedTtlCache(chosen.codec, ENTRIES) for _ in range(2))
        for one in (store, base, again):
            load.fill(one.set)
        report.run(_lru_get(load, store, base, again), chosen.rounds)
        report.run(_lru_set(load, store, base, again), chosen.rounds)
        report.run(_lru_evict(load, store, base, again), chosen.rounds)


def _lru_get(load: Load, store: Storage[Any], base: LockedTtlCache, again: LockedTtlCache) -> Case:
    return Case(
        f"LRU get, {load.size.name}",
        load.gets("store.get(key)", store.get),
        load.gets(base.get_text, base.get),
        _EQUAL,
        load.gets(again.get_text, again.get),
    )


def _lru_set(load: Load, store: Storage[Any], base: LockedTtlCache, again: LockedTtlCache) -> Case:
    return Case(
        f"LRU set, {load.size.name}",
        load.sets("store.set(key, value)", store.set),
        load.sets(base.set_text, base.set),
        _EQUAL,
        load.sets(again.set_text, again.set),
    )


def _lru_evict(
    load: Load, store: Storage[Any], base: LockedTtlCache, again: LockedTtlCache
) -> Case:
    return Case(
        f"LRU set with eviction, {load.size.name}",
        load.sets("store.set(new_key, value)", store.set, new=True),
        load.sets(base.set_text, base.set, new=True),
        _EQUAL,
        load.sets(again.set_text, again.set, new=True),
    )


def million(report: Report, chosen: Settings) -> None:
    """A store of a million entries against one of a thousand."""
    size, many = chosen.sizes[0], QUICK_MANY if chosen.quick else MANY
    makers: dict[str, Callable[[int], Storage[Any]]] = {
        "memory": lambda entries: chosen.memory(DEFAULT_TTL),
        "LRU": lambda entries: chosen.lru(entries, DEFAULT_TTL),
    }
    for name, make in makers.items():
        _grown(report, chosen, name, make, size, many)
        gc.collect()


def _grown(
    report: Report,
    chosen: Settings,
    name: str,
    make: Callable[[int], Storage[Any]],
    size: Size,
    many: int,
) -> None:
    small, large = (Load(size, count, size.operations(OPERATIONS)) for count in (FEW, many))
    few, store = make(FEW), make(many)
    small.fill(few.set)
    before = _resident()
    large.fill(store.set)
    each = (_resident() - before) / many
    for case in _slopes(name, large, store, small, few):
        report.run(case, chosen.some(15))
    raw = len(chosen.codec.encode(size.values[0]))
    report.say(f"    {name}: {each:,.0f} bytes an entry, of which the value's JSON is {raw}")


def _slopes(
    name: str, large: Load, store: Storage[Any], small: Load, few: Storage[Any]
) -> list[Case]:
    get = Case(
        f"{name} get, {large.entries:,} entries",
        large.gets(f"store.get(key), {large.entries:,} entries", store.get),
        small.gets(f"store.get(key), {small.entries:,} entries", few.get),
        _SCALES,
    )
    set = Case(
        f"{name} set, {large.entries:,} entries",
        large.sets(f"store.set(key, value), {large.entries:,} entries", store.set),
        small.sets(f"store.set(key, value), {small.entries:,} entries", few.set),
        _SCALES,
    )
    return [get, set]


def _two(kind: type[ExpiringDict], chosen: Settings) -> tuple[ExpiringDict, ExpiringDict]:
    return kind(chosen.codec), kind(chosen.codec)


def _resident() -> int:
    """Bytes of memory that the process has; 0 where nobody says."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
