"""A plugin for the framework's own tests of its sessions: ours stand in for theirs.

`published.py` runs it. `STORAGE_STAND_IN` says where the items are: `memory`, `sqlite`, or the URL
of a server. Which tests made a session of ours is counted, and said at the end.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest
from left_out import LEFT_OUT

from storage import aio
from storage.contrib.openai_agents import Session

WHERE = os.environ["STORAGE_STAND_IN"]
OPEN: dict[Any, Any] = {}
FOLDER = tempfile.TemporaryDirectory()
_numbers = itertools.count()


class Told:
    """What the tests did, and how it ended."""

    made = 0
    """How many sessions of ours a test has made so far."""

    passed = 0
    failed = 0
    left_out: ClassVar[Counter[str]] = Counter()
    """By reason."""

    others = 0
    """Tests that passed without one."""


def store_at(place: object) -> Any:
    """The store of what the framework keeps at *place*."""
    if place not in OPEN:
        number = next(_numbers)
        if WHERE == "memory":
            OPEN[place] = aio.MemoryStorage()
        elif WHERE == "sqlite":
            OPEN[place] = aio.SqliteStorage(Path(FOLDER.name) / f"{number}.db")
        else:
            OPEN[place] = aio.RedisStorage(WHERE, prefix=f"stand-in:{os.getpid()}:{number}:")
    return OPEN[place]


class StandIn(Session):
    """A session of ours; each has its store, as each of theirs has its connection."""

    def __init__(self, session_id: str, place: object, **options: Any) -> None:
        Told.made += 1
        super().__init__(session_id, store_at(place), **options)


class SQLiteSession(StandIn):
    def __init__(
        self,
        session_id: str,
        db_path: str | Path = ":memory:",
        sessions_table: str = "agent_sessions",
        messages_table: str = "agent_messages",
        session_settings: Any = None,
    ) -> None:
        place: object = object() if str(db_path) == ":memory:" else Path(db_path).resolve()
        super().__init__(
            session_id, (place, sessions_table, messages_table), session_settings=session_settings
        )

    def close(self) -> None:
        """The store is closed at the end of the run."""


class AsyncSQLiteSession(SQLiteSession):
    async def close(self) -> None:  # type: ignore[override]
        """The store is closed at the end of the run."""


class RedisSession(StandIn):
    def __init__(
        self,
        session_id: str,
        *,
        redis_client: Any,
        key_prefix: str = "agents:session",
        ttl: int | None = None,
        session_settings: Any = None,
    ) -> None:
        options = {} if ttl is None else {"ttl": ttl}
        super().__init__(session_id, key_prefix, session_settings=session_settings, **options)

    @classmethod
    def from_url(cls, session_id: str, *, url: str, **options: Any) -> RedisSession:
        options.pop("redis_kwargs", None)
        return cls(session_id, redis_client=url, **options)

    async def ping(self) -> bool:
        return True

    async def close(self) -> None:
        """The store is closed at the end of the run."""


for _kind, _modules in (
    (SQLiteSession, ("agents", "agents.memory")),
    (AsyncSQLiteSession, ("agents.extensions.memory",)),
    (RedisSession, ("agents.extensions.memory", "agents.extensions.memory.redis_session")),
):
    for _module in _modules:
        setattr(importlib.import_module(_module), _kind.__name__, _kind)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reasons = [(item, _reason(item)) for item in items]
    items[:] = [item for item, reason in reasons if reason is None]
    config.hook.pytest_deselected(items=[item for item, reason in reasons if reason])
    Told.left_out = Counter(reason for _, reason in reasons if reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    Told.made = 0
    return (yield)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        Told.failed += 1
    elif report.when == "call" and report.passed:
        if Told.made:
            Told.passed += 1
        else:
            Told.others += 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    say = terminalreporter.write_line
    say(f"with sessions of ours: {Told.passed} passed, {Told.failed} failed")
    say(f"without one: {Told.others} passed")
    for reason, number in Told.left_out.most_common():
        say(f"left out: {number}: {reason}")


def _reason(item: pytest.Item) -> str | None:
    """Why a test is left out."""
    module, _, name = item.nodeid.partition("::")
    for reason, names in LEFT_OUT.get(module, {}).items():
        if any(name.startswith(one) for one in names.split()):
            return reason
    return None


def pytest_unconfigure() -> None:
    async def close() -> None:
        for store in OPEN.values():
            await store.aclose()

    asyncio.run(close())
    FOLDER.cleanup()
