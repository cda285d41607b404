"""Several processes on one file: nothing is lost, and nobody is turned away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import storage
from tests.day import IS_LONG

WORKER = Path(__file__).with_name("worker.py")
PATIENCE_SECONDS = 60
HALVES = ("blocking", "asyncio")


def at_once(path: Path, count: int, *work: str) -> list[str]:
    """What *count* processes say, of both colours in turn, let go at the same moment."""
    where = str(Path(storage.__file__).resolve().parents[1])
    workers = [
        subprocess.Popen(
            [sys.executable, WORKER, path, HALVES[number % 2], *work],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    try:
        for worker in workers:
            assert worker.stdout
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()
        ended = [worker.communicate(timeout=PATIENCE_SECONDS) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    for worker, (_, complaint) in zip(workers, ended):
        assert worker.returncode == 0, complaint
    return [said for said, _ in ended]


def test_four_processes_lose_no_update(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    at_once(path, 4, "update", "250")

    with storage.SqliteStorage(path) as store:
        assert store.get("k") == 1000


def test_four_processes_lose_no_increment(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    at_once(path, 4, "incr", "250")

    with storage.SqliteStorage(path) as store:
        assert store.get("n") == 1000


def test_a_fresh_file_can_be_opened_by_many_at_once(tmp_path: Path) -> None:
    for turn in range(3 if IS_LONG else 1):
        path = tmp_path / f"{turn}.db"
        said = at_once(path, 6, "open")

        assert sorted(map(int, said)) == [1, 2, 3, 4, 5, 6]


def test_processes_that_use_other_keys_do_not_wait_for_an_open_edit(tmp_path: Path) -> None:
    """No lock is held on the file while a user's code runs."""
    path = tmp_path / "bot.db"
    with storage.SqliteStorage(path) as store:
        with store.edit("mine", default={}) as draft:
            at_once(path, 2, "update", "20")
            draft["n"] = 1

        assert store.get_many(["mine", "k"]) == {"mine": {"n": 1}, "k": 40}
