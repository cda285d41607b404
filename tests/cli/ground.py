"""`python -m storage` as its user sees it: a process, with and without a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import storage

SECONDS = 60


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "storage", *arguments]


def environment(**variables: str) -> dict[str, str]:
    """The process finds the package that is tested here, and modules in its folder."""
    package = Path(storage.__file__).parents[1]
    inherited = {name: value for name, value in os.environ.items() if name != "STORAGE_URL"}
    return {**inherited, "PYTHONPATH": str(package), **variables}


def run(folder: Path, *arguments: str, given: bytes = b"", **variables: str) -> Any:
    """What a command that hears *given* in *folder* says, as bytes."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(**variables),
        input=given,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def begun(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A command that is running."""
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def at_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of a command, and what a pseudo-terminal shows of its errors."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        shown = b"".join(iter(lambda: read(ours), b"")).decode()
        return process.wait(SECONDS), shown
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def until(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    """Wait for what a running *process* is about to do."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None, "it ended before"
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.001)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """The exit code and the words of a process that is told to end, or ends by itself."""
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out.decode(), err.decode()


def read(terminal: int) -> bytes:
    """The next bytes; none when the process has gone, which Linux calls an error."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
