"""Processes that add to one session; run by test_openai_agents.py.

    python writer.py URL BATCHES NAME ...

There is one for each name, which begins when all are there. It adds batches of two items, one
right after another. They are forks of one process: what they import takes seconds.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
from typing import Any

import agents  # noqa: F401 - the session would import it after all have begun

from storage.contrib.openai_agents import Session

PATIENCE_SECONDS = 60


def batch(name: str, number: int) -> list[Any]:
    return [{"role": "user", "content": f"{name} {number} {half}"} for half in "ab"]


async def write(url: str, name: str, batches: int) -> None:
    async with Session("ann", url) as session:
        for number in range(batches):
            await session.add_items(batch(name, number))


def begin(everybody: Any, url: str, name: str, batches: int) -> None:
    everybody.wait(PATIENCE_SECONDS)
    asyncio.run(write(url, name, batches))


def main(url: str, batches: str, *names: str) -> int:
    """How many of them have failed."""
    forks = multiprocessing.get_context("fork")
    everybody = forks.Barrier(len(names))
    writers: list[Any] = [
        forks.Process(target=begin, args=(everybody, url, name, int(batches))) for name in names
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return sum(writer.exitcode != 0 for writer in writers)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
