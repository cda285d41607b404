# Written by tools/mirror.py from storage/continuity/sweeping.py: change that file and run the tool.
"""Sessions that go: those that are expired, and those of a user who is to be forgotten."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from operator import methodcaller
from typing import Final

from ...core.dialog.checks import text
from ...core.dialog.errors import SessionError
from ..runtime import Periodic
from .events import Telling
from .protocols import ContinuityAdapter

_EVER: Final = datetime(9999, 12, 31, tzinfo=timezone.utc)


class Sweeper:
    """Deletes sessions of an *adapter*, those that are expired every so many *seconds* too, unless
    these are none; one that can not be deleted keeps no other from it."""

    def __init__(
        self, adapter: ContinuityAdapter, telling: Telling, logger: logging.Logger, seconds: float
    ) -> None:
        self._adapter = adapter
        self._telling = telling
        self._log = logger
        self._periodic = Periodic(self, methodcaller("work"), seconds) if seconds else None

    async def wake(self) -> None:
        """Go on in a process that was forked meanwhile, or in the loop that runs."""
        if self._periodic is not None:
            await self._periodic.nudge()

    async def stop(self) -> None:
        """Do nothing more by itself."""
        if self._periodic is not None:
            await self._periodic.stop()

    async def erase(self, user_id: str) -> int:
        """Delete the sessions of a user, whatever is in them, and say how many there were; what
        went wrong first is raised at the end."""
        erased = 0
        first: SessionError | None = None
        found = await self._adapter.list_session_ids(text(user_id, "user_id"))
        for name in found:
            try:
                is_done = await self._adapter.delete_session(name)
            except SessionError as error:
                first = first or error
                continue
            if is_done:
                erased += 1
                await self._telling.tell("session:deleted", name)
        if first is not None:
            raise first
        return erased

    async def expired(self) -> int:
        """Delete the sessions that are expired, and say how many there were."""
        deleted = 0
        found = await self._adapter.get_expired_sessions()
        for name in found:
            try:
                is_done = await self._adapter.delete_session(name, expired_before=_EVER)
            except SessionError as error:
                self._log.warning("an expired session could not be deleted", exc_info=True)
                await self._telling.tell("error", name, {"code": error.code, "error": str(error)})
                continue
            if is_done:
                deleted += 1
                await self._telling.tell("session:expired", name)
        return deleted

    async def work(self) -> None:
        """Delete what is expired, now and then; what keeps it from that is logged."""
        try:
            await self.expired()
        except Exception:  # noqa: BLE001 - it goes on next time
            self._log.warning("expired sessions could not be deleted", exc_info=True)
