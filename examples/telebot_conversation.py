"""A bot on pyTelegramBotAPI that talks with each user in each chat, and remembers what was said.

    pip install pyTelegramBotAPI
    BOT_TOKEN=... python examples/telebot_conversation.py

`STORAGE_URL` says where it keeps what was said; without it, that is `telegram.db`. Put a model of
yours into `ask`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from telebot import TeleBot
from telebot.types import Message

import storage

SYSTEM = {"role": "system", "content": "Be brief."}
MONTH = timedelta(days=30)


def ask(messages: Sequence[dict[str, Any]]) -> str:
    """What a model would answer to *messages*; this one repeats what it was told."""
    told = [message["content"] for message in messages if message["role"] == "user"]
    return "I was told: " + ", ".join(told)


class Talk:
    """What the bot says, by what was said before."""

    def __init__(self, bot: TeleBot, store: storage.Storage[Any]) -> None:
        self.bot = bot
        self.talks = storage.Conversation(store, max_messages=100, ttl=MONTH)
        self.key_of = storage.keyed_by("chat", "user")

    def on_forget(self, message: Message) -> None:
        """Forget the talk."""
        key = self.key_of(message)
        was_there = key is not None and self.talks.clear(key)
        self.bot.reply_to(message, "forgotten" if was_there else "there was nothing")

    def on_undo(self, message: Message) -> None:
        """Take the last question back, and its answer."""
        key = self.key_of(message)
        taken = [] if key is None else self.talks.undo(key)
        self.bot.reply_to(message, "taken back" if taken else "there was nothing")

    def on_message(self, message: Message) -> None:
        """Answer, and remember both; a message that comes a second time is remembered once."""
        key, number = self.key_of(message), message.message_id
        if key is None:
            self.bot.reply_to(message, "I talk with people only")
            return
        question = {"role": "user", "content": str(message.text)}
        self.talks.append(key, question, once=f"question {number}")
        answer = ask([SYSTEM, *self.talks.window(key, tokens=4000)])
        self.talks.append(key, {"role": "assistant", "content": answer}, once=f"answer {number}")
        self.bot.reply_to(message, answer)


def make_bot(token: str, store: storage.Storage[Any]) -> TeleBot:
    """The bot, which remembers in *store*."""
    bot = TeleBot(token, num_threads=4)
    talk = Talk(bot, store)
    bot.register_message_handler(talk.on_forget, commands=["forget"])
    bot.register_message_handler(talk.on_undo, commands=["undo"])
    bot.register_message_handler(talk.on_message, content_types=["text"])
    return bot


def main() -> None:
    """Answer until somebody presses Ctrl-C."""
    token = os.environ.get("BOT_TOKEN") or sys.exit("BOT_TOKEN is to be the token of a bot")
    with storage.open(os.environ.get("STORAGE_URL", "sqlite:///telegram.db")) as store:
        bot = make_bot(token, store)
        try:
            bot.infinity_polling()
        finally:
            bot.stop_bot()


if __name__ == "__main__":
    main()
