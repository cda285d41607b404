"""The bot of `telebot_conversation.py` on aiogram, over the same data.

    pip install aiogram
    BOT_TOKEN=... python examples/aiogram_conversation.py

`STORAGE_URL` says where it keeps what was said; without it, that is `telegram.db`. Put a model of
yours into `ask`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aiogram import Bot, Dispatcher, F
from aiogram.filters import Command
from aiogram.types import Message

from storage import aio

SYSTEM = {"role": "system", "content": "Be brief."}
MONTH = timedelta(days=30)


async def ask(messages: Sequence[dict[str, Any]]) -> str:
    """What a model would answer to *messages*; this one repeats what it was told."""
    told = [message["content"] for message in messages if message["role"] == "user"]
    return "I was told: " + ", ".join(told)


class Talk:
    """What the bot says, by what was said before."""

    def __init__(self, store: aio.Storage[Any]) -> None:
        self.talks = aio.Conversation(store, max_messages=100, ttl=MONTH)
        self.key_of = aio.keyed_by("chat", "user")

    async def on_forget(self, message: Message) -> None:
        """Forget the talk."""
        key = self.key_of(message)
        was_there = key is not None and await self.talks.clear(key)
        await message.reply("forgotten" if was_there else "there was nothing")

    async def on_undo(self, message: Message) -> None:
        """Take the last question back, and its answer."""
        key = self.key_of(message)
        taken = [] if key is None else await self.talks.undo(key)
        await message.reply("taken back" if taken else "there was nothing")

    async def on_message(self, message: Message) -> None:
        """Answer, and remember both; a message that comes a second time is remembered once."""
        key, number = self.key_of(message), message.message_id
        if key is None:
            await message.reply("I talk with people only")
            return
        question = {"role": "user", "content": str(message.text)}
        await self.talks.append(key, question, once=f"question {number}")
        answer = await ask([SYSTEM, *await self.talks.window(key, tokens=4000)])
        said = {"role": "assistant", "content": answer}
        await self.talks.append(key, said, once=f"answer {number}")
        await message.reply(answer)


def make_dispatcher(store: aio.Storage[Any]) -> Dispatcher:
    """The bot's handlers, which remember in *store*."""
    talk = Talk(store)
    dispatcher = Dispatcher()
    dispatcher.message.register(talk.on_forget, Command("forget"))
    dispatcher.message.register(talk.on_undo, Command("undo"))
    dispatcher.message.register(talk.on_message, F.text)
    return dispatcher


async def main() -> None:
    """Answer until somebody presses Ctrl-C."""
    token = os.environ.get("BOT_TOKEN") or sys.exit("BOT_TOKEN is to be the token of a bot")
    async with aio.open(os.environ.get("STORAGE_URL", "sqlite:///telegram.db")) as store:
        await make_dispatcher(store).start_polling(Bot(token))


if __name__ == "__main__":
    asyncio.run(main())
