# Written by tools/mirror.py from storage/clients.py: change that file and run the tool.
"""Entries by somebody's client of Redis, of which no more is known than a few commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..core.clients import Client, left_ms, raw_in, seconds, told
from ..core.counting import counted
from ..errors import ClosedError, OutcomeUnknownError, StorageError, UnsupportedError
from .keylock import KeyLock
from ..keys import Names
from ..offers import Clocked
from ..records import DELETE, MISSING, Capabilities, Deletion, Missing, Page
from .runtime import Runtime, callback, wall_clock
from ..ttl import At, Clock, Expiry, Keeping


class ClientBackend:
    """Strings on a server by the commands of *client*, one key at a time.

    What takes two commands is atomic between the users of this object. How long an entry has left
    is known where the client has a `pttl`; otherwise `KEEP` means the default lifetime.
    """

    def __init__(self, client: Client, clock: Clock = wall_clock) -> None:
        self.label: str = f"client {client.kind}"
        self.capabilities: Capabilities = Capabilities(
            atomic="process", expiry_ms=client.grain_ms, iteration=False, durable=True
        )
        self._room = Commands(client, self.label)
        self._client = client
        self._clock = clock
        self._runtime = Runtime()
        self._keys = KeyLock(self.label, patient=True)

    async def read(self, name: str) -> bytes | None:
        reply = await self._room.get(name)
        return raw_in(reply, self.label, name)

    async def ends(self, name: str) -> int | Missing | None:
        if self._client.pttl is None:
            message = "this client has no pttl, so it is not known when a key ends"
            raise UnsupportedError(message, store=self.label, key=name)
        left = await self._room.left(name)
        return self._now() + left if isinstance(left, int) else left

    async def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        async with self._keys.hold(name):
            await self._put(name, told(raw), expiry)

    async def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        async with self._keys.hold(name):
            there = await self.exists(name)
            if not there:
                await self._put(name, told(raw), expiry)
        return not there

    async def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        async with self._keys.hold(name):
            found = await self.read(name)
            if found != old:
                return False
            if new is DELETE:
                await self._room.delete(name)
            else:
                await self._put(name, told(new), expiry)
        return True

    async def remove(self, name: str) -> bool:
        async with self._keys.hold(name):
            there = await self.exists(name)
            if there:
                await self._room.delete(name)
        return there

    async def exists(self, name: str) -> bool:
        reply = await self._room.get(name)
        return reply is not None

    async def touch(self, name: str, expiry: Expiry) -> bool:
        async with self._keys.hold(name):
            reply = await self._room.get(name)
            if reply is not None and not isinstance(expiry, Keeping):
                await self._renew(name, reply, self._span(expiry))
        return reply is not None

    async def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        async with self._keys.hold(name):
            found = await self.read(name)
            total = counted(found, by, initial)
            await self._put(name, str(total), expiry)
        return total

    async def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        found = []
        for name in names:
            raw = await self.read(name)
            found.append(raw)
        return found

    async def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        for name, raw in entries:
            await self.write(name, raw, expiry)

    async def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        found = []
        for name in names:
            ends = await self.ends(name)
            found.append(ends)
        return found

    async def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        restored = 0
        for name, raw, ends in entries:
            expires = ends is not None and self.capabilities.expiry_ms is not None
            expiry = At(ends) if ends is not None and expires else None
            if replace:
                await self.write(name, raw, expiry)
                restored += 1
            else:
                added = await self.add(name, raw, expiry)
                restored += added
        return restored

    async def remove_many(self, names: Sequence[str]) -> int:
        removed = 0
        for name in names:
            there = await self.remove(name)
            removed += there
        return removed

    async def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        return await self._runtime.call(self._refuse_listing)

    async def clear(self, prefix: str) -> int:
        return await self._runtime.call(self._refuse_listing)

    def room(self, kind: object, names: Names) -> ClientBackend | None:
        """Itself, where somebody asks which moment it is."""
        return self if kind is Clocked else None

    def now_ms(self) -> int:
        """Which moment it is by the clock of this process."""
        return self._now()

    async def aclose(self) -> None:
        await self._room.aclose()

    async def _put(self, name: str, value: str | bytes, expiry: Expiry) -> None:
        """Write *value*; where the expiry is to stay, as long as the one that is there."""
        if not isinstance(expiry, Keeping):
            await self._write(name, value, self._span(expiry))
            return
        left = await self._room.left(name)
        if isinstance(left, int):
            await self._write(name, value, max(1, left))
        else:
            await self._write(name, value, None if left is None else self._span(expiry.otherwise))

    async def _write(self, name: str, value: str | bytes, span: int | None) -> None:
        if span is None:
            await self._room.set(name, value)
        elif span <= 0:  # it is over before it comes
            await self._room.delete(name)
        elif self._client.psetex is not None:
            await self._room.psetex(name, value, span)
        else:
            await self._runtime.finish(self._room.set_and_expire, name, value, span)

    async def _renew(self, name: str, value: str | bytes, span: int | None) -> None:
        """Give what is there, which is *value*, another lifetime."""
        if span is None or span <= 0 or self._client.rewrites:
            await self._write(name, value, span)
        else:
            await self._room.expire(name, span)

    def _span(self, expiry: int | At | None) -> int | None:
        return expiry.ms - self._now() if isinstance(expiry, At) else expiry

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _refuse_listing(self) -> NoReturn:
        message = "the keys are not known: only a URL or a client of redis-py lists them"
        raise UnsupportedError(message, store=self.label)


class Commands:
    """The commands of *client*, whose failures are those of *store*."""

    def __init__(self, client: Client, store: str) -> None:
        for command in client.callables():
            callback(command)
        self._client = client
        self._store = store
        self._runtime = Runtime()
        self._closed = False

    async def get(self, name: str) -> Any:
        return await self._call(self._client.get, name)

    async def set(self, name: str, value: str | bytes) -> None:
        await self._call(self._client.set, name, value)

    async def psetex(self, name: str, value: str | bytes, span: int) -> None:
        """Write *value* for *span* milliseconds, in one step."""
        assert self._client.psetex is not None
        await self._call(self._client.psetex, name, span, value)

    async def set_and_expire(self, name: str, value: str | bytes, span: int) -> None:
        """Write *value*, and then say that it ends."""
        await self._call(self._client.set, name, value)
        try:
            await self.expire(name, span)
        except StorageError as error:
            message = "the value is written, and its lifetime may not be: set it again"
            raise OutcomeUnknownError(message, store=self._store, key=name) from error

    async def expire(self, name: str, span: int) -> None:
        """Let what is there end in *span* milliseconds."""
        if self._client.pexpire is not None:
            await self._call(self._client.pexpire, name, span)
        else:
            assert self._client.expire is not None
            await self._call(self._client.expire, name, seconds(span))

    async def left(self, name: str) -> int | Missing | None:
        """The milliseconds that an entry has left; `MISSING` where nobody knows."""
        if self._client.pttl is None:
            return MISSING
        reply = await self._call(self._client.pttl, name)
        return left_ms(reply, self._store, name)

    async def delete(self, name: str) -> None:
        await self._call(self._client.delete, name)

    async def aclose(self) -> None:
        """Send nothing more; the client stays open."""
        self._closed = True

    async def _call(self, command: Callable[..., Any], name: str, *values: object) -> Any:
        if self._closed:
            raise ClosedError("the store is closed", store=self._store)
        try:
            reply = await self._runtime.call(command, name, *values)
        except StorageError:
            raise
        except Exception as error:
            message = f"the client raised {type(error).__name__}"
            raise StorageError(message, store=self._store, key=name) from error
        if hasattr(type(reply), "__await__"):
            message = "the client wants to be awaited: that is for storage.aio"
            raise UnsupportedError(message, store=self._store, key=name)
        return reply
