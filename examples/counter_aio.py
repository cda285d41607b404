"""The bot of `counter.py` with asyncio: while it waits, other tasks run.

    printf 'ann: hello\nbob: hi\nann: /top\n' | python examples/counter_aio.py

It counts on where `counter.py` ended: both halves of the library keep the same data.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from storage import aio

HISTORY_SECONDS = 7 * 24 * 3600

Handler = Callable[["Bot", str, str], Awaitable[str]]


class Bot:
    """What the handlers need: a part of the store for each kind of knowledge."""

    def __init__(self, store: aio.Storage[Any]) -> None:
        self.totals: aio.Storage[int] = store.namespace("totals")
        self.people: aio.Storage[dict[str, Any]] = store.namespace("people")

    async def answer(self, user: str, text: str) -> str:
        """What the bot says to *text* of *user*."""
        return await HANDLERS.get(text, on_message)(self, user, text)


async def on_message(bot: Bot, user: str, text: str) -> str:
    """Count the message, for everybody and for its author."""
    total = await bot.totals.incr("messages")

    def said(person: dict[str, Any]) -> dict[str, Any]:
        return {"messages": person["messages"] + 1, "last": text}

    # The record of a user ends a week after the last message.
    person = await bot.people.update(user, said, default={"messages": 0}, ttl=HISTORY_SECONDS)
    return f"{user}: {person['messages']} of {total} messages are yours"


async def on_top(bot: Bot, user: str, text: str) -> str:
    """Who said how much."""
    people = [item async for item in bot.people.items()]
    ranking = sorted(people, key=lambda item: -item[1]["messages"])
    return "\n".join(f"{name}: {person['messages']}" for name, person in ranking) or "nobody yet"


async def on_forget(bot: Bot, user: str, text: str) -> str:
    """Forget the one who asks."""
    return "forgotten" if await bot.people.delete(user) else "I did not know you"


HANDLERS: dict[str, Handler] = {"/top": on_top, "/forget": on_forget}


async def main() -> None:
    """Answer the messages on the standard input."""
    async with aio.open(os.environ.get("STORAGE_URL", "sqlite:///counter.db")) as store:
        bot = Bot(store)
        while line := await asyncio.to_thread(sys.stdin.readline):
            user, _, text = line.strip().partition(": ")
            if text:
                print(await bot.answer(user, text))


if __name__ == "__main__":
    asyncio.run(main())
