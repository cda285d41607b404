"""A bot on pyTelegramBotAPI that counts what each user says in each chat.

    pip install pyTelegramBotAPI
    BOT_TOKEN=... python examples/telebot_counter.py

`STORAGE_URL` says where it keeps what it knows; without it, that is `telegram.db`.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from telebot import TeleBot
from telebot.handler_backends import BaseMiddleware
from telebot.types import Message

import storage

Count = dict[str, int]


class SessionMiddleware(BaseMiddleware):
    """Gives handlers the `session` of the user in the chat, and `opened`, its controls."""

    def __init__(self, sessions: storage.Sessions[Count]) -> None:
        super().__init__()
        self.sessions = sessions
        self.update_types = ["message"]

    def pre_process(self, message: Message, data: dict[str, Any]) -> None:
        data["opened"] = self.sessions.of(message)
        data["session"] = data["opened"].begin()

    def post_process(self, message: Message, data: dict[str, Any], error: Exception | None) -> None:
        data["opened"].end(error)


def on_start(message: Message, bot: TeleBot) -> None:
    """Say what there is to say."""
    bot.reply_to(message, "I count what you say: /count tells how much, /reset begins anew")


def on_count(message: Message, bot: TeleBot, session: Count) -> None:
    """Tell the count."""
    bot.reply_to(message, f"{session['count']} messages so far")


def on_reset(message: Message, bot: TeleBot, opened: storage.Session[Count]) -> None:
    """Forget the count."""
    opened.clear()
    bot.reply_to(message, "forgotten")


def on_message(message: Message, bot: TeleBot, session: Count) -> None:
    """Count a message."""
    session["count"] += 1
    bot.reply_to(message, f"message {session['count']} of yours here")


def make_bot(token: str, store: storage.Storage[Any]) -> TeleBot:
    """The bot, which remembers in *store*."""
    sessions: storage.Sessions[Count] = storage.Sessions(
        store, initial=lambda: {"count": 0}, key=storage.keyed_by("chat", "user")
    )
    bot = TeleBot(token, use_class_middlewares=True, num_threads=4)
    # The last one: what another one cancels after it is never post-processed.
    bot.setup_middleware(SessionMiddleware(sessions))
    bot.register_message_handler(on_start, commands=["start"], pass_bot=True)
    bot.register_message_handler(on_count, commands=["count"], pass_bot=True)
    bot.register_message_handler(on_reset, commands=["reset"], pass_bot=True)
    bot.register_message_handler(on_message, content_types=["text"], pass_bot=True)
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
