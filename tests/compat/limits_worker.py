"""One of several processes that hit one limit; run by test_limits_at_once.py.

    python limits_worker.py {blocking | asyncio} URL LIMIT HITS

It says that it is ready, waits for a line on stdin, and says how many of its hits passed by the
limits of each library.
"""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import storage
import storage.aio
import storage.aio.compat.gramio
import storage.aio.compat.puregram
import storage.aio.compat.vibegram
import storage.compat.gramio
import storage.compat.puregram
import storage.compat.vibegram

LIBRARIES = ("vibegram", "puregram", "gramio")
EVENT = SimpleNamespace(from_user=SimpleNamespace(id=7), chat=SimpleNamespace(id=100))
WINDOW = 600


def made(half: Any, name: str, store: Any, limit: int) -> tuple[Any, dict[str, Any]]:
    """Limits of the library of that *name*, and what they are told with each event."""
    library = getattr(half.compat, name)
    if name == "vibegram":
        return library.rate_limit(store=store, limit=limit, window=WINDOW), {}
    return library.rate_limit(storage=store), {"limit": limit, "window": WINDOW}


def main(colour: str, url: str, limit: str, hits: str) -> None:
    say("ready")
    sys.stdin.readline()
    if colour == "blocking":
        passed = one_by_one(url, int(limit), int(hits))
    else:
        passed = asyncio.run(at_once(url, int(limit), int(hits)))
    say(" ".join(map(str, passed)))


def one_by_one(url: str, limit: int, hits: int) -> list[int]:
    passed = []
    with storage.open(url) as store:
        for name in LIBRARIES:
            limits, told = made(storage, name, store, limit)
            waits = [limits.check(EVENT, **told) for _ in range(hits)]
            passed.append(waits.count(None))
    return passed


async def at_once(url: str, limit: int, hits: int) -> list[int]:
    """The hits of as many tasks."""
    passed = []
    async with storage.aio.open(url) as store:
        for name in LIBRARIES:
            limits, told = made(storage.aio, name, store, limit)
            waits = await asyncio.gather(*(limits.check(EVENT, **told) for _ in range(hits)))
            passed.append(waits.count(None))
    return passed


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
