"""The programs in `examples/` as a reader runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

import storage
from tests.servers import Server

EXAMPLES = Path(__file__).parents[2] / "examples"
COUNTERS = ["counter.py", "counter_aio.py"]
SECONDS = 60


def said_by(program: str, folder: Path, *messages: str, **variables: str) -> list[str]:
    """The lines that *program* prints when it hears *messages*, run in *folder*."""
    package = str(Path(storage.__file__).parents[1])
    inherited = {name: value for name, value in os.environ.items() if name != "STORAGE_URL"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / program)],
        cwd=folder,
        env={**inherited, "PYTHONPATH": package, **variables},
        input="".join(f"{message}\n" for message in messages),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("program", COUNTERS)
def test_a_counter_goes_on_after_a_restart(program: str, tmp_path: Path) -> None:
    first = said_by(program, tmp_path, "ann: hello", "bob: hi")
    second = said_by(program, tmp_path, "ann: again", "/no author", "ann: /top")

    assert first == ["ann: 1 of 1 messages are yours", "bob: 1 of 2 messages are yours"]
    assert second == ["ann: 2 of 3 messages are yours", "ann: 2", "bob: 1"]


@pytest.mark.parametrize("program", COUNTERS)
def test_a_counter_forgets_whom_it_is_told_to(program: str, tmp_path: Path) -> None:
    told = said_by(program, tmp_path, "ann: hi", "ann: /forget", "ann: /forget", "ann: /top")

    assert told[1:] == ["forgotten", "I did not know you", "nobody yet"]


def test_both_counters_keep_the_same_data(tmp_path: Path) -> None:
    """One may replace the other."""
    told = [said_by(program, tmp_path, "ann: hi") for program in COUNTERS]

    assert told == [["ann: 1 of 1 messages are yours"], ["ann: 2 of 2 messages are yours"]]


@pytest.mark.parametrize("program", COUNTERS)
def test_the_environment_says_where_a_counter_keeps_what_it_knows(
    program: str, tmp_path: Path
) -> None:
    said_by(program, tmp_path, "ann: hi", STORAGE_URL="sqlite:///elsewhere.db")

    assert (tmp_path / "elsewhere.db").exists()
    assert not (tmp_path / "counter.db").exists()


def test_counters_on_two_machines_keep_the_same_data(tmp_path: Path, valkey: Server) -> None:
    """Where the address is one of a server, nothing else need change."""
    told = []
    for program in COUNTERS:
        folder = tmp_path / program.removesuffix(".py")
        folder.mkdir()
        told += said_by(program, folder, "ann: hi", STORAGE_URL=f"{valkey.url}?prefix=counters:")
        assert list(folder.iterdir()) == []

    assert told == ["ann: 1 of 1 messages are yours", "ann: 2 of 2 messages are yours"]
    with redis.Redis(host=valkey.host, port=valkey.port) as client:
        client.flushdb()
