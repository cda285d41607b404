# Written by tools/mirror.py from storage/continuity/files.py: change that file and run the tool.
"""Sessions with their messages, written to a file and read from there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ...core.dialog.checks import one_of
from ...core.dialog.errors import SessionExistsError
from ...core.dialog.files import HEADER, Told, ending, is_begun, lines, told
from ...core.dialog.records import Session, SessionFilters
from .protocols import ContinuityAdapter, OnCorrupt

if TYPE_CHECKING:
    from ...dumps import DumpFile

Existing = Literal["refuse", "keep", "replace"]

_EXISTING: Final[tuple[Existing, ...]] = ("refuse", "keep", "replace")
_IMPORT_TTL: Final = 3600
"""So many seconds after its last message a session expires that did not come to its end."""

_log = logging.getLogger("storage")


class _Begun(NamedTuple):
    """A session of a file that is about to be kept, and the one that was there before."""

    one: Told
    before: Told | None
    is_ours: bool = False
    """Whether it is the session of the file that is there, for certain."""


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
                there = session if messages else await self._adapter.get_session(session.id)
                if there is not None and not is_begun(session):
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
                there = await self._whole(one.name)
                if there is not None:
                    raise SessionExistsError(there.id)
        begun: list[_Begun] = []
        try:
            for one in found:
                await self._load(one, existing, begun)
        except BaseException:
            await self._undo(begun)
            raise
        return len(begun)

    async def _load(self, one: Told, existing: Existing, begun: list[_Begun]) -> None:
        """Keep a session, unless there is one already that is to be kept."""
        before = None
        if existing != "refuse":
            there = await self._whole(one.name)
            if there is not None and existing == "keep":
                return
            before = None if there is None else await self._told(there)
        begun.append(_Begun(one, before))
        if before is not None:
            await self._adapter.delete_session(one.name)
        try:
            await self._begin(one)
        except SessionExistsError:
            begun.pop()
            if existing != "keep":
                raise
        else:
            begun[-1] = _Begun(one, before, is_ours=True)
            await self._go_on(one)

    async def _begin(self, one: Told) -> None:
        """Keep a session without its messages: it has a mark until it has them all, and expires
        soon if it never has."""
        await self._adapter.create_session(one.begun, session_ttl=_IMPORT_TTL)

    async def _go_on(self, one: Told) -> None:
        for message in one.messages:
            await self._adapter.add_message(one.name, message, session_ttl=_IMPORT_TTL)
        await self._adapter.update_session(one.name, one.ended, quiet=True)

    async def _undo(self, begun: list[_Begun]) -> None:
        """Have what was there before: all of a file is kept, or nothing. What fails is logged, and
        the others are put back nevertheless."""
        for one, before, is_ours in reversed(begun):
            try:
                there = await self._whole(one.name)
                if there is not None and is_ours:
                    await self._adapter.delete_session(one.name)
                if before is not None and (there is None or is_ours):
                    await self._begin(before)
                    await self._go_on(before)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others come next
                _log.warning("a session could not be put back: %s", type(error).__name__)

    async def _whole(self, name: str) -> Session | None:
        """The session that is there; one that is only begun is taken away."""
        session = await self._adapter.get_session(name)
        if session is None or not is_begun(session):
            return session
        await self._adapter.delete_session(name)
        return None

    async def _told(self, session: Session) -> Told:
        """A session that is there, as a file tells of it."""
        messages = await self._adapter.get_messages(session.id)
        (one,) = told([HEADER, *lines(session, messages), ending(1)], session.id)
        return one
