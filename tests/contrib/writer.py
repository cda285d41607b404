"""One of several processes that add to one session; run by test_openai_agents.py.

    python writer.py URL NAME BATCHES

It adds batches of two items, one right after another.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import agents  # noqa: F401 - the session would import it after all have begun

from storage.contrib.openai_agents import Session


def batch(name: str, number: int) -> list[Any]:
    return [{"role": "user", "content": f"{name} {number} {half}"} for half in "ab"]


async def write(url: str, name: str, batches: int) -> None:
    async with Session("ann", url) as session:
        for number in range(batches):
            await session.add_items(batch(name, number))


def main(url: str, name: str, batches: str) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    asyncio.run(write(url, name, int(batches)))


if __name__ == "__main__":
    main(*sys.argv[1:])
