"""Sessions on a server: the same as in memory, step by step, and what of it lies there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

import storage
import storage.aio
from storage.dialog_store import DialogStore
from tests.continuity.dialog_steps import PROGRAMS, ROUND, START, Beside, Step
from tests.continuity.ground import Exact, Opened, Together, held_still, rooms_of
from tests.day import IS_LONG
from tests.servers import Server


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "aio"])
def rooms(request: pytest.FixtureRequest) -> Iterator[Opened]:
    with rooms_of(request.param) as make:
        yield make


@pytest.fixture
def room(rooms: Opened, valkey: Server) -> Iterator[Any]:
    """The sessions of a server, which is empty afterwards."""
    yield rooms(valkey)
    valkey.call("FLUSHALL")


OUTCOMES = (
    *("create: True", "create: False", "remove: True", "remove: False", "select: True"),
    *("messages: True", "discard_all: True"),
    *(f"change: {outcome}" for outcome in ("done", "missing", "conflict")),
    *(f"add: {one}" for one in ("done", "repeated", "missing", "closed", "taken")),
    *(f"amend: {outcome}" for outcome in ("done", "missing")),
    *(f"discard: {outcome}" for outcome in ("done", "missing")),
)


def hold_against_memory(rooms: Opened, server: Server, examples: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    several = [Exact(rooms(server)) for _ in range(2)]

    @hypothesis.settings(max_examples=examples)
    @hypothesis.given(PROGRAMS)
    @hypothesis.example(ROUND)
    def run(program: list[Step]) -> None:
        server.call("FLUSHALL")
        clock = Together(server, START)
        measure = storage.MemoryStorage(clock=clock).room(DialogStore)
        beside = Beside(clock, measure, several)
        for step in program:
            beside.run(step)
        seen.update(beside.seen)

    run()
    server.call("FLUSHALL")
    return seen


def test_a_server_answers_as_memory_does_and_counters_are_sums(valkey: Server) -> None:
    held_still(valkey)
    with rooms_of(storage) as rooms:
        seen = hold_against_memory(rooms, valkey, 150 if IS_LONG else 75)

    assert not [one for one in OUTCOMES if not seen[one]], dict(seen)


@pytest.mark.parametrize("kind", ["redis8", "redis6"])
def test_so_do_other_servers(kind: str, request: pytest.FixtureRequest) -> None:
    server = held_still(request.getfixturevalue(kind))
    with rooms_of(storage) as rooms:
        assert hold_against_memory(rooms, server, 15)["add: done"]


def test_so_does_the_other_colour(valkey: Server) -> None:
    held_still(valkey)
    with rooms_of(storage.aio) as rooms:
        assert hold_against_memory(rooms, valkey, 15)["add: done"]
