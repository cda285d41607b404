"""The clock of a server, which a file moves."""

from __future__ import annotations

import functools
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .binaries import ServerMissingError, find_faketime

PROBE_SECONDS = 5.0
SLACK = 50
"""Microseconds by which a server that reckons its time between two looks may be wrong."""

SHARED = Path("/dev/shm")
"""Where the library leaves what a killed process could not take away."""


class ServerClock:
    """Goes with the real clock, some time before or after it, or stands still.

    The server looks into the file whenever it needs the time, so it has to be asked whether it
    has seen what the file says: for a part of a turn it goes by the time that it knows.
    """

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self._file = folder / "clock"
        self.reset()

    @classmethod
    def of(cls, binary: Path, folder: Path) -> ServerClock | None:
        """A clock for a server of that kind; nothing where it can have none."""
        try:
            library = find_faketime()
        except ServerMissingError:
            return None
        return cls(library, folder) if _live_together(binary, library) else None

    @property
    def environment(self) -> dict[str, str]:
        """What a server is started with."""
        return {
            **_preloading(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FMT": "%s",
            "TZ": "UTC",
        }

    @property
    def moved(self) -> bool:
        return self._held_ms is not None or self._ahead_ms != 0

    def advance(self, ms: int) -> None:
        if self._held_ms is not None:
            self.hold(self._held_ms + ms)
        else:
            self._run(self._ahead_ms + ms)

    def hold(self, ms: int) -> None:
        """Stand still at *ms* milliseconds since 1970."""
        self._held_ms = ms
        # The library cuts a fraction that it read as a float: 457 ms must not become 456.
        self._write(f"{ms // 1000}.{ms % 1000:03}0004")

    def reset(self) -> None:
        """Go with the real clock."""
        self._held_ms = None
        self._run(0)

    def agrees(self, ask: Callable[[], int]) -> bool:
        """Whether the server, which *ask* asks for its time, has seen what the file says."""
        if self._held_ms is not None:
            # Valkey counts on by itself within a millisecond.
            return ask() // 1000 == self._held_ms
        before = self._microseconds()
        told = ask()
        return before - SLACK <= told <= self._microseconds() + SLACK

    def _run(self, ahead_ms: int) -> None:
        self._ahead_ms = ahead_ms
        sign = "-" if ahead_ms < 0 else "+"
        self._write(f"{sign}{abs(ahead_ms) // 1000}.{abs(ahead_ms) % 1000:03}")

    def _write(self, text: str) -> None:
        # In one step, so that the server never finds half of it.
        new = self._file.with_suffix(".new")
        new.write_text(f"{text}\n")
        new.replace(self._file)

    def _microseconds(self) -> int:
        return time.time_ns() // 1000 + self._ahead_ms * 1000


def _preloading(library: Path) -> dict[str, str]:
    others = os.environ.get("LD_PRELOAD")
    return {"LD_PRELOAD": f"{library}:{others}" if others else str(library)}


def tidy(pid: int) -> None:
    """Take away what the library left for a process that could not do it."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        (SHARED / name).unlink(missing_ok=True)


@functools.cache
def _live_together(binary: Path, library: Path) -> bool:
    """Some builds hang or fall over with the library in them, and some systems refuse it."""
    probe = subprocess.Popen(
        [binary, "--version"],
        env={**os.environ, **_preloading(library)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with probe:
        try:
            _, complaints = probe.communicate(timeout=PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            probe.kill()
            return False
        finally:
            tidy(probe.pid)
    return probe.returncode == 0 and not complaints
