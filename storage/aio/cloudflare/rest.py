# Written by tools/mirror.py from storage/cloudflare/rest.py: change that file and run the tool.
"""Cloudflare's KV by its public API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import StorageError
from ..runtime import Runtime, monotonic
from ...cloudflare.entries import READ_AT_ONCE, Held, Listing, Put
from ...cloudflare.failing import CLOSED, LARGE, PART, TOO_LARGE, Answer, Course, Trouble, understood
from .links import Links
from ...cloudflare.options import Options
from ...cloudflare.wire import (
    Parcel,
    Removal,
    Request,
    batches,
    halves,
    listing,
    parcels,
    reading,
    reading_metadata,
    reading_value,
    removals,
)


class RestService:
    """The namespace that *options* name."""

    def __init__(self, options: Options) -> None:
        self.label: str = options.label
        self.place: object = (options.base_url, options.account, options.namespace)
        self.seconds: float = options.seconds
        self._links = Links(options)
        self._runtime = Runtime()
        self._is_closed = False

    async def read(self, names: Sequence[str], until: float | None = None) -> Sequence[Held | None]:
        course = self._course(names, until)
        found: dict[str, Held | None] = {}
        todo = list(batches(names, READ_AT_ONCE))
        while todo:
            some = todo.pop()
            answer = await self._ask(reading(some), course)
            if answer is not TOO_LARGE:
                found.update(answer)
            elif len(some) > 1:
                middle = len(some) // 2
                todo += [some[:middle], some[middle:]]
            else:
                found[some[0]] = await self._read_alone(some[0], course)
        return [found.get(name) for name in names]

    async def put(self, entries: Sequence[Put], until: float | None = None) -> None:
        course = self._course([entry.name for entry in entries], until)
        for parcel in parcels(entries):
            await self._change(parcel, course)

    async def remove(self, names: Sequence[str], until: float | None = None) -> None:
        course = self._course(names, until)
        for removal in removals(names):
            await self._change(removal, course)

    async def page(
        self, prefix: str, cursor: str | None, most: int, until: float | None = None
    ) -> Listing:
        course = self._course((), until)
        answer = await self._ask(listing(prefix, cursor, most), course)
        found: Listing = answer
        return found

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await self._links.aclose()

    def _course(self, names: Sequence[str], until: float | None) -> Course:
        """How it goes with *names*, until the deadline."""
        key = names[0] if len(names) == 1 else None
        if until is None:
            until = monotonic() + self.seconds
        return Course(until, len(set(names)), key)

    async def _read_alone(self, name: str, course: Course) -> Held | None:
        """What one request finds that is about nothing else, and others its metadata: before and
        after it they are the same, or somebody wrote it meanwhile."""
        before = await self._ask(reading_metadata(name), course)
        while True:
            held = await self._ask(reading_value(name), course)
            if held is None:
                return None
            metadata = await self._ask(reading_metadata(name), course)
            if metadata == before:
                return Held(held.text, metadata, held.seconds)
            before = metadata

    async def _change(self, change: Parcel | Removal, course: Course) -> None:
        todo = [change]
        while todo:
            some = todo.pop()
            request = some.request()
            failed = await self._ask(request, course)
            if failed is TOO_LARGE:
                todo += await self._smaller(some, request, course)
                continue
            left = some.only(failed)
            count = len(left.names())
            course.went_on(len(some.names()) - count, count)
            if count:
                await self._wait(request, PART, course)
                todo.append(left)

    async def _ask(self, request: Request, course: Course) -> Any:
        """What the service answers, asked until it does or the deadline comes."""
        while True:
            answer = await self._tried(request, course.until - monotonic())
            if isinstance(answer, Answer):
                return answer.value
            await self._wait(request, answer, course)

    async def _tried(self, request: Request, seconds: float) -> Answer | Trouble:
        if self._is_closed:
            return CLOSED
        reply = await self._links.ask(request, seconds)
        return reply if isinstance(reply, Trouble) else understood(request, reply)

    async def _wait(self, request: Request, trouble: Trouble, course: Course) -> None:
        """Wait until it makes sense to ask again, or give up."""
        step = course.after(request, trouble, monotonic())
        if isinstance(step, StorageError):
            step.store, step.key = self.label, course.key
            try:
                raise step from trouble.error
            finally:
                del step  # or the error holds itself, and what failed, until a collection
        if step:
            await self._runtime.sleep(step)

    async def _smaller(
        self, change: Parcel | Removal, request: Request, course: Course
    ) -> list[Parcel | Removal]:
        """The same in two, or what to give up with, where there is one entry left."""
        names = change.names()
        if len(names) > 1:
            return halves(change)
        course.key = names[0]
        await self._wait(request, LARGE, course)
        return []
