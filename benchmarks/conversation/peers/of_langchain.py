"""langchain-community: a list of Redis, newest first, renewed in a second trip, read as a whole."""

from __future__ import annotations

import json
import warnings
from importlib import import_module
from typing import Any

from ...redis.settings import SECONDS
from ..talk import LAST, TTL, Message, parts
from .peer import Peer

KEY = "langchain"


class Community:
    """Its history with a lifetime."""

    append_text = "history.add_message(message)  # ttl=3600"
    last_text = "history.messages[-20:]"

    def __init__(self, history: Any, messages: Any, size: int) -> None:
        self._history = history
        self._messages = messages
        self._size = size
        self._made: dict[str, Any] = {}

    def fill(self, messages: list[Message]) -> None:
        """Write what it writes, in fewer trips."""
        for some in parts(messages):
            raws = [json.dumps(self._messages.message_to_dict(self._its_own(one))) for one in some]
            self._history.redis_client.lpush(self._history.key, *raws)

    def append(self, message: Message) -> None:
        self._history.add_message(self._its_own(message))

    def last(self) -> list[Any]:
        newest: list[Any] = self._history.messages[-LAST:]
        return newest

    def all(self) -> list[Any]:
        every: list[Any] = self._history.messages
        return every

    def settle(self) -> None:
        self._history.redis_client.ltrim(self._history.key, 0, self._size - 1)

    def _its_own(self, message: Message) -> Any:
        """The message as it wants it, which a bot that uses it has from the beginning."""
        text = message["content"]
        made = self._made.get(text)
        if made is None:
            is_user = message["role"] == "user"
            kind = self._messages.HumanMessage if is_user else self._messages.AIMessage
            made = self._made[text] = kind(text)
        return made


def on_redis(url: str, size: int, key: str = KEY) -> list[Peer]:
    """On the server at *url*, by a client that it makes itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # nobody tends the package any more
        of_redis: Any = import_module("langchain_community.chat_message_histories.redis")
    messages: Any = import_module("langchain_core.messages")
    history = of_redis.RedisChatMessageHistory(
        f"{key}:{size}", url=f"{url}?socket_timeout={SECONDS}", ttl=TTL
    )
    side = Community(history, messages, size)
    return [Peer("langchain-community, Redis", side, history.redis_client.close)]
