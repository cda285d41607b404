"""Conversations in a SQLite file: as they are in memory, whoever else writes, and whole always."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.protocols
import storage.protocols
from storage.testing import Bridge, Clock
from tests.conversation.steps import Steps

Open = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "asyncio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def opened(half: Any) -> Iterator[Open]:
    """Stores in the colour of the test."""
    stores = []
    with Bridge() as bridge:

        def opened(place: Any, **options: Any) -> Any:
            stores.append(bridge.driven(half.SqliteStorage(place, **options)))
            return stores[-1]

        yield opened
        for store in stores:
            store.close()


@pytest.fixture
def room(half: Any, opened: Open) -> Open:
    """Makes the conversations of a file."""
    return lambda place, **options: opened(place, **options).room(half.protocols.HistoryStore)


def in_memory(clock: Clock) -> Any:
    """The conversations that others are held against."""
    return storage.MemoryStorage(clock=clock).room(storage.protocols.HistoryStore)


@pytest.mark.parametrize("seed", range(12))
def test_a_file_answers_as_memory_does(seed: int, file: Path, room: Open, half: Any) -> None:
    clock = Clock()
    memory, rooms = in_memory(clock), [room(file, clock=clock) for _ in range(2)]
    steps = Steps(seed, clock, memory)

    for number in range(600 if half is storage else 60):
        name, asked = steps.next()
        answer = getattr(memory, name)(*asked)
        assert getattr(rooms[number % 2], name)(*asked) == answer, (number, name, asked)
    if half is storage:
        assert min(steps.fired.values()) > 1, steps.fired
