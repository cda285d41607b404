"""One session, whoever keeps it: it begins with so many messages, and is gone after a round."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

from ..conversation.bases import RawDeque, RawList, RawSqlite
from ..conversation.talk import LAST, TOKENS, Message, said, talk
from ..crowds import Alone, Crowd
from ..harness import Variant, clocked

_numbers = count(1)


class Side(Protocol):
    """A session; in asyncio `add` and `page` give something to await."""

    add_text: str
    page_text: str

    def begin(self, size: int) -> None:
        """Another session, with so many messages in it."""
        ...

    def end(self) -> None:
        """Take it away."""
        ...

    def add(self, message: Message) -> Any:
        """Keep one more."""
        ...

    def page(self) -> Any:
        """The last 20, newest first, as records; the base's are dicts, oldest first."""
        ...


class Adapted:
    """A session of an adapter. The tokens of a message are told; nothing is counted."""

    add_text = "adapter.add_message(session_id, message)"
    page_text = "adapter.get_messages(session_id, {'limit': 20, 'order': 'desc'})"

    def __init__(self, adapter: Any, crowd: Crowd | None = None) -> None:
        self.adapter = adapter
        self.crowd: Crowd = crowd or Alone()
        self.id = ""
        self._page = {"limit": LAST, "order": "desc"}

    def begin(self, size: int) -> None:
        self.id = f"session-{next(_numbers)}"
        self.crowd.wait_for(self._create())
        for one in talk(size):
            self.crowd.wait_for(self.add(one))

    def end(self) -> None:
        self.crowd.wait_for(self.adapter.delete_session(self.id))

    def add(self, message: Message) -> Any:
        return self.adapter.add_message(self.id, {**message, "token_count": TOKENS})

    def page(self) -> Any:
        return self.adapter.get_messages(self.id, self._page)

    def kept(self) -> Any:
        """The session as it is."""
        return self.crowd.wait_for(self.adapter.get_session(self.id))

    def close(self) -> None:
        """Let go of it."""
        close = getattr(self.adapter, "aclose", None) or self.adapter.close
        self.crowd.wait_for(close())

    def _create(self) -> Any:
        return self.adapter.create_session({"id": self.id, "user_id": "7"})


class Managed(Adapted):
    """A session of a manager, which counts the tokens of each message by its length."""

    add_text = "manager.add_message(session_id, role=..., content=...)"
    page_text = "manager.get_messages(session_id, limit=20, order='desc')"

    def add(self, message: Message) -> Any:
        return self.adapter.add_message(self.id, **message)

    def page(self) -> Any:
        return self.adapter.get_messages(self.id, limit=LAST, order="desc")

    def _create(self) -> Any:
        return self.adapter.create_session(session_id=self.id, user_id="7")


class Plain:
    """A plain list, or what else keeps nothing but the messages."""

    def __init__(self, history: RawList | RawSqlite | RawDeque, remove: Callable[[], Any]) -> None:
        self.add_text = history.append_text
        self.page_text = history.last_text
        self.add = history.append
        self.page = history.last
        self._fill = history.fill
        self._remove = remove

    def begin(self, size: int) -> None:
        self._remove()
        self._fill(talk(size))

    def end(self) -> None:
        self._remove()


def on_list(client: Any, key: str) -> Plain:
    """A list of redis-py's client."""
    return Plain(RawList(client, key, 0), lambda: client.delete(key))


def adds(crowd: Crowd, side: Side, size: int, operations: int) -> Variant:
    """So many messages a round, each round into a session of *size* messages."""

    def prepare(number: int) -> Any:
        side.begin(size)
        return crowd.work(side.add, [(one,) for one in said(number, operations)])

    return clocked(side.add_text, operations, prepare, side.end)


def pages(crowd: Crowd, side: Side, operations: int) -> Variant:
    """So many reads of the last 20 a round, of the session that was begun."""
    return clocked(side.page_text, operations, lambda number: crowd.repeated(side.page, operations))


def check(found: list[Any], expected: list[Message]) -> None:
    """Refuse to measure what gives something else: that may take less."""
    if [one.content for one in reversed(found)] != [one["content"] for one in expected]:
        raise RuntimeError(f"{len(found)} messages, which are not the last {len(expected)}")
