"""One of several workers of a bot, each of which sends twenty files five times over.

    python worker.py URL blocking|asyncio

It says how often it sent a file, and how often it uploaded one; each upload has an id that tells
the file.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import storage
import storage.aio

FILES = [b"file %d" % number for number in range(20)]
ROUNDS = 5


class Bot:
    """Sends files, and notices what is not the file that was meant."""

    def __init__(self) -> None:
        self.sent = self.uploads = 0

    def call(self, meant: bytes, file: Any) -> dict[str, Any]:
        self.uploads += not isinstance(file, str)
        told = file if isinstance(file, str) else f"id of {file.decode()}"
        assert told == f"id of {meant.decode()}", told
        self.sent += 1
        return {"document": {"file_id": told}}


def blocking(url: str, bot: Bot) -> None:
    with storage.open(url) as store:
        media = storage.MediaCache(store, bot="support")
        for file in FILES * ROUNDS:
            media.send("document", file, lambda handed, meant=file: bot.call(meant, handed))


async def in_a_loop(url: str, bot: Bot) -> None:
    async with storage.aio.open(url) as store:
        media = storage.aio.MediaCache(store, bot="support")
        for file in FILES * ROUNDS:
            await media.send("document", file, lambda handed, meant=file: bot.call(meant, handed))


if __name__ == "__main__":
    bot = Bot()
    if sys.argv[2] == "blocking":
        blocking(sys.argv[1], bot)
    else:
        asyncio.run(in_a_loop(sys.argv[1], bot))
    sys.stdout.write(f"{bot.sent} {bot.uploads}\n")
