"""The bot of `telebot_limits.py` on aiogram, with the same limits.

    pip install aiogram
    BOT_TOKEN=... python examples/aiogram_limits.py

`STORAGE_URL` says where it counts; without it, that is `telegram.db`. Bots of one token that count
in one place share their limits.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware, Bot, Dispatcher, F
from aiogram.types import Message, TelegramObject

from storage import aio
from storage.aio import telegram

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class FloodControl(BaseMiddleware):
    """Drops the messages of who types too fast."""

    def __init__(self, flood: telegram.Inbound) -> None:
        self.flood = flood

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        return await self.flood.run(event, handler, data)


class Echo:
    """What the bot says, no faster than Telegram takes it."""

    def __init__(self, outbound: telegram.Outbound) -> None:
        self.outbound = outbound

    async def on_message(self, message: Message) -> None:
        """Say it again."""
        await self.say(message, str(message.text))

    async def too_fast(self, message: Message, verdict: aio.Verdict) -> None:
        """Tell who types too fast, which is done once in a window."""
        seconds = math.ceil(verdict.retry_after)
        await self.say(message, f"not so fast: try again in {seconds} s")

    async def say(self, message: Message, text: str) -> None:
        """Answer as soon as something may be sent to the chat."""
        await self.outbound.send(message.chat.id, message.reply, text)


def make_dispatcher(store: aio.Storage[Any]) -> Dispatcher:
    """The bot's handlers, which count in *store*."""
    echo = Echo(telegram.Outbound(store))
    flood = telegram.inbound(store, private="3/5s", group="3/5s", answer=echo.too_fast)
    dispatcher = Dispatcher()
    # An outer one: what is dropped costs nothing else.
    dispatcher.message.outer_middleware(FloodControl(flood))
    dispatcher.message.register(echo.on_message, F.text)
    return dispatcher


async def main() -> None:
    """Answer until somebody presses Ctrl-C."""
    token = os.environ.get("BOT_TOKEN") or sys.exit("BOT_TOKEN is to be the token of a bot")
    async with aio.open(os.environ.get("STORAGE_URL", "sqlite:///telegram.db")) as store:
        await make_dispatcher(store).start_polling(Bot(token))


if __name__ == "__main__":
    asyncio.run(main())
