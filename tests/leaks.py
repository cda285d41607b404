"""What a test leaves behind: threads, files, sockets, and an error that is "being handled"."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/proc/self/fd")
"""Where Linux shows the descriptors of a process; elsewhere only threads are counted."""

MOMENT_SECONDS = 0.15
GRACE_SECONDS = 2.0
"""How long a thread may take to end: at first, enough for one that looks ten times a second whether
there is something to do, and after what keeps it was collected, which is what takes time."""


@dataclass(frozen=True)
class Held:
    """What is held at a moment."""

    threads: frozenset[threading.Thread]
    files: frozenset[tuple[str, str]]
    error: BaseException | None
    """What the interpreter takes for handled, and so for the context of each error that follows;
    a strike between two steps of an `except` may leave one for as long as the thread runs."""

    @classmethod
    def now(cls) -> Held:
        return cls(frozenset(threading.enumerate()), _files(), sys.exc_info()[1])

    def left(self) -> list[str]:
        """What is held now and was not then; a thread that is about to end gets time for it."""
        threads = self._threads_left(MOMENT_SECONDS)
        if threads:
            gc.collect()  # a thread may end with what only a cycle keeps, and keep something itself
            threads = self._threads_left(GRACE_SECONDS)
        error = sys.exc_info()[1]
        handled = [] if error is self.error else [f"{error!r} as being handled"]
        return [f"thread {one.name}" for one in threads] + self._files_left() + handled

    def _threads_left(self, seconds: float) -> set[threading.Thread]:
        """The threads that are there after so many *seconds* yet."""
        end = time.monotonic() + seconds
        for thread in set(threading.enumerate()) - self.threads:
            while thread.ident is None and time.monotonic() < end:
                time.sleep(0.001)  # one that is about to begin can not be joined
            if thread.ident is not None:
                thread.join(max(0, end - time.monotonic()))
        return set(threading.enumerate()) - self.threads

    def _files_left(self) -> list[str]:
        if not _files() - self.files:
            return []
        collect()  # what only a cycle keeps open is not held by the test
        return [target for _, target in sorted(_files() - self.files)]


def collect() -> None:
    """Collect the garbage; what stays, as so many tests do, is not looked through again."""
    gc.collect()
    gc.freeze()


def _files() -> frozenset[tuple[str, str]]:
    """Descriptors of files and sockets; pipes belong to helper processes that outlive a test."""
    if not FOLDER.is_dir():
        return frozenset()
    pairs = ((name, _target(name)) for name in os.listdir(FOLDER))  # noqa: PTH208 - it is quicker
    return frozenset((name, target) for name, target in pairs if _counts(target))


def _target(name: str) -> str:
    try:
        return os.readlink(f"{FOLDER}/{name}")  # noqa: PTH115 - it is quicker
    except OSError:  # the descriptor that lists the folder is gone by now
        return ""


def _counts(target: str) -> bool:
    if target.startswith("/dev/shm/"):  # files of tests by day
        return True
    if target.startswith("/"):
        return not target.startswith(("/dev/", "/proc/"))
    return target.startswith("socket:")
