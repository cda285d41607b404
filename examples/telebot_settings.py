"""A bot on pyTelegramBotAPI that greets in the language that a chat has chosen.

    pip install pyTelegramBotAPI 'chatstorage[cloudflare]'
    export STORAGE_URL=cloudflare://account/namespace CLOUDFLARE_API_TOKEN=...
    BOT_TOKEN=... python examples/telebot_settings.py

The settings are written seldom and read by every message, so they fit Cloudflare's KV; without
`STORAGE_URL` they are in `settings.db`.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from telebot import TeleBot
from telebot.types import Message

import storage

GREETINGS = {"de": "Hallo!", "en": "Hello!", "fr": "Bonjour !"}
SECONDS = 60
"""How old a setting may be here: KV may be as late elsewhere."""


class Settings:
    """What each chat has chosen, with a memory that spares most questions to the store."""

    def __init__(self, store: storage.Storage[Any]) -> None:
        self._store = store.namespace("settings")
        self._recent: storage.Storage[Any] = storage.LruMemoryStorage(10_000, ttl=SECONDS)

    def language(self, chat: int) -> str:
        """The language of a chat."""
        found = self._recent.get_or_set(str(chat), lambda: self._store.get(str(chat), {}))
        return str(found.get("language", "en"))

    def choose(self, chat: int, language: str) -> None:
        """Note the language of a chat."""
        chosen = {"language": language}
        self._store.set(str(chat), chosen)
        # What was written is known here; the store may still tell of what was there before.
        self._recent.set(str(chat), chosen)


def make_bot(token: str, store: storage.Storage[Any]) -> TeleBot:
    """The bot, which keeps the settings of chats in *store*."""
    settings = Settings(store)
    bot = TeleBot(token, num_threads=4)

    def on_language(message: Message) -> None:
        """Choose a language."""
        language = (message.text or "").partition(" ")[2].strip()
        if language not in GREETINGS:
            bot.reply_to(message, f"there are {', '.join(GREETINGS)}")
            return
        settings.choose(message.chat.id, language)
        bot.reply_to(message, GREETINGS[language])

    def on_message(message: Message) -> None:
        """Greet."""
        bot.reply_to(message, GREETINGS[settings.language(message.chat.id)])

    bot.register_message_handler(on_language, commands=["language"])
    bot.register_message_handler(on_message, content_types=["text"])
    return bot


def main() -> None:
    """Answer until somebody presses Ctrl-C."""
    token = os.environ.get("BOT_TOKEN") or sys.exit("BOT_TOKEN is to be the token of a bot")
    with storage.open(os.environ.get("STORAGE_URL", "sqlite:///settings.db")) as store:
        bot = make_bot(token, store)
        try:
            bot.infinity_polling()
        finally:
            bot.stop_bot()


if __name__ == "__main__":
    main()
