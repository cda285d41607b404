"""A bot on pyTelegramBotAPI that says what it hears, but not to who types too fast.

    pip install pyTelegramBotAPI
    BOT_TOKEN=... python examples/telebot_limits.py

`STORAGE_URL` says where it counts; without it, that is `telegram.db`. Bots of one token that count
in one place share their limits.
"""

from __future__ import annotations

import math
import os
import sys
from typing import Any

from telebot import TeleBot
from telebot.handler_backends import BaseMiddleware, CancelUpdate
from telebot.types import Message

import storage
from storage import telegram


class FloodControl(BaseMiddleware):
    """Drops the messages of who types too fast."""

    def __init__(self, flood: telegram.Inbound) -> None:
        super().__init__()
        self.flood = flood
        self.update_types = ["message"]

    def pre_process(self, message: Message, data: dict[str, Any]) -> CancelUpdate | None:
        return None if self.flood.passes(message) else CancelUpdate()

    def post_process(self, message: Message, data: dict[str, Any], error: Exception | None) -> None:
        """Nothing is left to do."""


class Echo:
    """What the bot says, no faster than Telegram takes it."""

    def __init__(self, bot: TeleBot, outbound: telegram.Outbound) -> None:
        self.bot = bot
        self.outbound = outbound

    def on_message(self, message: Message) -> None:
        """Say it again."""
        self.say(message, str(message.text))

    def too_fast(self, message: Message, verdict: storage.Verdict) -> None:
        """Tell who types too fast, which is done once in a window."""
        seconds = math.ceil(verdict.retry_after)
        self.say(message, f"not so fast: try again in {seconds} s")

    def say(self, message: Message, text: str) -> None:
        """Answer as soon as something may be sent to the chat."""
        self.outbound.send(message.chat.id, self.bot.reply_to, message, text)


def make_bot(token: str, store: storage.Storage[Any]) -> TeleBot:
    """The bot, which counts in *store*."""
    bot = TeleBot(token, use_class_middlewares=True, num_threads=4)
    echo = Echo(bot, telegram.Outbound(store))
    flood = telegram.inbound(store, private="3/5s", group="3/5s", answer=echo.too_fast)
    # The first one: what is dropped costs nothing else.
    bot.setup_middleware(FloodControl(flood))
    bot.register_message_handler(echo.on_message, content_types=["text"])
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
