"""Connections that are lent to one call at a time, and never again when a call was cut off."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.connection import async_timeout as timeout  # type: ignore[attr-defined]
from redis.exceptions import TimeoutError

from ...redis.course import Budget
from ...redis.marks import End, Marks, marking, mixed_up, what_ends
from ...redis.replies import TOO_LATE, Phase, Trouble, phase_of
from ...redis.settings import Address
from ...runtime import monotonic
from .link import FAILURES, Link, reply_on
from .pool import Pool

FITS = 32 * 1024
"""So many bytes go into the buffer of a connection that has sent all before: nothing waits there,
so no timer is needed, which would cost a task."""

_SHORTEST = 0.001


class Lent:
    """*limit* connections of a loop at the most, the last one used first.

    An answer takes *seconds* at the most. Whoever finds all connections lent waits for one.
    """

    def __init__(self, make: Callable[[Address], Any], limit: float, seconds: float) -> None:
        self.is_closed = False
        self._make = make
        self._limit = limit
        self._seconds = seconds
        self._marks = Marks()

    async def ask(
        self,
        pool: Pool,
        place: Address,
        packed: bytes,
        until: float,
        wait: float,
        budget: Budget | None,
    ) -> Any:
        """What the server at *place* replies to what is *packed*, or a `Trouble`."""
        link: Any = None
        is_clean = False
        try:
            link = await self._taken(pool, place, until, budget)
            if type(link) is Trouble:
                return link
            if budget is not None and budget.until <= monotonic():
                is_clean = True
                return TOO_LATE
            connection = link.connection
            fits = len(packed) <= FITS
            connection.socket_timeout = None if fits else self.limit_of(until, wait, budget)
            try:
                await connection.send_packed_command(packed, check_health=False)
            except FAILURES as error:
                return Trouble(Phase.SENT, error)
            reply = await link.reply(self.limit_of(until, wait, budget))
            is_clean = type(reply) is not Trouble or reply.phase is Phase.ANSWERED
            return reply
        finally:
            if type(link) is Link:
                await self.back(pool, link, is_clean)

    async def ask_all(
        self,
        pool: Pool,
        place: Address,
        packed: Sequence[bytes],
        until: float,
        budget: Budget | None,
    ) -> list[Any]:
        """What the server at *place* replies to several commands in one trip."""
        link: Any = None
        is_clean = False
        try:
            link = await self._taken(pool, place, until, budget)
            if type(link) is Trouble:
                return [link] * len(packed)
            if budget is not None and budget.until <= monotonic():
                is_clean = True
                return [TOO_LATE] * len(packed)
            mark = self._marks.next() if link.takes_marks else b""
            sent = [*packed, marking(mark)] if mark else packed
            fits = sum(map(len, sent)) <= FITS
            link.connection.socket_timeout = None if fits else self.limit_of(until, 0.0, budget)
            try:
                await link.connection.send_packed_command(sent, check_health=False)
            except FAILURES as error:
                return [Trouble(Phase.SENT, error)] * len(packed)
            replies = await self._replies(link, len(sent), mark, until, budget)
            if type(replies) is Trouble:
                return [replies] * len(packed)
            is_clean = await self._are_answers(replies, mark, link)
            return replies[: len(packed)] if is_clean else [mixed_up()] * len(packed)
        finally:
            if type(link) is Link:
                await self.back(pool, link, is_clean)

    def leave_behind(self) -> None:
        """In a forked process: its parent says the marks that were said so far, and the next."""
        self._marks = Marks()

    async def forget(self, pool: Pool, place: Address) -> None:
        """Give up the idle connections to *place*: they are as old as one that failed."""
        for link in pool.idle.pop(place, ()):
            pool.all.discard(link)
            await link.connection.disconnect(nowait=True)

    def limit_of(self, until: float, wait: float, budget: Budget | None = None) -> float:
        """How long it may take to send, or the answer to come."""
        now = monotonic()
        seconds = min(self._seconds, until - now) + wait
        return max(_SHORTEST, seconds if budget is None else min(seconds, budget.until - now))

    def has_room(self, pool: Pool) -> bool:
        """Whether there may be one more, and nobody waits for that."""
        return len(pool.all) < self._limit and not pool.waiting

    async def free(self, pool: Pool, place: Address, until: float) -> Link:
        """A connection that nobody else has, with nothing in it, or one that is new."""
        link: Link | None = None
        try:
            while True:
                link = pool.idle_at(place)
                if link is None:
                    link = await self._another(pool, place, until)
                if link.is_new or (link.place == place and await link.is_quiet()):
                    return link
                await self.dropped(pool, link)
        except BaseException:
            if link is not None:
                await self.dropped(pool, link)
            raise

    async def connect(self, pool: Pool, link: Link, until: float) -> None:
        """Connect a new one."""
        connection = link.connection
        own = connection.socket_connect_timeout
        seconds = self.limit_of(until, 0.0)
        connection.socket_connect_timeout = seconds if own is None else min(own, seconds)
        # One limit for all that is said: those of the client library can swallow a cancellation.
        connection.socket_timeout = None
        try:
            async with timeout(seconds):
                await connection.connect()
        except asyncio.TimeoutError as error:
            await self.dropped(pool, link)
            raise TimeoutError("Timeout connecting to server") from error
        except BaseException:
            await self.dropped(pool, link)
            raise
        link.connected()

    async def back(self, pool: Pool, link: Link, is_clean: bool) -> None:
        """The call is over that had *link*."""
        if not is_clean or self.is_closed or pool.is_cut:
            await self.dropped(pool, link)
        elif not pool.handed_over(link):
            pool.idle.setdefault(link.place, deque()).append(link)

    async def dropped(self, pool: Pool, link: Link) -> None:
        """Nobody gets *link* any more."""
        pool.lost(link)
        await link.connection.disconnect(nowait=True)

    async def _replies(
        self, link: Link, count: int, mark: bytes, until: float, budget: Budget | None
    ) -> Any:
        """So many replies, the *mark* behind them included, or a `Trouble`."""
        replies: list[Any] = []
        for left in range(count, 0, -1):
            link.connection.socket_timeout = self.limit_of(until, 0.0, budget)
            reply = await reply_on(link.connection)
            if type(reply) is Trouble and reply.phase is not Phase.ANSWERED:
                return reply
            if left > 1 and reply == mark:
                return mixed_up()  # an answer is missing, and nobody can say which
            replies.append(reply)
        return replies

    async def _are_answers(self, replies: list[Any], mark: bytes, link: Link) -> bool:
        """Whether each of *replies* belongs to the command at its place."""
        if mark:
            found = what_ends(replies, mark)
            if found is not End.REFUSED:
                return found is End.MARK
            link.takes_marks = False
        # Where one came twice, the last one is left.
        return await link.is_quiet()

    async def _taken(self, pool: Pool, place: Address, until: float, budget: Budget | None) -> Any:
        """A connection that nobody else has, connected and with nothing in it."""
        link: Link | None = None
        try:
            link = await self.free(pool, place, until if budget is None else budget.until)
            if link.is_new:
                before = monotonic()
                await self.connect(pool, link, until)
                if budget is not None:
                    budget.forgive(monotonic() - before)
            return link
        except FAILURES as error:
            return Trouble(phase_of(error), error)
        except BaseException:
            if link is not None:
                await self.dropped(pool, link)
            raise

    async def _another(self, pool: Pool, place: Address, until: float) -> Link:
        """A new connection as soon as there may be one more, or one that comes back."""
        link: Link | None = None
        try:
            while len(pool.all) >= self._limit and not await self._made_room(pool):
                pool.press()
                link = await pool.wait(until)
                if link is not None:
                    return link
            link = Link(place, self._make(place))
            pool.all.add(link)
            return link
        except BaseException:
            if link is not None:
                await self.dropped(pool, link)
            raise

    async def _made_room(self, pool: Pool) -> bool:
        """Give up an idle connection, to whatever place it leads."""
        link = pool.any_idle()
        if link is None:
            pool.give_way()
        else:
            pool.all.discard(link)
            await link.connection.disconnect(nowait=True)
        return len(pool.all) < self._limit
