"""One of several processes that say something in one conversation; run by test_codex_at_once.py.

    python codex_worker.py {blocking | asyncio} URL NAME MESSAGES

It says that it is ready, waits for a line on stdin, and appends its messages one after the other,
and every third time two at once.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import storage
import storage.aio
import storage.aio.compat.vibegram
import storage.compat.vibegram

KEY = "chat:-100:thread:1"
MOST = 10_000


def said(name: str, number: int) -> dict[str, Any]:
    return {"role": "user", "content": f"{name} {number}"}


def groups(name: str, count: int) -> list[list[dict[str, Any]]]:
    """*count* messages, as they are appended."""
    messages = [said(name, number) for number in range(count)]
    sizes = [2 if number % 3 == 2 else 1 for number in range(count)]
    found = []
    while messages:
        size = sizes.pop(0)
        found.append(messages[:size])
        messages = messages[size:]
    return found


def main(colour: str, url: str, name: str, count: str) -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    if colour == "blocking":
        one_by_one(url, groups(name, int(count)))
    else:
        asyncio.run(with_await(url, groups(name, int(count))))


def one_by_one(url: str, some: list[list[Any]]) -> None:
    with storage.open(url) as base:
        store = storage.compat.vibegram.CodexStore(base, MOST)
        for messages in some:
            if len(messages) == 1:
                store.append(KEY, messages[0])
            else:
                store.append_many(KEY, messages)


async def with_await(url: str, some: list[list[Any]]) -> None:
    async with storage.aio.open(url) as base:
        store = storage.aio.compat.vibegram.CodexStore(base, MOST)
        for messages in some:
            if len(messages) == 1:
                await store.append(KEY, messages[0])
            else:
                await store.append_many(KEY, messages)


if __name__ == "__main__":
    main(*sys.argv[1:])
