"""A whole store from SQLite to Redis."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

import storage

from ..harness import Spread, clocked, spread
from ..load import named
from ..report import Case, Report, Row, Target
from .settings import Settings

ENTRIES, QUICK_ENTRIES = 200_000, 20_000
LIFETIME = 86_400
AT_ONCE = 500

_RATE = Target(1.25)
_MEMORY = Target(16, " MB")

_PROCESS = Path("/proc/self/status")
"""Where Linux tells the peak of a process; `getrusage` begins with that of its parent."""

_MEASURED = f"""
import re, sys, storage
def peak():
    with open("{_PROCESS}") as status:
        return int(re.search(r"VmHWM:\\s*(\\d+)", status.read())[1])
with storage.open(sys.argv[1]) as source, storage.open(sys.argv[2]) as target:
    storage.copy(storage.MemoryStorage({{"a": 1}}, ttl=60), target, verify=True)
    next(source.keys())
    before = peak()
    assert storage.copy(source, target).written == int(sys.argv[3])
    print(peak() - before)
"""

Entry = tuple[str, bytes, "int | None"]


def copying(report: Report, chosen: Settings) -> None:
    """`copy` of SQLite to Redis against redis-py's pipelines of `SET` with the same bytes."""
    count = QUICK_ENTRIES if chosen.quick else ENTRIES
    record = chosen.sizes[0].record
    file, tenth = chosen.folder / "all.db", chosen.folder / "tenth.db"
    values = {named(number): record(number) for number in range(count)}
    entries = _filled(file, values)
    _filled(tenth, dict(list(values.items())[: count // 10]))
    client = redis.Redis.from_url(chosen.url)
    source, target = (
        storage.SqliteStorage(file),
        storage.RedisStorage(redis.Redis.from_url(chosen.url)),
    )
    case = Case(
        f"copy of {count} entries, SQLite to Redis",
        _moving("storage.copy(sqlite, redis)", count, client, lambda: storage.copy(source, target)),
        _moving(_TEXT, count, client, lambda: _set_all(client, entries)),
        _RATE,
        _moving(_TEXT, count, client, lambda: _set_all(client, entries)),
        clock="wall",
    )
    report.run(case, chosen.some(9))
    for one in (source, target, client):
        one.close()
    if _PROCESS.exists():
        report.add(_memory(chosen, file, tenth, count))


_TEXT = f"pipe.set(key, raw, pxat=ends) for each, pipe.execute() every {AT_ONCE}"


def _filled(file: Path, values: dict[str, Any]) -> list[Entry]:
    """What is in the file: a third of it ends."""
    now = int(time.time() * 1000)
    with storage.SqliteStorage(file) as store:
        entries: list[Entry] = [
            (key, storage.JsonCodec().encode(value), None if place % 3 else now + LIFETIME * 1000)
            for place, (key, value) in enumerate(values.items())
        ]
        store._backend.restore(entries, True)
    return entries


def _moving(text: str, count: int, client: redis.Redis, work: Callable[[], object]) -> Any:
    def prepared(number: int) -> Callable[[], object]:
        client.flushall()
        return work

    return clocked(text, count, prepared)


def _set_all(client: redis.Redis, entries: list[Entry]) -> None:
    for start in range(0, len(entries), AT_ONCE):
        pipe = client.pipeline(transaction=False)
        for key, raw, ends in entries[start : start + AT_ONCE]:
            pipe.set(f"storage:{key}", raw, pxat=ends)
        pipe.execute()


def _memory(chosen: Settings, file: Path, tenth: Path, count: int) -> Row:
    grown, less = _grown(chosen, file, count), _grown(chosen, tenth, count // 10)
    return Row(
        f"copy of {count} entries, memory it takes",
        "storage.copy(sqlite, redis) in a process of its own: the peak over the start",
        f"the same with {count // 10} entries",
        grown,
        _MEMORY,
        notes=[f"{less.median:.1f} MB with {count // 10} entries"],
        unit=" MB",
    )


def _grown(chosen: Settings, file: Path, count: int) -> Spread:
    words = [f"sqlite:///{file}", f"{chosen.url}?prefix=measured:", str(count)]
    sizes = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, *words], capture_output=True, check=True
        )
        sizes.append(int(done.stdout) / 1024)
    return spread(sizes)
