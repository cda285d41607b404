# Written by tools/mirror.py from storage/continuity/deciding.py: change that file and run the tool.
"""Changes of sessions that are decided by what a session is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ...core.dialog.errors import ConcurrencyError, SessionNotFoundError
from ...core.dialog.parties import arrived, handed, joined, keeping, left
from ...core.dialog.records import Handoff, Participant, Session
from ...core.dialog.session_checks import session_updates
from ...core.dialog.wire import handoffs
from ..runtime import Runtime
from ...ttl import DefaultTtl
from .events import Telling
from ...continuity.failing import revealing
from .protocols import ContinuityAdapter
from .sweeping import Sweeper

_TRIES: Final = 10


class Deciding:
    """Reads a session of an *adapter*, decides, and writes unless another has written meanwhile:
    then all of it again."""

    def __init__(
        self, adapter: ContinuityAdapter, telling: Telling, ttl: DefaultTtl, sweeper: Sweeper
    ) -> None:
        self._sweeper = sweeper
        self._adapter = adapter
        self._telling = telling
        self._now = telling.now
        self._ttl = ttl
        self._runtime = Runtime()

    async def join(self, session_id: str, one: Participant) -> Session:
        """Have somebody take part."""
        now = self._now()
        session, is_new = await self._decide(session_id, lambda known: joined(known, one, now))
        if is_new:
            await self._telling.tell("participant:joined", session_id, {"participant_id": one.id})
        return session

    async def leave(self, session_id: str, name: str) -> Session:
        """Have somebody take part no longer."""
        now = self._now()
        session, is_gone = await self._decide(session_id, lambda known: left(known, name, now))
        if is_gone:
            await self._telling.tell("participant:left", session_id, {"participant_id": name})
        return session

    async def hand(self, session_id: str, handoff: Handoff) -> Session:
        """Hand a session to another agent."""
        session, _ = await self._decide(session_id, lambda known: handed(known, handoff))
        told = handoffs(session.metadata)[-1]
        data = {name: value for name, value in told._asdict().items() if name != "at"}
        await self._telling.tell("agent:handoff", session_id, data)
        return session

    async def read(self, session_id: str) -> Session:
        """The session, over or not."""
        with revealing():
            session = await self._adapter.get_session(session_id)
        if session is None:
            raise SessionNotFoundError(session_id)
        return session

    async def change(self, session_id: str, told: dict[str, Any], expected: int | None) -> Session:
        """Change a session as somebody says; its hand-offs stay unless its metadata tell of
        some."""
        updates = dict(told)
        if updates.get("participants") is not None:
            updates["participants"] = arrived(updates["participants"], self._now())
        metadata = updates.get("metadata")
        if not isinstance(metadata, Mapping):
            return await self.write(session_id, updates, expected)
        session_updates(updates)  # before anything is read
        session, _ = await self._decide(
            session_id,
            lambda known: {**updates, "metadata": keeping(known, metadata)},
            expected,
        )
        return session

    async def write(
        self, session_id: str, updates: dict[str, Any], expected: int | None = None
    ) -> Session:
        """Change a session, where one is *expected* only if it is of that version."""
        await self._sweeper.wake()
        with revealing():
            return await self._adapter.update_session(
                session_id, updates, expected_version=expected, session_ttl=self._ttl
            )

    async def _decide(
        self,
        session_id: str,
        decided: Callable[[Session], dict[str, Any]],
        expected: int | None = None,
    ) -> tuple[Session, bool]:
        """The session as it is now, and whether it was changed; where a version is *expected* only
        one of that."""
        attempt = 0
        while True:
            session = await self.read(session_id)
            updates = decided(session)
            if not updates:
                return session, False
            try:
                version = session.version if expected is None else expected
                session = await self.write(session_id, updates, version)
                return session, True
            except ConcurrencyError:
                attempt += 1
                if attempt == _TRIES or expected is not None:
                    raise
            await self._runtime.pause(attempt)
