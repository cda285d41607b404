"""Cloudflare's KV by the binding of a Worker. It is awaited, so there is no blocking twin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from ...cloudflare.bindings import (
    AT_ONCE,
    IN_JAVASCRIPT,
    NO_BINDING,
    TELLING,
    TEXT,
    Call,
    Failure,
    NotAsked,
    beside,
    bounds,
    failure,
    given,
    held,
    listing,
    pause,
    plain,
    text_of,
    told_of,
)
from ...cloudflare.entries import READ_AT_ONCE, Held, Listed, Listing, Put, end_of, in_part
from ...cloudflare.failing import discreet
from ...cloudflare.options import Options
from ...errors import OutcomeUnknownError, StorageError
from ...records import MISSING, Missing
from ...ttl import Clock
from ..runtime import Overdue, Runtime, monotonic
from .kv import CloudflareBackend

T = TypeVar("T")
R = TypeVar("R")


class BindingBackend(CloudflareBackend):
    """The entries of a binding, whose own end it tells only where it lists them."""

    def __init__(self, service: BindingService, clock: Clock) -> None:
        super().__init__(service, clock)
        self._listed = service.listed

    async def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        until = self._until()
        ends = await self._ends(names, until)
        unsaid = [name for name, one in zip(names, ends) if one is None]
        listed = await self._listed(unsaid, until) if unsaid else {}
        now_ms = self.now_ms()
        told: dict[str, int | Missing] = {}
        for name, one in listed.items():
            end = None if one is None else end_of(one)
            if end is not None:
                told[name] = MISSING if end <= now_ms else end
        return [told.get(name) if one is None else one for name, one in zip(names, ends)]


class BindingService:
    """The entries of the namespace that a binding is for.

    Its methods may be awaited or not. Entries are written one by one, and where it does not take a
    list of names read so, `AT_ONCE` of them at a time. Without `getWithMetadata` each entry that is
    found is listed as well, and what is written between the two belongs to one of them only.
    """

    def __init__(self, options: Options) -> None:
        self._binding = options.binding
        self._label = options.label
        self._seconds = options.seconds
        self._runtime = Runtime()
        self._reads_many = IN_JAVASCRIPT
        there = (name for name in TELLING if callable(getattr(self._binding, name, None)))
        self._telling = next(there, None)

    @property
    def place(self) -> object:
        return self._binding

    @property
    def label(self) -> str:
        return self._label

    @property
    def seconds(self) -> float:
        return self._seconds

    async def read(self, names: Sequence[str], until: float | None = None) -> Sequence[Held | None]:
        """What is kept under *names*, in their order."""
        until = self._until(until)
        found = await self._told(names, until)
        left = [name for name in names if name not in found]
        texts = await _each(partial(self._read, until=until), left)
        found.update(zip(left, texts))
        return [found[name] for name in names]

    async def put(self, entries: Sequence[Put], until: float | None = None) -> None:
        """Keep *entries*, whatever was there before."""
        last = {one.name: one for one in entries}
        await self._change(self._put, list(last.values()), self._until(until))

    async def remove(self, names: Sequence[str], until: float | None = None) -> None:
        """Keep nothing under *names* any more."""
        await self._change(self._remove, list(dict.fromkeys(names)), self._until(until))

    async def page(
        self, prefix: str, cursor: str | None, most: int, until: float | None = None
    ) -> Listing:
        """*most* names at the most that start with *prefix*, from *cursor* on."""
        return await self._page(prefix, cursor, most, self._until(until))

    async def listed(self, names: Sequence[str], until: float) -> dict[str, Listed | None]:
        """What a list says of each of *names*."""
        found = await _each(partial(self._entry, until=until), list(names))
        return dict(zip(names, found))

    async def aclose(self) -> None:
        """The binding is somebody else's, and stays as it is."""

    def _until(self, until: float | None) -> float:
        return monotonic() + self._seconds if until is None else until

    async def _told(self, names: Sequence[str], until: float) -> dict[str, Held | None]:
        """What is kept under *names*, as far as it is told for several of them together."""
        found: dict[str, Held | None] = {}
        for start in range(0, len(names), READ_AT_ONCE):
            some = names[start : start + READ_AT_ONCE]
            if not self._reads_many or self._telling is None or len(some) == 1:
                break
            call = Call(self._telling, (given(some),), TEXT)
            try:
                told = await self._ask(call, partial(told_of, names=some), until)
            except StorageError as error:
                if type(error) is not StorageError:
                    raise
                continue  # it takes no list, or so many texts are too much together
            self._reads_many = bool(told)
            found |= told
        return found

    async def _read(self, name: str, until: float) -> Held | None:
        if self._telling is not None:
            return await self._ask(Call(self._telling, (name,), TEXT, name), held, until)
        text = await self._ask(Call("get", (name,), TEXT, name), text_of, until)
        if text is None:
            return None
        entry = await self._entry(name, until)
        return Held(text, None, None) if entry is None else Held(text, entry[1], entry[2])

    async def _entry(self, name: str, until: float) -> Listed | None:
        """What a list says of an entry: of all names that start with its own, that comes first."""
        page = await self._page(name, None, 1, until)
        return next((one for one in page.entries if one.name == name), None)

    async def _page(self, prefix: str, cursor: str | None, most: int, until: float) -> Listing:
        return await self._ask(Call("list", (), bounds(prefix, cursor, most)), listing, until)

    async def _put(self, entry: Put, until: float) -> None:
        call = Call("put", (entry.name, entry.text), beside(entry), entry.name, writes=True)
        await self._answer(call, until)

    async def _remove(self, name: str, until: float) -> None:
        await self._answer(Call("delete", (name,), {}, name, writes=True), until)

    async def _change(
        self, change: Callable[..., Awaitable[None]], items: Sequence[Any], until: float
    ) -> None:
        """*change* all of *items*, of which some may be changed when one can not be."""
        try:
            await _each(partial(change, until=until), items)
        except StorageError as error:
            if len(items) == 1:
                raise
            words = f"some of {len(items)} entries may be changed"
            raise in_part(error, words, self._label) from error

    async def _ask(self, call: Call, read: Callable[[Any], R], until: float) -> R:
        """What *read* makes of the answer."""
        answer = await self._answer(call, until)
        try:
            return read(plain(answer))
        except (ValueError, TypeError, OverflowError):
            raise StorageError(NO_BINDING, store=self._label, key=call.name) from None

    async def _answer(self, call: Call, until: float) -> Any:
        """What the binding answers, which is called again while that may help: whatever is done may
        be done twice, as what was written last stays."""
        is_doubtful, attempt = False, 0
        said: tuple[Failure, Exception] | None = None
        while True:
            try:
                return await self._once(call, until)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 - what JavaScript throws, or a stranger
                failed = failure(error)
                if said is None or not isinstance(error, (NotAsked, Overdue)):
                    said = failed, error  # what it said last, whatever the time is
            is_doubtful |= failed.doubtful
            if not failed.passes or not await self._paused(attempt, until):
                told, cause = said
                kind = OutcomeUnknownError if is_doubtful and call.writes else told.error
                if not told.is_known:
                    cause = discreet(cause).with_traceback(cause.__traceback__)
                raise kind(told.reason, store=self._label, key=call.name) from cause
            attempt += 1

    async def _paused(self, attempt: int, until: float) -> bool:
        """Wait before one more attempt, if there is time for one."""
        seconds = pause(attempt)
        if monotonic() + seconds >= until:
            return False
        await self._runtime.sleep(seconds)
        return monotonic() < until

    async def _once(self, call: Call, until: float) -> Any:
        left = until - monotonic()
        if left <= 0:
            raise NotAsked
        return await self._runtime.within(left, self._called, call)

    async def _called(self, call: Call) -> Any:
        method = partial(getattr(self._binding, call.method), *call.args, **call.said)
        return await self._runtime.call(method)


async def _each(act: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
    """What *act* gives for each of *items*, `AT_ONCE` of them at a time; the first failure ends
    them all."""
    if len(items) == 1:
        return [await act(items[0])]
    found: dict[int, R] = {}
    left = iter(enumerate(items))

    async def work() -> None:
        for number, item in left:
            found[number] = await act(item)

    tasks = [asyncio.ensure_future(work()) for _ in range(min(AT_ONCE, len(items)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
    return [found[number] for number in range(len(items))]
