"""The table of what leases cost, in `docs/design.md`, is true."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import storage
from storage.keys import Names
from storage.memory.kv import MemoryBackend
from tests.docs.test_trips import Counted
from tests.house.tree import ROOT

LONG = 60_000


class CountedRooms(MemoryBackend):
    """A backend whose one room counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(time.time)
        self.counted = Counted(super().room(storage.LeaseStore, Names()))

    def room(self, kind: object, names: Names) -> Any:
        return self.counted


def hold_a_free_key(leases: storage.Leases, room: Counted) -> None:
    with leases.hold("a"):
        pass


def ask_for_a_key_that_is_held(leases: storage.Leases, room: Counted) -> None:
    room.thing.acquire("a", "other", LONG, 0)
    with pytest.raises(storage.LeaseTimeoutError), leases.hold("a", wait=0):
        pytest.fail("it is held by another")


def renew(leases: storage.Leases, room: Counted) -> None:
    with leases.hold("a") as lease:
        lease._due = 0.0
        room.calls = 0
        leases._tend()
        renewing = room.calls
    room.calls = renewing


def claim(leases: storage.Leases, room: Counted) -> None:
    leases.claim("a", ttl=60)


def done(leases: storage.Leases, room: Counted) -> None:
    claimed = leases.claim("a", ttl=60)
    room.calls = 0
    claimed.done()


OPERATIONS: dict[str, Callable[[storage.Leases, Counted], None]] = {
    "`hold`, of a free key": hold_a_free_key,
    "`hold` with `wait=0`, of a key that is held": ask_for_a_key_that_is_held,
    "a renewal": renew,
    "`claim`": claim,
    "`done`": done,
}


def costs() -> dict[str, int]:
    """The rows of the table."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.partition("| leases | trips |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.*?) \| (\d+) \|$", table, re.MULTILINE)
    return {operation: int(trips) for operation, trips in rows}


def test_the_table_has_every_operation() -> None:
    assert costs().keys() == OPERATIONS.keys()


@pytest.mark.parametrize("row", OPERATIONS)
def test_an_operation_takes_as_many_trips_as_the_table_says(row: str) -> None:
    backend = CountedRooms()
    leases = storage.Leases(storage.Storage(backend))

    OPERATIONS[row](leases, backend.counted)

    assert backend.counted.calls == costs()[row]
