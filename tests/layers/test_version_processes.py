"""Processes with different versions of the code on one place: nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import storage
from tests.layers import worker
from tests.servers import Server

WORKER = Path(worker.__file__)
PATIENCE_SECONDS = 60
TURNS = 50


class Process:
    """One version of the code, which is told how many changes to try."""

    def __init__(self, place: str, half: str, version: str, number: int) -> None:
        where = str(Path(storage.__file__).resolve().parents[1])
        self.version = version
        self._handle = subprocess.Popen(
            [sys.executable, WORKER, place, half, version, str(number)],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tell(self, turns: int) -> None:
        assert self._handle.stdin
        self._handle.stdin.write(f"{turns}\n")
        self._handle.stdin.flush()

    def said(self) -> str:
        assert self._handle.stdout
        return self._handle.stdout.readline().strip()

    def end(self) -> None:
        _, complaint = self._handle.communicate(timeout=PATIENCE_SECONDS)
        assert self._handle.returncode == 0, complaint

    def kill(self) -> None:
        self._handle.kill()
        self._handle.communicate()


@pytest.fixture(params=["sqlite", pytest.param("valkey", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bot.db'}"
        return
    server: Server = request.getfixturevalue("valkey")
    yield server.url
    server.call("FLUSHALL")


@pytest.fixture
def started(place: str) -> Iterator[list[Process]]:
    """Two processes of the old code and two of the new one, of both colours, which are ready."""
    kinds = [(half, version) for version in ("old", "new") for half in ("blocking", "asyncio")]
    with ExitStack() as stack:
        made = [Process(place, *kind, number) for number, kind in enumerate(kinds)]
        for process in made:
            stack.callback(process.kill)
        assert [process.said() for process in made] == ["ready"] * 4
        yield made


def tried(processes: list[Process], turns: int) -> list[tuple[int, int]]:
    """How many of *turns* changes each made, and how many it was refused, all at once."""
    for process in processes:
        process.tell(turns)
    told = [process.said().split() for process in processes]
    return [(int(made), int(refused)) for made, refused in told]


def log_of(place: str) -> Any:
    with storage.open(place) as base:
        new = storage.enhance_storage(base, migrations=worker.VERSIONS["new"][0])
        return new.get("log")["box"]["entries"]


def test_processes_of_two_versions_lose_no_change_of_each_other(
    place: str, started: list[Process]
) -> None:
    old, new = started[:2], started[2:]
    with storage.open(place) as base:
        base.set("log", [])

    assert tried(old, TURNS) == [(TURNS, 0)] * 2
    together = tried(started, TURNS)
    assert [sum(told) for told in together] == [TURNS] * 4
    assert together[2:] == [(TURNS, 0)] * 2
    assert tried(old, 1) == [(0, 1)] * 2
    assert tried(new, 1) == [(1, 0)] * 2
    for process in started:
        process.end()

    log = log_of(place)
    made = [told[0] for told in together]
    for number, extra in enumerate((TURNS, TURNS, 1, 1)):
        turns = [turn for who, turn in log if who == number]
        assert len(turns) == made[number] + extra
        assert turns == sorted(set(turns))
    versions = [started[who].version for who, _ in log]
    assert versions == sorted(versions, reverse=True), "the old code changed newer data"
