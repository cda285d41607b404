"""Processes that wait for one lease on one file: each has its turn, and the dead are in nobody's
way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import storage
from tests.fault.ground import PATIENCE, rows, until

WAITER = Path(__file__).with_name("waiter.py")
QUEUE = "SELECT count(*) FROM storage_lease_queue"
WAITERS = 12
KILLED = 5
"""Behind how many of the others the one stands that is killed."""


class Waiter:
    """A process whose threads or tasks wait for the lease."""

    def __init__(self, file: Path, half: str, patience_ms: int) -> None:
        where = str(Path(storage.__file__).resolve().parents[1])
        self.process = subprocess.Popen(
            [sys.executable, WAITER, file, half, str(patience_ms)],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, number: int) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        _, complaint = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, complaint

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def waiters(file: Path) -> Iterator[list[Waiter]]:
    """Three processes of both colours, and one that will be killed."""
    waiters = [Waiter(file, half, 60_000) for half in ("blocking", "asyncio", "blocking")]
    waiters.append(Waiter(file, "asyncio", 1500))
    yield waiters
    for waiter in waiters:
        waiter.kill()


def test_processes_are_served_in_the_order_of_asking(file: Path, waiters: list[Waiter]) -> None:
    *alive, killed = waiters
    with storage.SqliteStorage(file) as store, storage.Leases(store).hold("k"):
        standing = 0
        for number in range(WAITERS):
            asked = [(alive[number % len(alive)], number)]
            for waiter, told in [(killed, -1), *asked] if number == KILLED else asked:
                waiter.ask(told)
                standing += 1
                until(lambda count=standing: rows(file, QUEUE) == [(count,)])
        killed.kill()
    for waiter in alive:
        waiter.end()

    with storage.SqliteStorage(file) as store:
        assert store.get("order") == list(range(WAITERS))
    assert rows(file, QUEUE) == [(0,)]
