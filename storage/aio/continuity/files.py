# Written by tools/mirror.py from storage/continuity/files.py: change that file and run the tool.
"""Sessions with their messages, written to a file and read from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from ...core.dialog.checks import one_of
from ...core.dialog.errors import SessionExistsError
from ...core.dialog.files import HEADER, Told, ending, lines, told
from ...core.dialog.records import SessionFilters
from .protocols import ContinuityAdapter

if TYPE_CHECKING:
    from ...dumps import DumpFile

Existing = Literal["refuse", "keep", "replace"]

_EXISTING: Final[tuple[Existing, ...]] = ("refuse", "keep", "replace")
_ENDING: Final = ("status", "expires_at", "last_activity_at")
"""What a session is at its end, and is not while its messages are added."""


class Files:
    """The sessions of an *adapter*, each of them as a whole."""

    def __init__(self, adapter: ContinuityAdapter) -> None:
        self._adapter = adapter

    async def dump(self, file: DumpFile, filters: SessionFilters) -> int:
        """Write the sessions that are asked for to *file*, and say how many there were."""
        from ...dumps import writing  # dear, and seldom needed

        number = 0
        sessions = await self._adapter.list_sessions(filters)
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
        loaded = 0
        for one in found:
            is_new = await self._load(one, existing)
            loaded += is_new
        return loaded

    async def _load(self, one: Told, existing: Existing) -> bool:
        """Keep a session, unless there is one already that is to be kept."""
        name = one.session["id"]
        if existing == "replace":
            await self._adapter.delete_session(name)
        begun = {key: value for key, value in one.session.items() if key not in _ENDING}
        try:
            await self._adapter.create_session(begun)
        except SessionExistsError:
            if existing == "keep":
                return False
            raise
        try:
            for message in one.messages:
                await self._adapter.add_message(name, message)
            await self._adapter.update_session(name, _end(one.session), quiet=True)
        except BaseException:
            await self._adapter.delete_session(name)  # there is all of it, or nothing
            raise
        return True


def _end(session: dict[str, Any]) -> dict[str, Any]:
    return {name: session[name] for name in _ENDING if name in session}
