"""A bot in the terminal, to see what a store does for one."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..conversation import Conversation
from ..core.subjects import SessionKey
from ..errors import (
    LeaseLostError,
    LeaseTimeoutError,
    OutcomeUnknownError,
    UnavailableError,
)
from ..limiter import RateLimiter
from ..opening import open as open_store
from ..sessions import Sessions
from ..store import Storage
from .answerer import answer

DEFAULT_STORE = "sqlite:///storage-demo.db"

LIMIT = "5/10s"
"""How often one person is heard in one chat."""

REMEMBERED = 20
"""How many messages of a talk the bot remembers, its own answers included."""

_HELP = """\
Say anything, and the bot counts it and answers by what was said before: tell it your name, and ask
"who am I?" or "what did I say?" later. Who types too fast is not heard for a while.
  /stats          what it knows of this chat
  /undo           take the last thing back that one said, and its answer
  /user NAME      speak as somebody else
  /chat NAME      go to another chat
  /forget         forget the one who speaks, in this chat
  /quit           leave; what the bot knows stays in the store"""

_SCRIPT = (
    "my name is Ann",
    "/user bob",
    "I am Bob",
    "call me Rob",
    "/undo",
    "/stats",
    "/chat work",
    "morning",
    "/user cat",
    "is",
    "there",
    "anybody",
    "who",
    "knows",
    "the",
    "answer?",
    "/stats",
)

_AFTERWARDS = ("/stats", "who am I?")

_PASSING = (UnavailableError, OutcomeUnknownError, LeaseTimeoutError, LeaseLostError)
"""What may be otherwise with the next message."""


class Bot:
    """Counts what is said: per chat by a counter, per chat and user in sessions. What was said and
    answered is a conversation, also per chat and user.

    Who says too much is told so once, and after that is answered as briefly as can be.
    """

    def __init__(self, store: Storage[Any]) -> None:
        self._chats = store.namespace("chats")
        self._sessions = Sessions(store, initial=_unknown)
        self._talks = Conversation(store, max_messages=REMEMBERED)
        self._limiter = RateLimiter(store, LIMIT, tells_once=True)
        self.chat: str = "home"
        self.user: str = "ann"

    def answer(self, text: str) -> str:
        """What the bot says to *text*."""
        if not text.startswith("/"):
            return self._hear(text)
        command, _, argument = text[1:].partition(" ")
        if command == "stats":
            return self._stats()
        if command == "undo":
            return self._undo()
        if command == "forget":
            return self._forget()
        if command in ("user", "chat") and argument:
            setattr(self, command, argument)
            return f"You are {self.user} in {self.chat}."
        return _HELP

    def _hear(self, text: str) -> str:
        verdict = self._limiter.hit(self._speaker())
        if verdict:
            return f"{self._count(text)}\n{self._reply(text)}"
        if verdict.is_first_refusal:
            return f"{self.user}: too fast, try again in {math.ceil(verdict.retry_after)} s."
        return "..."

    def _count(self, text: str) -> str:
        with self._sessions.open(self._speaker(), self.user) as session:
            session["messages"] += 1
            session["letters"] += len(text)
        total = self._chats.incr(self.chat)
        return f"{self.user}: message {session['messages']} of yours, {total} in {self.chat}."

    def _reply(self, text: str) -> str:
        speaker = self._speaker()
        self._talks.append(speaker, {"role": "user", "content": text})
        said = answer(self._talks.window(speaker))
        self._talks.append(speaker, {"role": "assistant", "content": said})
        return said

    def _undo(self) -> str:
        taken = self._talks.undo(self._speaker())
        return (
            f'Taken back: "{taken[0]["content"]}".' if taken else "There is nothing to take back."
        )

    def _forget(self) -> str:
        was_known = self._sessions.delete(self._speaker())
        was_heard = self._talks.clear(self._speaker())
        if was_known or was_heard:
            return f"{self.user} is forgotten."
        return f"{self.user} was not known."

    def _stats(self) -> str:
        total = self._chats.get(self.chat, 0)
        lines = [f"{self.chat}: {total} messages"]
        for _, session in sorted(self._sessions.items(chat=self.chat)):
            name, messages, letters = session["user"], session["messages"], session["letters"]
            lines.append(f"  {name}: {messages} messages, {letters} letters")
        return "\n".join(lines)

    def _speaker(self) -> SessionKey:
        return SessionKey(chat=self.chat, user=self.user)


def _unknown(user: str) -> dict[str, Any]:
    """What a session begins as."""
    return {"user": user, "messages": 0, "letters": 0}


def add_command(commands: Any) -> None:
    """Add `demo` to the command line."""
    parser = commands.add_parser("demo", help="a bot in the terminal that remembers what is said")
    where = "where that is kept, redis://localhost:6379/0 for instance (%(default)s)"
    parser.add_argument("--store", default=DEFAULT_STORE, metavar="URL", help=where)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Talk, or play a short conversation where nobody sits at the terminal."""
    with open_store(options.store) as store:
        if sys.stdin.isatty():
            return _talk(Bot(store))
        _play(Bot(store), _SCRIPT)
    print("-- the bot is started again --")
    with open_store(options.store) as store:
        _play(Bot(store), _AFTERWARDS)
    return 0


def _talk(bot: Bot) -> int:
    known = bot.answer("/stats")
    print(f"{_HELP}\n{known}")
    for text in _typed():
        if text == "/quit":
            break
        if text:
            print(_answer(bot, text))
    return 0


def _answer(bot: Bot, text: str) -> str:
    """What the bot says; a server that is away for a while does not end the conversation."""
    try:
        return bot.answer(text)
    except _PASSING as error:
        return f"I can not tell: {error}"


def _typed() -> Iterator[str]:
    while True:
        try:
            yield input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return


def _play(bot: Bot, script: Sequence[str]) -> None:
    for text in script:
        print(f"> {text}\n{bot.answer(text)}")
