"""Updates as frameworks in Python hand them out, and two who ask for one session at once."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

from storage.testing.threads import crowd
from tests.fault.ground import PATIENCE
from tests.leases.ground import run


def update(user: int | None = None, chat: int | str | None = None, **more: Any) -> Any:
    """An update from *user* in *chat*."""
    return SimpleNamespace(
        from_user=None if user is None else SimpleNamespace(id=user),
        chat=None if chat is None else SimpleNamespace(id=chat),
        **more,
    )


def loaded_twice_at_once(sessions: Any, first: Any, key: str) -> list[Any]:
    """What two get who load the one lazy session of *key* while *first*, its `initial`, runs."""
    if not hasattr(sessions.open(key), "__aenter__"):
        return _by_threads(sessions, first, key)

    async def both() -> list[Any]:
        async with sessions.open(key, lazy=True) as session:
            return list(await asyncio.gather(session.load(), session.load()))

    return list(run(both()))


def _by_threads(sessions: Any, first: Any, key: str) -> list[Any]:
    with sessions.open(key, lazy=True) as session:

        def second() -> Any:
            assert first.began.wait(PATIENCE)
            first.goes_on.set()
            return session.load()

        return crowd([session.load, second])


class Slow:
    """An `initial` that lets the other one come before it is done, and counts its calls."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.goes_on = threading.Event()
        self.calls = 0

    def __call__(self) -> dict[str, Any]:
        self.calls += 1
        self.began.set()
        assert self.goes_on.wait(PATIENCE)
        return {"list": []}


class SlowAwaited(Slow):
    """The same for tasks."""

    async def __call__(self) -> dict[str, Any]:  # type: ignore[override]
        self.calls += 1
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return {"list": []}
