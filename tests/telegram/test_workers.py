"""Four workers of one bot before a Telegram that counts: nothing is sent that it would refuse, and
next to nothing of what may be sent is left unused.

With `STORAGE_TEST_LONG` they go on for a minute, with the limits and the margin that bots have.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import storage
from tests.contract.layers import IS_LONG
from tests.servers import Server
from tests.telegram.network import Rates, Telegram, listening
from tests.telegram.worker import Work, do
from tests.waiting import PATIENCE

WORKERS = 4
HALVES = ("blocking", "asyncio")
WORKER = Path(__file__).with_name("worker.py")

# A machine that is busy with something else is later than a network is.
MARGIN = 0.03 if IS_LONG else 0.25
RATES = Rates((30, 1), (1, 1), (20, 60) if IS_LONG else (2, 3))
WINDOWS = 60 if IS_LONG else 4
"""For how many windows of all chats together they send."""

SECONDS = WINDOWS * (1 + MARGIN)
PRIVATE = [*range(100, 136)]
GROUPS = [-1, -2, -3, -4]
FLOODED = PRIVATE[0]
PAUSE = 2.0
USED = 0.95


def works(place: str, half: str, port: int) -> list[Work]:
    """What the workers are told: each chat is that of two of them."""
    written = {name: f"{most}/{seconds}s" for name, (most, seconds) in RATES._asdict().items()}
    options: dict[str, Any] = {**written, "margin": MARGIN, "timeout": PAUSE + 10}
    return [
        Work(
            place,
            half,
            port,
            SECONDS,
            [chat for chat in PRIVATE + GROUPS if chat % 2 == number % 2],
            options,
        )
        for number in range(WORKERS)
    ]


@contextmanager
def processes(told: list[Work]) -> Iterator[list[subprocess.Popen[str]]]:
    """Workers that are ready."""
    root = str(Path(storage.__file__).resolve().parents[1])
    with ExitStack() as running:
        started = []
        for work in told:
            handle = subprocess.Popen(
                [sys.executable, str(WORKER), json.dumps(work._asdict())],
                env={**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            running.enter_context(handle)
            running.callback(handle.kill)
            started.append(handle)
        for handle in started:
            assert handle.stdout
            assert handle.stdout.readline() == "ready\n"
        yield started


def go(handle: subprocess.Popen[str]) -> None:
    assert handle.stdin
    handle.stdin.write("go\n")
    handle.stdin.flush()


@contextmanager
def flooding(telegram: Telegram) -> Iterator[None]:
    """In the middle of it all one chat is told to wait."""
    timer = threading.Timer(SECONDS / 3, telegram.flood, (FLOODED, PAUSE))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def check(telegram: Telegram) -> None:
    """What holds for who has sent as much as may be sent, and not more."""
    most, times = RATES.overall[0], telegram.times()
    assert telegram.too_many(RATES) == []
    assert sum(at < times[0] + SECONDS for at in times) >= USED * most * WINDOWS
    assert {one.chat for one in telegram.arrivals} == {*PRIVATE, *GROUPS}

    # One message was told to wait, after which nobody sent to that chat, but to all others.
    [(at, chat)] = telegram.told
    during = [one for one in telegram.arrivals if at < one.at < at + PAUSE]
    assert chat == FLOODED
    assert len(during) >= USED * most * (PAUSE / (1 + MARGIN) - 1)
    assert FLOODED not in {one.chat for one in during}
    assert [one for one in telegram.times(FLOODED) if one >= at + PAUSE]


@pytest.fixture
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place that several processes can use."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/bot.db"
        return
    server: Server = request.getfixturevalue("valkey")
    yield f"{server.url}?connections=100"
    server.call("FLUSHALL")


WHERE = [
    pytest.param(half, kind, marks=[pytest.mark.server] if kind == "valkey" else [])
    for kind, halves in (("sqlite", HALVES if IS_LONG else ()), ("valkey", HALVES[not IS_LONG :]))
    for half in halves
]
"""By day in tasks on a server; threads are in one process then, with a store in memory."""


@pytest.mark.parametrize(("half", "shared"), WHERE, indirect=["shared"])
def test_workers_use_what_there_is_and_no_more(shared: str, half: str) -> None:
    telegram = Telegram()
    with listening(telegram) as port, processes(works(shared, half, port)) as started:
        for handle in started:
            go(handle)
        with flooding(telegram):
            ends = [handle.wait(SECONDS + PATIENCE) for handle in started]

    assert ends == [0] * WORKERS
    check(telegram)


@pytest.mark.parametrize("half", HALVES if IS_LONG else HALVES[:1])
def test_threads_and_tasks_use_what_there_is_and_no_more(half: str) -> None:
    """The same in one process, with a store in memory."""
    telegram = Telegram()
    with listening(telegram) as port, flooding(telegram):
        do(works("memory://", half, port), lambda: None)

    check(telegram)
