"""One of several workers of a bot, which sends as fast as it may; test_workers.py runs several.

    python worker.py '{"place": URL, "half": "blocking" or "asyncio", "port": ..., ...}'

It says that it is ready, waits for a line on stdin, and sends for so many seconds to each of its
chats, in a thread or a task for each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import storage
import storage.aio.telegram
import storage.telegram

sys.path.append(str(Path(__file__).parents[2]))  # after the installed library

from tests.telegram.network import AsyncLine, Line


class Work(NamedTuple):
    """What a worker is told."""

    place: str
    half: str
    port: int
    seconds: float
    chats: list[int]
    options: dict[str, Any]


def blocking(works: list[Work], store: Any, start: Any) -> None:
    """Do *works* in threads, after *start*."""
    ends: list[float] = []

    def send(outbound: Any, chat: int, port: int) -> None:
        line = Line(port)
        try:
            while time.monotonic() < ends[0]:
                outbound.send(chat, line.send, chat)
        except storage.RateLimitedError:
            pass  # nothing more may be sent there for long
        finally:
            line.close()

    calls: list[tuple[Any, int, int]] = []
    for work in works:
        outbound = storage.telegram.Outbound(store, **work.options)
        outbound.pause(1, 1)  # whatever is made with the first call is made
        calls += [(outbound, chat, work.port) for chat in work.chats]
    start()
    ends.append(time.monotonic() + works[0].seconds)
    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(send, *call) for call in calls]:
            done.result()


async def in_tasks(works: list[Work], store: Any, start: Any) -> None:
    """Do *works* in tasks, after *start*."""
    ends: list[float] = []

    async def send(outbound: Any, chat: int, port: int) -> None:
        line = AsyncLine(port)
        await line.open()
        try:
            while time.monotonic() < ends[0]:
                await outbound.send(chat, line.send, chat)
        except storage.RateLimitedError:
            pass  # nothing more may be sent there for long
        finally:
            await line.aclose()

    calls = []
    for work in works:
        outbound = storage.aio.telegram.Outbound(store, **work.options)
        await outbound.pause(1, 1)
        calls += [(outbound, chat, work.port) for chat in work.chats]
    await asyncio.to_thread(start)
    ends.append(time.monotonic() + works[0].seconds)
    await asyncio.gather(*(send(*call) for call in calls))
    await store.aclose()


def do(works: list[Work], start: Any) -> None:
    """Do all *works* in this process, over one store."""
    first = works[0]
    if first.half == "blocking":
        with storage.open(first.place) as store:
            blocking(works, store, start)
    else:
        asyncio.run(in_tasks(works, storage.aio.open(first.place), start))


def ready() -> None:
    """Say so, and wait for the others."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    do([Work(**json.loads(sys.argv[1]))], ready)
