"""Processes that share a server: nothing is lost, each has its turn, and nobody asks all the
time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import storage
from tests.day import mostly
from tests.servers import Server
from tests.topology.conftest import Open
from tests.topology.ground import asked, in_thread
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.timed

WORKER = Path(__file__).with_name("worker.py")
HALVES = ("blocking", "asyncio")
LONG_MS = 60_000
WAITERS = 12
FEW = 4
KILLED = 5
"""Behind how many of the others the one stands that is killed."""


class Process:
    """One that is told what to do, and answers."""

    def __init__(self, url: str, half: str, patience_ms: int = LONG_MS) -> None:
        where = str(Path(storage.__file__).resolve().parents[1])
        self._handle = subprocess.Popen(
            [sys.executable, WORKER, url, half, str(patience_ms)],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tell(self, words: str) -> None:
        assert self._handle.stdin
        self._handle.stdin.write(f"{words}\n")
        self._handle.stdin.flush()

    def said(self) -> str:
        assert self._handle.stdout
        return self._handle.stdout.readline().strip()

    def ask(self, words: str) -> str:
        self.tell(words)
        return self.said()

    def end(self) -> None:
        _, complaint = self._handle.communicate(timeout=PATIENCE)
        assert self._handle.returncode == 0, complaint

    def kill(self) -> None:
        self._handle.kill()
        self._handle.communicate()


Start = Callable[..., list[Process]]


@pytest.fixture
def valkey(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.restore()
    valkey.call("FLUSHALL")


@pytest.fixture
def started(valkey: Server) -> Iterator[Start]:
    """Starts processes of both colours in turn, which are ready."""
    with ExitStack() as stack:

        def start(count: int, patience_ms: int = LONG_MS) -> list[Process]:
            made = [Process(valkey.url, HALVES[number % 2], patience_ms) for number in range(count)]
            for process in made:
                stack.callback(process.kill)
            assert [process.said() for process in made] == ["ready"] * count
            return made

        yield start


def queued(valkey: Server) -> int:
    names = [name for name in valkey.call("KEYS", "*") if name.endswith(b":queue")]
    return sum(valkey.call("ZCARD", name) for name in names)


def test_eight_processes_lose_no_update_of_one_key(valkey: Server, started: Start) -> None:
    processes = started(8)
    for process in processes:
        process.tell("update 125")

    assert [process.said() for process in processes] == ["updated"] * 8
    assert valkey.call("GET", "storage:k") == b"1000"


def test_waiters_are_served_in_the_order_of_asking_whoever_dies(
    valkey: Server, started: Start
) -> None:
    holder, *waiters = started(4)
    (dying,) = started(1, 1500)
    assert holder.ask("hold 1.5") == "held"
    standing = 0
    for number in range(WAITERS):
        asked = [(waiters[number % len(waiters)], number)]
        for process, told in [(dying, -1), *asked] if number == KILLED else asked:
            process.tell(f"queue {told}")
            standing += 1
            until(lambda count=standing: queued(valkey) == count, "a place in the queue")
    dying.kill()
    holder.kill()
    for process in waiters:
        process.end()

    with storage.open(valkey.url) as store:
        assert store.get("order") == list(range(WAITERS))
    assert queued(valkey) == 0


def test_a_claim_is_for_one_process_until_it_lapses_or_is_finished(
    valkey: Server, started: Start
) -> None:
    if not valkey.clock_moves:
        pytest.skip("the clock of this server can not be moved")
    first = started(4)
    for process in first:
        process.tell("claim 60")
    told = [process.said() for process in first]
    assert sorted(told) == ["busy", "busy", "busy", "taken"]

    first.pop(told.index("taken")).kill()
    assert [process.ask("claim 60") for process in first] == ["busy"] * 3
    valkey.advance(61)
    for process in first:
        process.tell("claim 60")
    told = [process.said() for process in first]
    assert sorted(told) == ["busy", "busy", "taken"]
    assert first[told.index("taken")].ask("done") == "True"
    assert [process.ask("claim 60") for process in first] == ["done"] * 3


@pytest.mark.parametrize("half", mostly(storage))
def test_who_waits_for_a_lease_asks_twice_a_second_and_no_more(
    valkey: Server, opened: Open, leases_of: Callable[[Any], Any]
) -> None:
    store = opened(valkey.url)
    holder, leases = leases_of(store), leases_of(store)
    order: list[int] = []

    def wait(number: int) -> None:
        with leases.hold("k"):
            order.append(number)

    with ExitStack() as stack, holder.hold("k"):
        for number in range(FEW):
            stack.enter_context(in_thread(lambda number=number: wait(number)))
            until(lambda count=number + 1: queued(valkey) == count, "a place in the queue")
        began = time.monotonic()
        with valkey.counted() as calls:
            enough = asked(valkey, "blpop") + 2 * FEW
            until(lambda: asked(valkey, "blpop") >= enough, "two looks of each", pause=0.05)
        seconds = time.monotonic() - began

    assert order == list(range(FEW))
    said = [name for name in calls.names if name != "INFO"]
    assert set(said) == {"EVALSHA", "BLPOP"}
    # Each waits a second at the server, and then asks again: that may happen at either end.
    assert len(said) <= 2 * FEW * (seconds + 1)
