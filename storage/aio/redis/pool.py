"""The connections of one event loop: those that are lent, and those that many calls share."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress

from ...redis.replies import AllLentError
from ...redis.settings import Address
from ...runtime import monotonic
from .lane import Lane
from .link import Link
from .wire import EARLY

_SOON = 0.02
"""So often who waits looks whether a shared connection could give way."""


class Pool:
    """The connections of one loop, *limit* at the most, which are closed at its end at the latest."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.idle: dict[Address, deque[Link]] = {}
        self.all: weakref.WeakSet[Link] = weakref.WeakSet()
        self.waiting: deque[asyncio.Future[Link | None]] = deque()
        self.lanes: dict[Address, Lane] = {}
        self.is_cut: bool = False
        """Whether its loop has ended, and nobody closes what is idle any more."""
        self._closing: asyncio.Future[None] | None = None
        self._end = _closing_at_its_end(self)
        # A loop closes at its end the generators that have begun in it.
        with suppress(StopIteration):
            self._end.__anext__().send(None)

    async def aclose(self) -> None:
        """Close what is idle, and let end what is under way."""
        shared = [wire.link for lane in self.lanes.values() for wire in lane.close()]
        await self._disconnect(shared)
        if not any(lane.leaving for lane in self.lanes.values()):
            await self._end.aclose()

    def close_soon(self) -> None:
        """The same, from this loop but out of no task."""
        self._closing = asyncio.ensure_future(self.aclose())

    async def cut(self) -> None:
        """End everything; what is opened after that ends with the call that it was opened for."""
        self.is_cut = True
        for lane in self.lanes.values():
            lane.cut()
        await self._disconnect([])

    def lane(self, place: Address, seconds: float) -> Lane:
        """What many share on the way to *place*; where servers come, others go."""
        self._forget_places()
        pool = weakref.ref(self)

        def ended(link: Link) -> None:
            here = pool()
            if here is not None:
                here.lost(link)

        lane = self.lanes[place] = Lane(place, seconds, ended)
        return lane

    def lost(self, link: Link) -> None:
        """There may be another one in the place of *link*."""
        self.all.discard(link)
        self.handed_over(None)

    def give_way(self) -> None:
        """End one of the shared connections that has nothing to do."""
        for lane in self.lanes.values():
            if lane.give_way(idle=True):
                return

    def press(self) -> None:
        """Somebody waits: where nothing but shared connections is left, one of them ends soon."""
        if not any(lane.leaving for lane in self.lanes.values()):
            for lane in self.lanes.values():
                if lane.give_way(idle=False):
                    return

    def idle_at(self, place: Address) -> Link | None:
        idle = self.idle.get(place)
        return idle.pop() if idle else None

    def any_idle(self) -> Link | None:
        return next((idle.popleft() for idle in self.idle.values() if idle), None)

    def handed_over(self, link: Link | None) -> bool:
        """Let the first who waits go on, with *link* or to make one."""
        while self.waiting:
            waiter = self.waiting[0]
            is_waiting = not waiter.done()
            if is_waiting:
                waiter.set_result(link)
            del self.waiting[0]
            if is_waiting:
                return True
        return False

    async def wait(self, until: float) -> Link | None:
        """What is handed over."""
        waiter: asyncio.Future[Link | None] = asyncio.get_running_loop().create_future()
        self._look_again(waiter, until)
        self.waiting.append(waiter)
        try:
            return await waiter
        except BaseException:
            self._pass_on(waiter)
            raise

    def _look_again(self, waiter: asyncio.Future[Link | None], until: float) -> None:
        """Until somebody hands over, shared connections may come that could give way."""
        seconds = max(0.0, min(_SOON, until - monotonic()))
        asyncio.get_running_loop().call_later(seconds, self._press_again, waiter, until)

    def _press_again(self, waiter: asyncio.Future[Link | None], until: float) -> None:
        if waiter.done():
            return
        if until <= monotonic() + EARLY:
            waiter.set_exception(AllLentError())
            return
        self._look_again(waiter, until)
        self.press()
        # Those who go on already are about to take their room.
        asyncio.get_running_loop().call_soon(self._look_for_room, waiter)

    def _look_for_room(self, waiter: asyncio.Future[Link | None]) -> None:
        """Who was struck by a signal handler may have told nobody that there is room."""
        if len(self.all) < self._limit and self.waiting and self.waiting[0] is waiter:
            self.handed_over(None)

    def _forget_places(self) -> None:
        """Forget those to which no connection leads, but for some that have ended meanwhile."""
        for links in self.idle.values():
            for link in [link for link in links if link.has_news()]:
                links.remove(link)
                self.lost(link)
                link.cut()
        led = {link.place for link in self.all}
        for place, lane in list(self.lanes.items()):
            if place not in led and not lane.is_used:
                del self.lanes[place]
                lane.cut()  # or its timer holds it
        self.idle = {place: links for place, links in self.idle.items() if links}

    async def _disconnect(self, links: list[Link]) -> None:
        """Close *links* and what is idle, and cut what is not closed in time."""
        for idle in self.idle.values():
            self.all.difference_update(idle)
            links.extend(idle)
        self.idle.clear()
        try:
            await asyncio.gather(*(link.close() for link in links), return_exceptions=True)
        finally:
            for link in links:
                link.cut()

    def _pass_on(self, waiter: asyncio.Future[Link | None]) -> None:
        """Who is cancelled with a connection in hand leaves it to the next one."""
        if waiter in self.waiting:
            self.waiting.remove(waiter)
        if waiter.cancel() or waiter.cancelled() or waiter.exception() is not None:
            return
        link = waiter.result()
        if self.handed_over(link) or link is None:
            return
        if self.is_cut:
            self.lost(link)
            link.cut()
        else:
            self.idle.setdefault(link.place, deque()).append(link)


async def _closing_at_its_end(pool: Pool) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await pool.cut()
