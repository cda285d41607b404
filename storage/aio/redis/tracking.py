"""Hears what changes on servers: one connection to each of them, on which it is told.

The twin of `storage.redis.tracking`, with a task in the place of the thread: it is in the event
loop that asked first, and when that is gone, in the next one that asks.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any

from redis.asyncio.connection import async_timeout as timeout  # type: ignore[attr-defined]
from redis.exceptions import TimeoutError

from ...core.near import Near
from ...errors import ClosedError
from ...redis.changes import (
    EVERY,
    LOOK_EVERY,
    PING,
    WITHIN,
    Told,
    follow,
    rest_after,
    tell,
    third,
)
from ...redis.settings import Address, Maker
from ...runtime import after_fork, monotonic, reentrant
from .door import Door
from .link import let_all_go

_CHUNK = 65536


class Listener:
    """Has a task hear what changes behind a *door* under names that begin with *prefix*.

    The task does not keep the listener alive, and ends with it.
    """

    def __init__(self, door: Door, prefix: bytes) -> None:
        self._door = door
        self._prefix = prefix
        self._lock = reentrant()
        self._ear: _Ear | None = None
        self._is_closed = False
        after_fork(self, Listener._leave_behind)

    async def begin(self, near: Near) -> None:
        """Have *near* told what changes, if it is not so already."""
        ear = self._ear
        if near.is_ended or (ear is not None and ear.is_alive):
            return
        with self._lock:
            if self._is_closed or (self._ear is not None and self._ear.is_alive):
                return
            if self._ear is not None:
                self._ear.give_way()
            near.shut()
            maker = self._door.maker
            if maker is None:
                tell(near, self._door.label, None)
                return
            self._ear = ear = _Ear(self, self._door, third(maker), self._prefix, near)
            ear.begin()

    def hears(self, places: Sequence[Address]) -> bool:
        """Whether that is told which changes at *places*; if not, it soon will be."""
        ear = self._ear
        if ear is None or not ear.heard or ear.heard == sorted(places):
            return True
        ear.look_about()
        return False

    async def aclose(self) -> None:
        """End the task, and wait for its end where it is one of this loop."""
        with self._lock:
            self._is_closed, ear = True, self._ear
        if ear is not None:
            await ear.stop()

    def _leave_behind(self) -> None:
        """In a forked process: the task is in the parent, and so are its connections."""
        self._lock = reentrant()
        ear, self._ear = self._ear, None
        if ear is not None:
            ear.leave()
        # Whoever took it apart would tell the loop, which still shares something with the parent.
        self._parents = ear


class _Ear:
    """A task that hears for *owner*."""

    def __init__(
        self, owner: Listener, door: Door, maker: Maker, prefix: bytes, near: Near
    ) -> None:
        self.heard: list[Address] = []
        self._door = door
        self._maker = maker
        self._prefix = prefix
        self._near = near
        self._lines: list[_Line] = []
        self._is_over = False
        self._loop = asyncio.get_running_loop()
        self._astray = self._loop.create_future()
        self._task: asyncio.Task[None] | None = None
        self._owner = weakref.ref(owner, lambda _: self._end_soon())

    def begin(self) -> None:
        """Have the task there; where an interrupt strikes before that is known, this one gives way
        to the next."""
        # Nothing of who asks for it, such as context variables, is kept.
        Context().run(self._begin)

    @property
    def is_alive(self) -> bool:
        """Whether it goes on; in a loop that does not run it does not."""
        task = self._task
        is_there = task is not None and not task.done() and not self._is_over
        return is_there and self._loop.is_running()

    def give_way(self) -> None:
        """End soon, when the loop runs again, if ever; another one tells by now."""
        self._near = Near(1, 1, self._near.clock)
        self._end_soon()

    async def stop(self) -> None:
        """End, and wait for that where it is possible, but not for ever: what connects may swallow
        that it is cancelled."""
        self._is_over = True
        task = self._task
        if task is None or task is asyncio.current_task():
            return
        self._soon(task.cancel)
        if self._loop is asyncio.get_running_loop():
            await asyncio.wait([task], timeout=WITHIN)
            for line in self._lines if not task.done() else ():
                line.cut()

    def look_about(self) -> None:
        """Servers have moved: begin anew with those that there are."""
        self._near.shut()
        self._soon(_settle, self._astray)

    def leave(self) -> None:
        """Close what came along into a forked process, without a word to anybody."""
        let_all_go(line.connection for line in self._lines)

    def _begin(self) -> None:
        self._task = self._loop.create_task(self._run(), name="storage")

    def _end_soon(self) -> None:
        self._is_over = True
        if self._task is not None:
            self._soon(self._task.cancel)

    def _soon(self, function: Callable[..., object], *args: object) -> None:
        with suppress(RuntimeError):  # the loop is closed, and nothing goes on in there
            self._loop.call_soon_threadsafe(function, *args)

    async def _run(self) -> None:
        try:
            pause = 0.0
            while not self._is_over and not self._near.is_ended:
                pause = await self._try(pause)
                await self._rest(pause)
        finally:
            self._near.shut()

    async def _try(self, pause: float) -> float:
        """Hear as long as it goes well, and say how long to rest after that."""
        self._astray = self._loop.create_future()
        try:
            await self._connect()
            pause = 0.0
            await self._hear()
        except ClosedError:
            self._is_over = True
        except Exception as error:  # noqa: BLE001 - also what their callbacks raise: it must go on
            await self._hang_up()
            return rest_after(error, self._near, self._door.label, pause)
        except BaseException:
            await self._hang_up()
            raise
        await self._hang_up()
        return 0.0

    async def _rest(self, seconds: float) -> None:
        """Wait; a copy that was kept meanwhile is not kept any longer."""
        if seconds and not self._is_over:
            await asyncio.sleep(seconds)
            self._near.shut()

    async def _connect(self) -> None:
        """Have each server tell what changes there."""
        places = sorted(await self._door.look_about())
        if not places:
            raise ConnectionError("no server is known")
        for place in places:
            line = _Line(self._maker.connection(place), self._near)
            self._lines.append(line)
            await line.connect(follow(self._prefix))
        self.heard = places
        self._near.open(watched=True, sure=self._sure())

    async def _hear(self) -> None:
        """Drop what changes, and ask each server again and again whether that was all; until
        somebody has shut what was opened here."""
        hearing = [asyncio.ensure_future(line.hear(self._heard)) for line in self._lines]
        looks = monotonic()
        try:
            while not self._is_over and not self._astray.done() and self._near.watched:
                for line in self._lines:
                    line.ask()
                if monotonic() >= looks:
                    looks = monotonic() + LOOK_EVERY
                    if sorted(await self._door.look_about()) != self.heard:
                        return
                waited = [*hearing, self._astray]
                await asyncio.wait(waited, timeout=EVERY, return_when=asyncio.FIRST_COMPLETED)
                for one in hearing:
                    if one.done():
                        one.result()
        finally:
            for one in hearing:
                one.cancel()
            await asyncio.gather(*hearing, return_exceptions=True)

    def _heard(self) -> None:
        self._near.sure = self._sure()

    def _sure(self) -> float:
        """Until when copies count: so long after the moment for which all servers have answered."""
        return min((line.told.sure for line in self._lines), default=self._near.clock()) + WITHIN

    async def _hang_up(self) -> None:
        self._near.shut()
        self.heard = []
        lines, self._lines = self._lines, []
        for line in lines:
            with suppress(Exception):
                await line.connection.disconnect(nowait=True)


class _Line:
    """One connection to a server that tells what changes."""

    def __init__(self, connection: Any, near: Near) -> None:
        self.connection = connection
        self.told = Told(near)

    async def connect(self, command: bytes) -> None:
        """Say the *command* after which the server tells what changes."""
        # One limit for all that is said: those of the client library can swallow a cancellation.
        self.connection.socket_timeout = None
        try:
            async with timeout(WITHIN):
                await self.connection.connect()
                self.told.asks()
                self.connection._writer.write(command)
                while self.told.is_waiting:
                    await self._take()
        except asyncio.TimeoutError as error:
            raise TimeoutError("Timeout connecting to server") from error

    def cut(self) -> None:
        """Have who waits for the server wait no more."""
        writer = getattr(self.connection, "_writer", None)
        if writer is not None:
            writer.transport.abort()

    def ask(self) -> None:
        """Ask whether all was told that has changed so far; an answer that is overdue is none."""
        if self.told.is_overdue:
            raise TimeoutError("Timeout reading from socket")
        self.told.asks()
        self.connection._writer.write(PING)

    async def hear(self, heard: Callable[[], object]) -> None:
        """Take what comes, and say each time that it was taken."""
        while True:
            await self._take()
            heard()

    async def _take(self) -> None:
        some = await self.connection._reader.read(_CHUNK)
        if not some:
            raise ConnectionError("Connection closed by server.")
        self.told.hear(some)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
