"""The table of what visits cost, in `docs/design.md`, is true."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
from storage import LeaseStore
from storage.memory.kv import MemoryBackend
from storage.protocols import VisitStore
from storage.records import Change
from storage.visits import StepByStep
from tests.docs.test_trips import Counted
from tests.house.tree import ROOT
from tests.servers import Server
from tests.servers.counting import counted

LONG = 60_000
NEW = Change(b"1", b"2", None)

Visits = Any

OPERATIONS: dict[str, Callable[[Visits], Any]] = {
    "`look`": lambda visits: visits.look("k"),
    "`enter`": lambda visits: visits.enter("k", "bob", LONG, LONG),
    "`enter`, of a key that is held": lambda visits: visits.enter("held", "bob", LONG, LONG),
    "`leave` with a change": lambda visits: visits.leave("k", "ann", LONG, NEW, True),
    "`leave` with a change, of a lease that is kept": (
        lambda visits: visits.leave("k", "ann", LONG, NEW, False)
    ),
    "`leave` without a change": lambda visits: visits.leave("k", "ann", LONG, None, True),
}


def costs() -> dict[str, dict[str, int]]:
    """The rows of the table."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.partition("| visits | trips | step by step |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.*?) \| (\d+) \| (\d+) \|$", table, re.MULTILINE)
    return {row: {"trips": int(one), "step by step": int(other)} for row, one, other in rows}


def prepared(row: str, visits: Visits) -> None:
    """An entry, and somebody inside where that is so in the *row*."""
    visits.leave("k", "", LONG, Change(None, b"1", None), True)
    visits.enter("held", "ann", LONG, LONG)
    if "leave" in row:
        visits.enter("k", "ann", LONG, LONG)


@pytest.fixture
def served(valkey: Server) -> Iterator[storage.Storage[Any]]:
    with storage.open(valkey.url) as store:
        yield store
    valkey.call("FLUSHALL")


def test_the_table_has_every_operation() -> None:
    assert costs().keys() == OPERATIONS.keys()


@pytest.mark.parametrize("row", OPERATIONS)
def test_a_server_is_told_as_much_as_the_table_says(
    row: str, served: storage.Storage[Any], valkey: Server
) -> None:
    visits = served.room(VisitStore)
    for _ in range(2):  # a server that does not know a script yet gets it the first time
        valkey.call("FLUSHALL")
        prepared(row, visits)
        with counted(valkey.connect) as calls:
            OPERATIONS[row](visits)

    assert calls.names == ["EVALSHA"] * costs()[row]["trips"]


@pytest.mark.parametrize("row", OPERATIONS)
def test_steps_take_as_many_trips_as_the_table_says(row: str) -> None:
    store: storage.Storage[Any] = storage.Storage(MemoryBackend(time.time))
    backend, leases = Counted(store._backend), Counted(store.room(LeaseStore))
    visits = StepByStep(backend, store._layers.names, leases)
    prepared(row, visits)
    backend.calls = leases.calls = 0

    OPERATIONS[row](visits)

    assert backend.calls + leases.calls == costs()[row]["step by step"]
