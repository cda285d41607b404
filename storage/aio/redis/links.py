"""Connections to servers: what is short shares one, what is long or waits has one of its own.

The twin of `storage.redis.links`, with connections of each event loop's own.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import redis.asyncio
from redis.exceptions import InvalidResponse

from ...redis.commands import Command, SpelledOut
from ...redis.course import Budget
from ...redis.marks import is_for_good, marking
from ...redis.replies import TOO_LATE, Phase, Trouble, meaning, phase_of
from ...redis.settings import Address
from ...runtime import after_fork, monotonic
from .lane import AGAIN, CLOSED, LENT, MOST_AT_ONCE, Lane
from .lent import FITS, Lent
from .link import FAILURES, Link, let_all_go
from .pool import Pool
from .scripts import tell

LIBRARY: Any = redis.asyncio
"""The client library of this half."""

_Failed = weakref.WeakKeyDictionary["asyncio.Task[Any]", weakref.WeakKeyDictionary[Lane, int]]
"""How old the connections were that a task had trouble with."""

_running_loop = asyncio.get_running_loop


class Links:
    """*limit* connections of a loop at the most.

    An answer takes *seconds* at the most. Whoever finds all connections in use waits for one.
    """

    def __init__(self, make: Callable[[Address], Any], limit: float, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._lent = Lent(make, limit, seconds)
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}
        self._failed: _Failed = weakref.WeakKeyDictionary()
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
        packed = command.packed()
        pool = self._pools.get(_running_loop()) or self._pool()
        lane = pool.lanes.get(place) or self._lane(pool, place)
        if wait or len(packed) > FITS:
            return await self._lent.ask(pool, place, packed, until, wait, budget)
        reply, closed = AGAIN, AGAIN
        while reply is AGAIN:
            if not lane.wires:
                lane = pool.lanes.get(place) or self._lane(pool, place)  # it may be forgotten
                reply = await lane.opened(partial(self._open, pool, lane), until, budget)
                if reply is LENT:
                    return await self._lent.ask(pool, place, packed, until, wait, budget)
                if reply is not None:
                    break
            now = monotonic()
            end = now + self._seconds
            if until < end:
                end = until
            if budget is not None and budget.until < end:
                end = budget.until
                if end <= now:
                    return TOO_LATE
            if type(command) is SpelledOut:
                reply = await tell(lane, command, end)
            else:
                reply = await lane.put(packed, end)
            if reply is AGAIN:
                reply, closed = closed, CLOSED
        if type(reply) is Trouble:
            self._note(lane)
        return reply

    async def ask_all(
        self,
        place: Address,
        commands: Sequence[Command],
        until: float,
        budget: Budget | None = None,
    ) -> list[Any]:
        """What the server at *place* replies to several commands in one trip."""
        if len(commands) == 1:
            return [await self.ask(place, commands[0], until, 0.0, budget)]
        packed = [command.packed() for command in commands]
        pool = self._pools.get(asyncio.get_running_loop()) or self._pool()
        lane = pool.lanes.get(place) or self._lane(pool, place)
        count = len(packed)
        together = b"".join(packed)
        if count > MOST_AT_ONCE or len(together) > FITS:
            return await self._lent.ask_all(pool, place, packed, until, budget)
        replies, closed = AGAIN, AGAIN
        while replies is AGAIN:
            if not lane.wires:
                lane = pool.lanes.get(place) or self._lane(pool, place)
                replies = await lane.opened(partial(self._open, pool, lane), until, budget)
                if replies is LENT:
                    return await self._lent.ask_all(pool, place, packed, until, budget)
                if replies is not None:
                    self._note(lane)
                    return [replies] * count
            now = monotonic()
            end = min(now + self._seconds, until)
            if budget is not None:
                end = min(end, budget.until)
                if end <= now:
                    return [TOO_LATE] * count
            replies = await lane.put(together, end, count)
            if replies is AGAIN:
                replies, closed = closed, [CLOSED] * count
        if any(type(reply) is Trouble for reply in replies):
            self._note(lane)
        found: list[Any] = replies
        return found

    async def forget(self, place: Address) -> None:
        """Give up the connections to *place* that are as old as one that failed this task."""
        pool = self._pool()
        lane = pool.lanes.get(place)
        if lane is not None:
            task = asyncio.current_task()
            failed = self._failed.get(task) if task else None
            lane.retire(lane.made if failed is None else failed.pop(lane, lane.made))
        await self._lent.forget(pool, place)

    async def aclose(self) -> None:
        """Close what is idle, in all loops; what is in use is closed when it is over."""
        self._lent.is_closed = True
        self._forget_closed_loops()
        here = self._pool()
        for loop, pool in list(self._pools.items()):
            if pool is not here:
                with suppress(RuntimeError):  # it has ended meanwhile
                    loop.call_soon_threadsafe(pool.close_soon)
        await here.aclose()

    def _pool(self) -> Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            self._forget_closed_loops()
            pool = self._pools[loop] = Pool(self._limit)
        return pool

    def _forget_closed_loops(self) -> None:
        for loop in list(self._pools):
            if loop.is_closed():
                self._pools.pop(loop, None)

    def _leave_behind(self) -> None:
        """In a forked process: the connections are those of the parent, and so are its loops."""
        links = [link for pool in self._pools.values() for link in list(pool.all)]
        let_all_go(link.connection for link in links)
        # Whoever took them apart would tell the loops, which still share something with the parent.
        self._parents = self._pools
        self._pools = {}
        self._lent.leave_behind()

    def _lane(self, pool: Pool, place: Address) -> Lane:
        lane = pool.lane(place, self._seconds)
        here, there = weakref.ref(self), weakref.ref(pool)

        def grow() -> None:
            links, pool = here(), there()
            if links is not None and pool is not None and links._lent.has_room(pool):
                lane.open(partial(links._open, pool, lane))

        lane.grow = grow
        if self._lent.is_closed:
            lane.close()
        elif pool.is_cut:
            lane.cut()
        return lane

    def _note(self, lane: Lane) -> None:
        """Remember how old the connections are that this task had trouble with."""
        task = asyncio.current_task()
        if task is not None:
            lanes = self._failed.setdefault(task, weakref.WeakKeyDictionary())
            lanes[lane] = lane.made

    async def _open(self, pool: Pool, lane: Lane) -> Any:
        """Open a connection that many share; answers `None`, the trouble, or `LENT`."""
        until = monotonic() + self._seconds
        link = None
        try:
            link = await self._lent.free(pool, lane.place, until)
            lane.connecting()
            if link.is_new:
                await self._lent.connect(pool, link, until)
            return await self._share(pool, lane, link, until)
        except FAILURES as error:
            return Trouble(phase_of(error), error)
        except BaseException:  # out of a signal handler, which strikes anywhere
            if link is not None:
                await self._lent.dropped(pool, link)
            raise

    async def _share(self, pool: Pool, lane: Lane, link: Link, until: float) -> Any:
        """Share *link*, if the server takes marks."""
        is_clean = is_shared = False
        try:
            reply = LENT
            if link.can_be_taken():
                mark = lane.next_mark()
                await link.connection.send_packed_command(marking(mark), check_health=False)
                reply = await link.reply(self._lent.limit_of(until, 0.0))
                if reply == mark:
                    lane.take(link)
                    is_shared = True
                    return None
            if type(reply) is not Trouble and reply is not LENT:
                return Trouble(Phase.UNSENT, InvalidResponse("an answer in the place of another"))
            if reply is not LENT and reply.phase is not Phase.ANSWERED:
                return reply._replace(phase=Phase.UNSENT)
            if reply is not LENT and meaning(reply.error).passes:
                return reply
            is_clean = True
            lane.lend(is_for_good=reply is LENT or is_for_good(reply.error))
            return LENT
        finally:
            if not is_shared:
                await self._lent.back(pool, link, is_clean)
