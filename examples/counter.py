"""A bot that counts what is said, and goes on counting when it is started again.

Each line of the standard input is a message of somebody:

    printf 'ann: hello\nbob: hi\nann: /top\n' | python examples/counter.py

`STORAGE_URL` says where it keeps what it knows; without it, that is `counter.db`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import storage

HISTORY_SECONDS = 7 * 24 * 3600

Handler = Callable[["Bot", str, str], str]


class Bot:
    """What the handlers need: a part of the store for each kind of knowledge."""

    def __init__(self, store: storage.Storage[Any]) -> None:
        self.totals: storage.Storage[int] = store.namespace("totals")
        self.people: storage.Storage[dict[str, Any]] = store.namespace("people")

    def answer(self, user: str, text: str) -> str:
        """What the bot says to *text* of *user*."""
        return HANDLERS.get(text, on_message)(self, user, text)


def on_message(bot: Bot, user: str, text: str) -> str:
    """Count the message, for everybody and for its author."""
    total = bot.totals.incr("messages")

    def said(person: dict[str, Any]) -> dict[str, Any]:
        return {"messages": person["messages"] + 1, "last": text}

    # The record of a user ends a week after the last message.
    person = bot.people.update(user, said, default={"messages": 0}, ttl=HISTORY_SECONDS)
    return f"{user}: {person['messages']} of {total} messages are yours"


def on_top(bot: Bot, user: str, text: str) -> str:
    """Who said how much."""
    ranking = sorted(bot.people.items(), key=lambda item: -item[1]["messages"])
    return "\n".join(f"{name}: {person['messages']}" for name, person in ranking) or "nobody yet"


def on_forget(bot: Bot, user: str, text: str) -> str:
    """Forget the one who asks."""
    return "forgotten" if bot.people.delete(user) else "I did not know you"


HANDLERS: dict[str, Handler] = {"/top": on_top, "/forget": on_forget}


def main() -> None:
    """Answer the messages on the standard input."""
    with storage.open(os.environ.get("STORAGE_URL", "sqlite:///counter.db")) as store:
        bot = Bot(store)
        for line in sys.stdin:
            user, _, text = line.strip().partition(": ")
            if text:
                print(bot.answer(user, text))


if __name__ == "__main__":
    main()
