"""What the tests of bad days stand on: threads and processes with a deadline, and raw SQLite."""

from __future__ import annotations

import faulthandler
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.house.tree import ROOT
from tests.waiting import PATIENCE, until  # noqa: F401 - tests take it from here

SECRET = "hunter2-payload"
"""What no error and no log line may show."""


def disarm() -> None:
    """Let no alarm come any more; what one raises that has come by now is raised here.

    The main thread hears of a signal late where another one was the last to look what is due: not
    before it takes the interpreter anew.
    """
    signal.setitimer(signal.ITIMER_REAL, 0)
    time.sleep(0)


@contextmanager
def striking() -> Iterator[Callable[[], None]]:
    """What another thread calls to interrupt the main one, as Ctrl-C does, once.

    It strikes until that is felt: of a signal that comes just before the main thread goes to sleep
    it hears when it wakes up.
    """
    felt = False
    main = threading.main_thread().ident or 0

    def feel(*_: object) -> None:
        nonlocal felt
        if not felt:
            felt = True
            raise KeyboardInterrupt

    def strike() -> None:
        while not felt:
            signal.pthread_kill(main, signal.SIGINT)
            time.sleep(0.01)

    usual = signal.signal(signal.SIGINT, feel)
    try:
        yield strike
    finally:
        time.sleep(0)
        signal.signal(signal.SIGINT, usual)


class Crew:
    """Threads that begin together; their first error is raised, and a hang is one."""

    def __init__(self, *works: Callable[[], object]) -> None:
        self._start = threading.Barrier(len(works))
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=(work,), daemon=True) for work in works
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        end = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if self._errors:
            raise self._errors[0]
        assert not [one for one in self._threads if one.is_alive()], "threads that never end"

    def _run(self, work: Callable[[], object]) -> None:
        try:
            self._start.wait(PATIENCE)
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised by `join`
            self._errors.append(error)


def together(*works: Callable[[], object]) -> None:
    """Run all *works* at once, each in a thread."""
    Crew(*works).join()


class Child:
    """A forked process that runs *work* and ends; its pipe carries what it says."""

    def __init__(self, work: Callable[[Callable[[bytes], object]], object]) -> None:
        self.told, says = os.pipe()
        sys.stdout.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside other threads
            self.pid = os.fork()
        if self.pid == 0:
            self._be(work, says)
        os.close(says)

    def read(self, size: int) -> bytes:
        """The next bytes that it said; nothing when it has ended."""
        return os.read(self.told, size)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def close(self) -> None:
        os.close(self.told)

    def join(self) -> None:
        """Wait for its end, which must be a good one."""
        status = self._wait()
        said = b"".join(iter(lambda: self.read(65536), b"")).decode(errors="replace")
        self.close()
        assert status == 0, f"the child ended with {status}: {said}"

    def _wait(self) -> int:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            time.sleep(0.0005)
        self.kill()
        return -signal.SIGKILL

    def _be(self, work: Callable[[Callable[[bytes], object]], object], says: int) -> None:
        status = 1
        try:
            os.close(self.told)
            faulthandler.dump_traceback_later(PATIENCE / 2, file=says)  # a hang says where it is
            work(lambda said: os.write(says, said))
            status = 0
        except BaseException:  # noqa: BLE001 - the parent shows it
            os.write(says, traceback.format_exc().encode())
        finally:
            os._exit(status)


def in_child(work: Callable[[], object]) -> None:
    """Run *work* in a forked process, and fail if it fails or hangs there."""
    Child(lambda _: work()).join()


def python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run *script* in an interpreter of its own, which finds the same package."""
    import storage

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_paths(storage.__file__))}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def rows(path: Path, sql: str, *values: object) -> list[Any]:
    """What *sql* gives or does in the file, said by somebody who knows nothing of stores."""
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection, connection:
        connection.text_factory = bytes
        return connection.execute(sql, values).fetchall()


def script(path: Path, *statements: str) -> None:
    """Say all *statements* to the file at once."""
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def label(store: object) -> str:
    """What errors call *store*."""
    return repr(store).split(" ", 1)[1].removesuffix(">")


@contextmanager
def locked(path: Path, how: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
    """Somebody else writes in the file for the length of the block."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute(f"BEGIN {how}")
        yield other
        with suppress(sqlite3.OperationalError):  # the block has ended it
            other.execute("ROLLBACK")


def open_files(path: Path) -> list[str]:
    """What this process has open of the database; empty where the system does not show it."""
    folder = Path("/proc/self/fd")
    links = list(folder.iterdir()) if folder.is_dir() else []
    targets = [str(link.readlink()) for link in links if link.is_symlink()]
    return [target for target in targets if target.startswith(str(path))]


def chain(error: BaseException | None) -> str:
    """Everything that a log would show of *error* and of what led to it."""
    assert error is not None
    return "".join(traceback.format_exception(type(error), error, error.__traceback__)) + repr(
        error
    )


def healthy(path: Path) -> bool:
    return rows(path, "PRAGMA integrity_check") == [(b"ok",)]


def _paths(package: str | None) -> list[str]:
    assert package is not None
    return [str(Path(package).parent.parent), str(ROOT)]
