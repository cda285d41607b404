"""A bot on pyTelegramBotAPI that sends the files of a folder, and uploads each of them once.

    pip install pyTelegramBotAPI
    BOT_TOKEN=... python examples/telebot_media.py FOLDER

`STORAGE_URL` says where it keeps the ids of the files; without it, that is `telegram.db`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from telebot import TeleBot
from telebot.types import Message

import storage


class Shelf:
    """The files of a folder, by their names."""

    def __init__(self, bot: TeleBot, media: storage.MediaCache, folder: Path) -> None:
        self.bot = bot
        self.media = media
        self.folder = folder

    def on_message(self, message: Message) -> None:
        """Send what is asked for, or say what there is."""
        files = {path.name: path for path in sorted(self.folder.iterdir()) if path.is_file()}
        path = files.get(str(message.text))
        if path is None:
            self.bot.reply_to(message, "\n".join(files) or "there is nothing here")
        else:
            self.send(message.chat.id, path)

    def send(self, chat: int, path: Path) -> Message:
        """Send a file: by its id, or where it has none yet, as it is."""
        with path.open("rb") as file:
            return self.media.send(
                "document", file, lambda known: self.bot.send_document(chat, known)
            )


def make_bot(token: str, store: storage.Storage[Any], folder: Path) -> TeleBot:
    """The bot, which keeps the ids in *store*."""
    bot = TeleBot(token, num_threads=4)
    # What stands before the colon of a token is the id of the bot.
    media = storage.MediaCache(store, bot=token.partition(":")[0], ttl=30 * 24 * 3600)
    shelf = Shelf(bot, media, folder)
    bot.register_message_handler(shelf.on_message, content_types=["text"])
    return bot


def main() -> None:
    """Answer until somebody presses Ctrl-C."""
    token = os.environ.get("BOT_TOKEN") or sys.exit("BOT_TOKEN is to be the token of a bot")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else sys.exit("say which folder")
    with storage.open(os.environ.get("STORAGE_URL", "sqlite:///telegram.db")) as store:
        bot = make_bot(token, store, folder)
        try:
            bot.infinity_polling()
        finally:
            bot.stop_bot()


if __name__ == "__main__":
    main()
