"""One conversation, whoever keeps it, and what is measured of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from storage import Conversation, Storage, aio

from ..crowds import Crowd
from ..harness import Variant, clocked
from .talk import BUDGET, LAST, TOKENS, TTL, Message, parts, said

KEY = "user:7"


class History(Protocol):
    """A conversation; in asyncio each step is a coroutine function."""

    append_text: str
    last_text: str

    def append(self, message: Message) -> Any:
        """Keep one more."""
        ...

    def last(self) -> Any:
        """The last 20, decoded."""
        ...

    def settle(self) -> Any:
        """Remove what nothing else removes, off the clock."""
        ...


class Ours:
    """A conversation of ours that keeps *size* messages and ends when nothing is said."""

    append_text = "conversation.append(key, message)  # max_messages, ttl=3600"
    last_text = "conversation.list(key, last=20)"
    window_text = "conversation.window(key, tokens=1000)"

    def __init__(self, store: Storage[Any], size: int, key: str = KEY) -> None:
        self.size = size
        self._key = f"{key}:{size}"
        self._conversation = Conversation(store, max_messages=size, ttl=TTL)

    def fill(self, messages: list[Message]) -> None:
        for some in parts(messages):
            self._conversation.append_many(self._key, some, tokens=[TOKENS] * len(some))

    def append(self, message: Message) -> None:
        self._conversation.append(self._key, message)

    def last(self) -> list[Message]:
        return self._conversation.list(self._key, last=LAST)

    def window(self) -> list[Message]:
        return self._conversation.window(self._key, tokens=BUDGET)

    def all(self) -> list[Message]:
        return self._conversation.list(self._key)

    def settle(self) -> None:
        """Nothing is left to do."""


class AioOurs:
    """The same for tasks."""

    append_text = f"await {Ours.append_text}"
    last_text = f"await {Ours.last_text}"
    window_text = f"await {Ours.window_text}"

    def __init__(self, store: aio.Storage[Any], size: int, key: str = KEY) -> None:
        self._key = f"{key}:{size}"
        self._conversation = aio.Conversation(store, max_messages=size, ttl=TTL)

    async def append(self, message: Message) -> None:
        await self._conversation.append(self._key, message)

    async def last(self) -> list[Message]:
        return await self._conversation.list(self._key, last=LAST)

    async def window(self) -> list[Message]:
        return await self._conversation.window(self._key, tokens=BUDGET)

    async def settle(self) -> None:
        """Nothing is left to do."""


def appends(crowd: Crowd, history: History, operations: int) -> Variant:
    """So many messages a round."""
    return clocked(
        history.append_text,
        operations,
        lambda number: crowd.work(history.append, [(one,) for one in said(number, operations)]),
        lambda: crowd.wait_for(history.settle()),
    )


def reads(crowd: Crowd, text: str, read: Callable[[], Any], operations: int) -> Variant:
    """So many calls of *read* a round."""
    return clocked(text, operations, lambda number: crowd.repeated(read, operations))


def check(name: str, found: Sequence[Any], expected: Sequence[Message]) -> None:
    """Refuse to measure what gives something else: that may take less."""
    if list(map(_text, found)) != list(map(_text, expected)):
        raise RuntimeError(f"{name}: {len(found)} messages, which are not the last {len(expected)}")


def _text(message: Any) -> Any:
    """What a message says, which may be an object of a framework."""
    return message["content"] if isinstance(message, dict) else message.content
