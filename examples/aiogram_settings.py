"""The bot of `telebot_settings.py` on aiogram, over the same data.

    pip install aiogram 'chatstorage[cloudflare]'
    export STORAGE_URL=cloudflare://account/namespace CLOUDFLARE_API_TOKEN=...
    BOT_TOKEN=... python examples/aiogram_settings.py

The settings are written seldom and read by every message, so they fit Cloudflare's KV; without
`STORAGE_URL` they are in `settings.db`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from aiogram import Bot, Dispatcher, F
from aiogram.filters import Command, CommandObject
from aiogram.types import Message

from storage import aio

GREETINGS = {"de": "Hallo!", "en": "Hello!", "fr": "Bonjour !"}
SECONDS = 60
"""How old a setting may be here: KV may be as late elsewhere."""


class Settings:
    """What each chat has chosen, with a memory that spares most questions to the store."""

    def __init__(self, store: aio.Storage[Any]) -> None:
        self._store = store.namespace("settings")
        self._recent: aio.Storage[Any] = aio.LruMemoryStorage(10_000, ttl=SECONDS)

    async def language(self, chat: int) -> str:
        """The language of a chat."""
        found = await self._recent.get_or_set(str(chat), lambda: self._store.get(str(chat), {}))
        return str(found.get("language", "en"))

    async def choose(self, chat: int, language: str) -> None:
        """Note the language of a chat."""
        chosen = {"language": language}
        await self._store.set(str(chat), chosen)
        # What was written is known here; the store may still tell of what was there before.
        await self._recent.set(str(chat), chosen)


def make_dispatcher(store: aio.Storage[Any]) -> Dispatcher:
    """The bot's handlers, which keep the settings of chats in *store*."""
    settings = Settings(store)
    dispatcher = Dispatcher()

    async def on_language(message: Message, command: CommandObject) -> None:
        """Choose a language."""
        language = (command.args or "").strip()
        if language not in GREETINGS:
            await message.reply(f"there are {', '.join(GREETINGS)}")
            return
        await settings.choose(message.chat.id, language)
        await message.reply(GREETINGS[language])

    async def on_message(message: Message) -> None:
        """Greet."""
        await message.reply(GREETINGS[await settings.language(message.chat.id)])

    dispatcher.message.register(on_language, Command("language"))
    dispatcher.message.register(on_message, F.text)
    return dispatcher


async def main() -> None:
    """Answer until somebody presses Ctrl-C."""
    token = os.environ.get("BOT_TOKEN") or sys.exit("BOT_TOKEN is to be the token of a bot")
    async with aio.open(os.environ.get("STORAGE_URL", "sqlite:///settings.db")) as store:
        await make_dispatcher(store).start_polling(Bot(token))


if __name__ == "__main__":
    asyncio.run(main())
