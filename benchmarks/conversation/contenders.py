"""Who writes to one conversation, in a form that can be told to another process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, Protocol

import redis

import storage

from ..redis.settings import SECONDS
from ..report import Report
from .bases import RawList, RawSqlite
from .history import Ours
from .peers import Peer, of_agents, of_langchain
from .settings import Settings
from .talk import Message

MOST = 800
"""What is kept: all that is said."""


class Whole(Protocol):
    """A conversation that is written by plain calls, and read to its beginning."""

    def append(self, message: Message) -> Any: ...
    def last(self) -> Any: ...
    def all(self) -> Any: ...


class Contender(NamedTuple):
    """A *kind* of conversations at a *place*. One of asyncio *has a loop* of its own."""

    kind: str
    name: str
    text: str
    place: str
    has_loop: bool = False

    @contextmanager
    def opened(self, key: str) -> Iterator[Whole]:
        """The one of that *key*, by a handle of its own."""
        with ExitStack() as stack:
            yield _KINDS[self.kind](stack, self.place, key)


def on_redis(report: Report, chosen: Settings) -> list[Contender]:
    """Ours, the base, and others, of which *report* is told which are missing."""
    url = chosen.url
    sides = [
        Contender("ours on Redis", "storage", Ours.append_text, url),
        Contender("raw on Redis", "base", RawList.append_text, url),
    ]
    others = [
        Contender("langchain", "langchain-community", of_langchain.Community.append_text, url),
        Contender("agents", "openai-agents", of_agents.Kept.append_text, url, True),
    ]
    for side in others:
        try:
            with side.opened("probe"):
                sides.append(side)
        except ImportError as error:
            chosen.leave_out(report, side.name, error)
    return sides


def in_sqlite(path: str) -> list[Contender]:
    """Ours and the base, in files of their own."""
    return [
        Contender("ours in SQLite", "storage", Ours.append_text, path),
        Contender("raw in SQLite", "base", RawSqlite.append_text, path),
    ]


class _Blocking:
    """A conversation for tasks, by a loop of its own."""

    def __init__(self, stack: ExitStack, peer: Peer) -> None:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        stack.callback(lambda: loop.run_until_complete(peer.close()))
        self._wait_for = loop.run_until_complete
        self._history: Any = peer.history

    def append(self, message: Message) -> None:
        self._wait_for(self._history.append(message))

    def last(self) -> Any:
        return self._wait_for(self._history.last())

    def all(self) -> Any:
        return self._wait_for(self._history.all())


def _ours_on_redis(stack: ExitStack, url: str, key: str) -> Whole:
    return Ours(stack.enter_context(storage.RedisStorage(url, timeout=SECONDS)), MOST, key)


def _ours_in_sqlite(stack: ExitStack, path: str, key: str) -> Whole:
    return Ours(stack.enter_context(storage.SqliteStorage(path)), MOST, key)


def _raw_on_redis(stack: ExitStack, url: str, key: str) -> Whole:
    client = stack.enter_context(redis.Redis.from_url(url, socket_timeout=SECONDS))
    return RawList(client, key, MOST)


def _raw_in_sqlite(stack: ExitStack, path: str, key: str) -> Whole:
    raw = RawSqlite(f"{path}-{key.replace(':', '-')}", "normal", MOST)
    stack.callback(raw.close)
    return raw


def _langchain(stack: ExitStack, url: str, key: str) -> Whole:
    (peer,) = of_langchain.on_redis(url, MOST, key)
    stack.callback(peer.close)
    whole: Any = peer.history
    return whole


def _agents(stack: ExitStack, url: str, key: str) -> Whole:
    _, with_ttl = of_agents.on_redis(url, MOST, key)
    return _Blocking(stack, with_ttl)


_KINDS: Mapping[str, Callable[[ExitStack, str, str], Whole]] = {
    "ours on Redis": _ours_on_redis,
    "raw on Redis": _raw_on_redis,
    "ours in SQLite": _ours_in_sqlite,
    "raw in SQLite": _raw_in_sqlite,
    "langchain": _langchain,
    "agents": _agents,
}
