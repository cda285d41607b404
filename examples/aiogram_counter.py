"""The bot of `telebot_counter.py` on aiogram, over the same data.

    pip install aiogram
    BOT_TOKEN=... python examples/aiogram_counter.py

`STORAGE_URL` says where it keeps what it knows; without it, that is `telegram.db`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware, Bot, Dispatcher, F
from aiogram.filters import Command, CommandStart
from aiogram.types import Message, TelegramObject

from storage import aio

Count = dict[str, int]
Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class SessionMiddleware(BaseMiddleware):
    """Gives handlers the `session` of the user in the chat, and `opened`, its controls."""

    def __init__(self, sessions: aio.Sessions[Count]) -> None:
        self.sessions = sessions

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        opened = self.sessions.of(event)
        async with opened as session:
            return await handler(event, {**data, "session": session, "opened": opened})


async def on_start(message: Message) -> None:
    """Say what there is to say."""
    await message.reply("I count what you say: /count tells how much, /reset begins anew")


async def on_count(message: Message, session: Count) -> None:
    """Tell the count."""
    await message.reply(f"{session['count']} messages so far")


async def on_reset(message: Message, opened: aio.Session[Count]) -> None:
    """Forget the count."""
    await opened.clear()
    await message.reply("forgotten")


async def on_message(message: Message, session: Count) -> None:
    """Count a message."""
    session["count"] += 1
    await message.reply(f"message {session['count']} of yours here")


def make_dispatcher(store: aio.Storage[Any]) -> Dispatcher:
    """The bot's handlers, which remember in *store*."""
    sessions: aio.Sessions[Count] = aio.Sessions(
        store, initial=lambda: {"count": 0}, key=aio.keyed_by("chat", "user")
    )
    dispatcher = Dispatcher()
    # An inner one: a message that no handler wants opens no session.
    dispatcher.message.middleware(SessionMiddleware(sessions))
    dispatcher.message.register(on_start, CommandStart())
    dispatcher.message.register(on_count, Command("count"))
    dispatcher.message.register(on_reset, Command("reset"))
    dispatcher.message.register(on_message, F.text)
    return dispatcher


async def main() -> None:
    """Answer until somebody presses Ctrl-C."""
    token = os.environ.get("BOT_TOKEN") or sys.exit("BOT_TOKEN is to be the token of a bot")
    async with aio.open(os.environ.get("STORAGE_URL", "sqlite:///telegram.db")) as store:
        await make_dispatcher(store).start_polling(Bot(token))


if __name__ == "__main__":
    asyncio.run(main())
