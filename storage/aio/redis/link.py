"""One connection to a server, and what the client library does not show of it.

The twin of `storage.redis.link`, with what the streams of asyncio have beneath.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.asyncio.connection import async_timeout as timeout  # type: ignore[attr-defined]
from redis.exceptions import RedisError, ResponseError, TimeoutError

from ...forks import let_go
from ...redis.replies import AllLentError, Phase, Trouble, word
from ...redis.settings import Address

FAILURES = (
    *(AllLentError, RedisError, OSError),
    *(EOFError, ValueError, TypeError, AttributeError, IndexError),
)
"""What a connection raises when it breaks, or when what comes is no reply."""

_PLAIN: Any = AbstractConnection
_SPEAKING = ("send_packed_command", "read_response")


class Link:
    """One connection."""

    __slots__ = ("__weakref__", "_is_cut", "_look", "_reader", "_transport", "connection", "is_new",
                 "news", "place", "takes_marks")  # fmt: skip

    def __init__(self, place: Address, connection: Any) -> None:
        self.place: Address = place
        self.connection: Any = connection
        self.is_new: bool = True
        self.takes_marks: bool = True
        """Whether it is not known that the server refuses them."""
        self._is_cut = False

    def connected(self) -> None:
        """It is: remember what is beneath it, which the client library does not show."""
        connection, self.is_new = self.connection, False
        writer, self._reader = (getattr(connection, name, None) for name in ("_writer", "_reader"))
        self._transport: Any = getattr(writer, "transport", None)
        self.news: Callable[[], object] = _nothing
        socket = None if writer is None else writer.get_extra_info("socket")
        if socket is not None:
            self.news = _news_from(socket.fileno())
        self._look: Any = getattr(connection, "can_read", None) or connection.can_read_destructive

    def can_be_taken(self) -> bool:
        """Whether nothing but the client library itself speaks through the connection, so that
        others may do that in its stead."""
        kind = type(self.connection)
        plain = all(getattr(kind, name, None) is getattr(_PLAIN, name) for name in _SPEAKING)
        return plain and self._transport is not None and hasattr(self._transport, "set_protocol")

    async def is_quiet(self) -> bool:
        """Whether it is open, and holds no answer that nobody asked for."""
        try:
            if not self.connection.is_connected or self.has_news():
                return False
            return not await self._look()
        except FAILURES:
            return False

    async def reply(self, seconds: float) -> Any:
        """What the server replies in so many *seconds*, or else the connection is cut.

        That takes half of what the timeout of the client library costs.
        """
        if self._transport is None:
            self.connection.socket_timeout = seconds
            return await reply_on(self.connection)
        self.connection.socket_timeout = None
        timer = asyncio.get_running_loop().call_later(seconds, self._cut)
        try:
            reply = await reply_on(self.connection)
        finally:
            timer.cancel()
        if self._is_cut:
            return Trouble(Phase.SENT, too_late())
        return reply

    def has_news(self) -> bool:
        """Whether something came that the client library did not look at yet, be it the end."""
        if self._transport is None:
            return False
        closing: bool = self._transport.is_closing()
        return closing or bool(getattr(self._reader, "_buffer", None)) or bool(self.news())

    async def close(self) -> None:
        """Close it, and wait for that no longer than it may take to connect."""
        if self._transport is None or not self._transport.is_closing():
            await self.connection.disconnect()
        elif self.connection._writer is not None:
            # Where TLS closes slowly, what is closed twice can not be cut any more.
            async with timeout(self.connection.socket_connect_timeout):
                await self.connection._writer.wait_closed()

    def cut(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()
            # The client library would complain of what it takes for open.
            self.connection._reader = self.connection._writer = None

    def _cut(self) -> None:
        self._is_cut = True
        self._transport.abort()


def let_all_go(connections: Iterable[Any]) -> None:
    """In a forked process: close *connections* behind the backs of their loops."""
    writers = [getattr(connection, "_writer", None) for connection in connections]
    sockets = [writer.get_extra_info("socket") for writer in writers if writer is not None]
    let_go(socket.fileno() for socket in sockets if socket is not None)


async def reply_on(connection: Any) -> Any:
    try:
        return await connection.read_response(disable_decoding=True)
    except ResponseError as error:
        return Trouble(Phase.ANSWERED, error)
    except FAILURES as error:
        return Trouble(Phase.ANSWERED if word(error) else Phase.SENT, error)


def too_late() -> Exception:
    """What the client library raises when an answer does not come in time."""
    return TimeoutError("Timeout reading from socket")


def _news_from(number: int) -> Callable[[], object]:
    """What tells whether there is something to read from the socket of this *number*."""
    if not hasattr(select, "poll"):
        return lambda: select.select([number], [], [], 0)[0]
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return partial(poll.poll, 0)


def _nothing() -> None:
    pass
