"""Requests over connections that are kept, each within its own seconds, whatever comes or not.

The twin of `storage.cloudflare.links`, with connections of each event loop's own.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

import httpx

from ...cloudflare.failing import (
    TOO_LATE,
    LateError,
    LongError,
    Phase,
    Progress,
    Trouble,
    discreet,
)
from ...cloudflare.links import FAILURES, OPENED, SHORTEST, Maker, Service
from ...cloudflare.options import Options
from ...cloudflare.wire import LARGEST_REPLY, Reply, Request
from ...runtime import after_fork
from ..runtime import Overdue, Runtime

_CONNECTIONS = 20
"""How many connections a loop has at the most; who finds all in use waits for one."""


class Links:
    """Requests to the service that *options* name."""

    def __init__(self, options: Options) -> None:
        self._service = Service(options, httpx.AsyncClient, httpx.Client, "asyncio")
        self._borrowed: httpx.AsyncClient | None = options.client
        ours = self._borrowed is None
        self._maker = Maker(httpx.AsyncClient, options.base_url) if ours else None
        self._runtime = Runtime()
        self._is_closed = False
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}
        after_fork(self, Links._leave_behind)

    async def ask(self, request: Request, seconds: float) -> Reply | Trouble:
        """What the service replies within so many *seconds*, or what came instead.

        Where there is none in time, the connection is closed, and with it ends what waited there.
        """
        if seconds <= 0:
            return TOO_LATE
        call = _Call()
        asked = self._service.asked(request, max(seconds, SHORTEST), call.note)
        try:
            return await self._runtime.within(seconds, self._asked, call, asked)
        except Overdue:
            return call.late(LateError(f"there was no answer within {seconds:g} seconds"))

    async def aclose(self) -> None:
        """Close what is idle, in all loops; what is lent is closed when it comes back."""
        self._is_closed = True
        self._forget_closed_loops()
        here = asyncio.get_running_loop()
        for loop, pool in list(self._pools.items()):
            if loop is here:
                await pool.aclose()
            else:
                with suppress(RuntimeError):  # it has ended meanwhile
                    loop.call_soon_threadsafe(pool.close_soon)

    async def _asked(self, call: _Call, asked: httpx.Request) -> Reply | Trouble:
        if self._maker is None:
            return await call.reply(self._borrowed, asked)
        pool = self._pool(self._maker)
        async with pool.places:
            call.pool = pool
            client = pool.taken()
            is_clean = False
            try:
                outcome = await call.reply(client, asked)
                is_clean = isinstance(outcome, Reply)
            finally:
                # One that did not end as it should may be in any state: nobody uses it again.
                await pool.back(client, is_clean)
        return outcome

    def _pool(self, maker: Maker) -> _Pool:
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            self._forget_closed_loops()
            pool = self._pools[loop] = _Pool(maker)
        if self._is_closed:
            pool.kept.is_closed = True
        return pool

    def _forget_closed_loops(self) -> None:
        for loop in list(self._pools):
            if loop.is_closed():
                self._pools.pop(loop, None)

    def _leave_behind(self) -> None:
        """In a forked process: the connections are those of the parent, and so are its loops."""
        for pool in self._pools.values():
            pool.let_go()
        # Whoever took them apart would tell the loops, which still share something with the parent.
        self._parents = self._pools
        self._pools = {}


class _Kept:
    """Clients of one connection that nobody uses."""

    def __init__(self) -> None:
        self.idle: deque[httpx.AsyncClient] = deque()
        self.is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True
        while self.idle:
            await _close(self.idle.pop())


class _Pool:
    """The clients of one loop, which are closed at its end at the latest."""

    def __init__(self, maker: Maker) -> None:
        self.places = asyncio.Semaphore(_CONNECTIONS)
        self.kept = _Kept()
        self.streams: weakref.WeakSet[Any] = weakref.WeakSet()
        self._maker = maker
        self._end = _closing_at_its_end(self.kept)
        # A loop closes at its end the generators that have begun in it.
        with suppress(StopIteration):
            self._end.__anext__().send(None)

    def taken(self) -> httpx.AsyncClient:
        """A client that nobody else uses."""
        if self.kept.idle:
            return self.kept.idle.pop()
        client: httpx.AsyncClient = self._maker.made()
        return client

    async def back(self, client: httpx.AsyncClient, is_clean: bool) -> None:
        """Keep *client* for others, or close it."""
        if is_clean and not self.kept.is_closed:
            self.kept.idle.append(client)
        else:
            await _close(client)

    async def aclose(self) -> None:
        await self.kept.aclose()

    def close_soon(self) -> None:
        """The same, from this loop but out of no task."""
        self._closing = asyncio.ensure_future(self.aclose())

    def let_go(self) -> None:
        """Close the connections in this process only, behind the back of the loop."""
        for stream in list(self.streams):
            socket = stream.get_extra_info("socket")
            if socket is None or socket.fileno() < 0:
                continue
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, socket.fileno())
            os.close(nothing)


class _Call:
    """One request."""

    def __init__(self) -> None:
        self.pool: _Pool | None = None
        self._progress = Progress()
        self._is_begun = False
        self._opened: Any = None

    async def note(self, event: str, info: Mapping[str, Any]) -> None:
        """What the client has to say."""
        self._progress.note(event, info)
        if event.endswith(OPENED):
            stream = info["return_value"]
            self._opened = self._opened or stream
            if self.pool is not None:
                self.pool.streams.add(stream)

    def late(self, error: LateError) -> Trouble:
        """What comes of it where the deadline came first, be it in the wait for a connection."""
        phase = self._progress.phase(error) if self._is_begun else Phase.UNSENT
        return Trouble(phase, error)

    async def reply(self, client: Any, asked: httpx.Request) -> Reply | Trouble:
        """What comes of it."""
        self._is_begun = True
        is_clean = False
        try:
            reply = await self._reply(client, asked)
            is_clean = True
            return reply
        except httpx.HTTPStatusError as error:  # as a hook of somebody's own may raise it
            return Reply(error.response.status_code, dict(error.response.headers), b"")
        except FAILURES as error:
            return Trouble(self._progress.phase(error), discreet(error))
        except RuntimeError:
            if not client.is_closed:
                raise
            return self._progress.closed()
        finally:
            # A client does not close what was opened and is not a connection yet.
            if not is_clean and self._opened is not None:
                with suppress(Exception):
                    await self._opened.aclose()

    async def _reply(self, client: Any, asked: httpx.Request) -> Reply:
        response = await client.send(asked, stream=True, auth=None, follow_redirects=False)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_REPLY:
                    raise LongError
        finally:
            await response.aclose()
        return Reply(response.status_code, dict(response.headers), bytes(body))


async def _closing_at_its_end(kept: _Kept) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await kept.aclose()


async def _close(client: httpx.AsyncClient) -> None:
    with suppress(Exception):  # of a connection that is broken
        await client.aclose()
