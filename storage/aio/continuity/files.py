# Written by tools/mirror.py from storage/continuity/files.py: change that file and run the tool.
"""Sessions with their messages, written to a file and read from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ...core.dialog.checks import one_of
from ...core.dialog.errors import SessionExistsError
from ...core.dialog.files import HEADER, Told, ending, lines, told
from ...core.dialog.records import SessionFilters
from .protocols import ContinuityAdapter, OnCorrupt

if TYPE_CHECKING:
    from ...dumps import DumpFile

Existing = Literal["refuse", "keep", "replace"]

_EXISTING: Final[tuple[Existing, ...]] = ("refuse", "keep", "replace")
_ENDING: Final = ("status", "expires_at", "last_activity_at", "token_budget")
"""What a session is at its end, and is not while its messages are added."""


class _Done(NamedTuple):
    """A session of a file that is kept, and the one that was there before."""

    name: str
    before: Told | None


class Files:
    """The sessions of an *adapter*, each of them as a whole."""

    def __init__(self, adapter: ContinuityAdapter) -> None:
        self._adapter = adapter

    async def dump(self, file: DumpFile, filters: SessionFilters, on_corrupt: OnCorrupt) -> int:
        """Write the sessions that are asked for to *file*, and say how many there were."""
        from ...dumps import writing  # dear, and seldom needed

        number = 0
        sessions = await self._adapter.list_sessions(filters, on_corrupt=on_corrupt)
        with writing(file) as out:
            out.write(HEADER)
            for session in sessions:
                messages = await self._adapter.get_messages(session.id)
                out.writelines(lines(session, messages))
                number += 1
            out.write(ending(number))
        return number

    async def load(self, file: DumpFile, existing: Existing) -> int:
        """Keep the sessions that *file* tells of, and say how many there were."""
        from ...dumps import name_of, reading

        one_of(existing, _EXISTING, "existing")
        with reading(file) as source:
            found = told(source, name_of(file))
        if existing == "refuse":
            for one in found:
                there = await self._adapter.get_session(one.session["id"])
                if there is not None:
                    raise SessionExistsError(there.id)
        done: list[_Done] = []
        try:
            for one in found:
                await self._load(one, existing, done)
        except BaseException:
            await self._undo(done)
            raise
        return len(done)

    async def _load(self, one: Told, existing: Existing, done: list[_Done]) -> None:
        """Keep a session, unless there is one already that is to be kept."""
        name = one.session["id"]
        before = await self._told(name) if existing == "replace" else None
        if before is not None:
            done.append(_Done(name, before))
            await self._adapter.delete_session(name)
        try:
            await self._begin(one)
        except SessionExistsError:
            if existing == "keep":
                return
            raise
        if before is None:
            done.append(_Done(name, None))
        await self._go_on(one)

    async def _undo(self, done: list[_Done]) -> None:
        """Have what was there before: all of a file is kept, or nothing."""
        for name, before in reversed(done):
            await self._adapter.delete_session(name)
            if before is not None:
                await self._begin(before)
                await self._go_on(before)

    async def _begin(self, one: Told) -> None:
        begun = {key: value for key, value in one.session.items() if key not in _ENDING}
        await self._adapter.create_session(begun)

    async def _go_on(self, one: Told) -> None:
        name = one.session["id"]
        for message in one.messages:
            await self._adapter.add_message(name, message)
        end = {key: value for key, value in one.session.items() if key in _ENDING}
        await self._adapter.update_session(name, end, quiet=True)

    async def _told(self, name: str) -> Told | None:
        """The session that is there, as a file tells of it."""
        session = await self._adapter.get_session(name)
        if session is None:
            return None
        messages = await self._adapter.get_messages(name)
        (one,) = told([HEADER, *lines(session, messages), ending(1)], name)
        return one
