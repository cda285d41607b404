"""Connections to servers: lent to one call at a time, and never lent again when a call was cut off.

The twin of `storage.redis.links`, with connections of each event loop's own.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import Any

import redis.asyncio
from redis.asyncio.connection import async_timeout as timeout  # type: ignore[attr-defined]
from redis.exceptions import TimeoutError

from ...redis.commands import Command
from ...redis.course import Budget
from ...redis.replies import TOO_LATE, AllLentError, Phase, Trouble, word
from ...redis.settings import Address
from ...runtime import after_fork, monotonic
from .link import FAILURES, Link, reply_on

LIBRARY: Any = redis.asyncio
"""The client library of this half."""

_SHORTEST = 0.001

_FITS = 32 * 1024
"""So many bytes go into the buffer of a connection that has sent all before: nothing waits there,
so no timer is needed, which would cost a task."""


class Links:
    """*limit* connections of a loop at the most, the last one used first.

    An answer takes *seconds* at the most. Whoever finds all connections lent waits for one.
    """

    def __init__(self, make: Callable[[Address], Any], limit: float, seconds: float) -> None:
        self._make = make
        self._limit = limit
        self._seconds = seconds
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        self._is_closed = False
        after_fork(self, Links._leave_behind)

    async def ask(
        self,
        place: Address,
        command: Command,
        until: float,
        wait: float = 0.0,
        budget: Budget | None = None,
    ) -> Any:
        """What the server at *place* replies, or a `Trouble`.

        A command that *wait*s there gets so many seconds more, and one with a *budget* no more than
        that.
        """
        pool = self._pool()
        link = await self._taken(pool, place, until, budget)
        if type(link) is Trouble:
            return link
        if budget is not None and budget.until <= monotonic():
            await self._back(pool, link, True)
            return TOO_LATE
        is_clean = False
        connection = link.connection
        packed = command.packed()
        fits = len(packed) <= _FITS
        connection.socket_timeout = None if fits else self._limit_of(until, wait, budget)
        try:
            try:
                await connection.send_packed_command(packed, check_health=False)
            except FAILURES as error:
                return Trouble(Phase.SENT, error)
            reply = await link.reply(self._limit_of(until, wait, budget))
            is_clean = type(reply) is not Trouble or reply.phase is Phase.ANSWERED
            return reply
        finally:
            await self._back(pool, link, is_clean)

    async def ask_all(
        self,
        place: Address,
        commands: Sequence[Command],
        until: float,
        budget: Budget | None = None,
    ) -> list[Any]:
        """What the server at *place* replies to several commands in one trip."""
        pool = self._pool()
        link = await self._taken(pool, place, until, budget)
        if type(link) is Trouble:
            return [link] * len(commands)
        if budget is not None and budget.until <= monotonic():
            await self._back(pool, link, True)
            return [TOO_LATE] * len(commands)
        is_clean = False
        connection = link.connection
        packed = [command.packed() for command in commands]
        fits = sum(map(len, packed)) <= _FITS
        connection.socket_timeout = None if fits else self._limit_of(until, 0.0, budget)
        replies: list[Any] = []
        try:
            try:
                await connection.send_packed_command(packed, check_health=False)
            except FAILURES as error:
                return [Trouble(Phase.SENT, error)] * len(commands)
            for _ in commands:
                connection.socket_timeout = self._limit_of(until, 0.0, budget)
                reply = await reply_on(connection)
                replies.append(reply)
                if type(reply) is Trouble and reply.phase is not Phase.ANSWERED:
                    return replies + [reply] * (len(commands) - len(replies))
            is_clean = True
            return replies
        finally:
            await self._back(pool, link, is_clean)

    async def forget(self, place: Address) -> None:
        """Give up the idle connections to *place*: they are as old as one that failed."""
        pool = self._pool()
        for link in pool.idle.pop(place, ()):
            pool.all.discard(link)
            await link.connection.disconnect(nowait=True)

    async def aclose(self) -> None:
        """Close what is idle, in all loops; what is lent is closed when it comes back."""
        self._is_closed = True
        self._forget_closed_loops()
        await self._pool().aclose()
        for loop, pool in list(self._pools.items()):
            if pool is not self._pool():
                with suppress(RuntimeError):  # it has ended meanwhile
                    loop.call_soon_threadsafe(pool.close_soon)

    def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            self._forget_closed_loops()
            pool = self._pools[loop] = _Pool()
        return pool

    def _forget_closed_loops(self) -> None:
        for loop in list(self._pools):
            if loop.is_closed():
                self._pools.pop(loop, None)

    def _leave_behind(self) -> None:
        """In a forked process: the connections are those of the parent, and so are its loops."""
        for pool in self._pools.values():
            for link in list(pool.all):
                _let_go(link.connection)
        # Whoever took them apart would tell the loops, which still share something with the parent.
        self._parents = self._pools
        self._pools = {}

    def _limit_of(self, until: float, wait: float, budget: Budget | None = None) -> float:
        """How long it may take to send, or the answer to come."""
        now = monotonic()
        seconds = min(self._seconds, until - now) + wait
        return max(_SHORTEST, seconds if budget is None else min(seconds, budget.until - now))

    async def _taken(
        self, pool: _Pool, place: Address, until: float, budget: Budget | None
    ) -> Any:
        """A connection that nobody else has, connected and with nothing in it."""
        end = until if budget is None else budget.until
        try:
            while True:
                link = pool.idle_at(place) or await self._another(pool, place, end)
                if link.is_new:
                    before = monotonic()
                    await self._connect(pool, link, until)
                    if budget is not None:
                        budget.forgive(monotonic() - before)
                    return link
                if link.place == place and await self._is_quiet(pool, link):
                    return link
                await self._dropped(pool, link)
        except FAILURES as error:
            return Trouble(_phase_of(error), error)

    async def _another(self, pool: _Pool, place: Address, until: float) -> Link:
        """A new connection as soon as there may be one more, or one that comes back."""
        while len(pool.all) >= self._limit and not await self._made_room(pool):
            link = await pool.wait(until)
            if link is not None:
                return link
        link = Link(place, self._make(place))
        pool.all.add(link)
        return link

    async def _made_room(self, pool: _Pool) -> bool:
        """Give up an idle connection, to whatever place it leads."""
        link = pool.any_idle()
        if link is None:
            return False
        pool.all.discard(link)
        await link.connection.disconnect(nowait=True)
        return len(pool.all) < self._limit

    async def _connect(self, pool: _Pool, link: Link, until: float) -> None:
        connection = link.connection
        own = connection.socket_connect_timeout
        seconds = self._limit_of(until, 0.0)
        connection.socket_connect_timeout = seconds if own is None else min(own, seconds)
        # One limit for all that is said: those of the client library can swallow a cancellation.
        connection.socket_timeout = None
        try:
            async with timeout(seconds):
                await connection.connect()
        except asyncio.TimeoutError as error:
            await self._dropped(pool, link)
            raise TimeoutError("Timeout connecting to server") from error
        except BaseException:
            await self._dropped(pool, link)
            raise
        link.connected()

    async def _is_quiet(self, pool: _Pool, link: Link) -> bool:
        try:
            return await link.is_quiet()
        except BaseException:
            await self._dropped(pool, link)
            raise

    async def _back(self, pool: _Pool, link: Link, is_clean: bool) -> None:
        if not is_clean or self._is_closed:
            await self._dropped(pool, link)
        elif not pool.handed_over(link):
            pool.idle.setdefault(link.place, deque()).append(link)

    async def _dropped(self, pool: _Pool, link: Link) -> None:
        pool.all.discard(link)
        pool.handed_over(None)
        await link.connection.disconnect(nowait=True)


class _Pool:
    """The connections of one loop, which are closed at its end at the latest."""

    def __init__(self) -> None:
        self.idle: dict[Address, deque[Link]] = {}
        self.all: weakref.WeakSet[Link] = weakref.WeakSet()
        self.waiting: deque[asyncio.Future[Link | None]] = deque()
        self._end = _closing_at_its_end(self)
        # A loop closes at its end the generators that have begun in it.
        with suppress(StopIteration):
            self._end.__anext__().send(None)

    async def aclose(self) -> None:
        """Close what is idle."""
        await self._end.aclose()

    def close_soon(self) -> None:
        """The same, from this loop but out of no task."""
        self._closing = asyncio.ensure_future(self.aclose())

    async def disconnect(self) -> None:
        for place in list(self.idle):
            for link in self.idle.pop(place, ()):
                self.all.discard(link)
                await link.connection.disconnect()

    def idle_at(self, place: Address) -> Link | None:
        idle = self.idle.get(place)
        return idle.pop() if idle else None

    def any_idle(self) -> Link | None:
        return next((idle.popleft() for idle in self.idle.values() if idle), None)

    def handed_over(self, link: Link | None) -> bool:
        """Let the first who waits go on, with *link* or to make one."""
        while self.waiting:
            waiter = self.waiting.popleft()
            if not waiter.done():
                waiter.set_result(link)
                return True
        return False

    async def wait(self, until: float) -> Link | None:
        """What is handed over."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Link | None] = loop.create_future()
        timer = loop.call_later(max(0.0, until - monotonic()), _give_up, waiter)
        self.waiting.append(waiter)
        try:
            return await waiter
        except BaseException:
            self._pass_on(waiter)
            raise
        finally:
            timer.cancel()

    def _pass_on(self, waiter: asyncio.Future[Link | None]) -> None:
        """Who is cancelled with a connection in hand leaves it to the next one."""
        if waiter in self.waiting:
            self.waiting.remove(waiter)
        if waiter.cancelled() or waiter.exception() is not None:
            return
        link = waiter.result()
        if not self.handed_over(link) and link is not None:
            self.idle.setdefault(link.place, deque()).append(link)


async def _closing_at_its_end(pool: _Pool) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await pool.disconnect()


def _give_up(waiter: asyncio.Future[Link | None]) -> None:
    if not waiter.done():
        waiter.set_exception(AllLentError())


def _let_go(connection: Any) -> None:
    """Close a connection in a forked process, behind the back of its loop."""
    writer = getattr(connection, "_writer", None)
    socket = None if writer is None else writer.get_extra_info("socket")
    if socket is None or socket.fileno() < 0:
        return
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, socket.fileno())
    os.close(nothing)


def _phase_of(error: BaseException) -> Phase:
    """What a server says while it is connected to, it says of a command that it never got."""
    return Phase.ANSWERED if word(error) else Phase.UNSENT
