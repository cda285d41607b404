"""A machine that stands still again and again: stops the process that started it for a moment.

`STORAGE_TEST_STANDSTILL=0.4` does so to everybody who runs tests, for that many seconds each time.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

PAUSE_SECONDS = 3.0
"""As long the machine goes on in between, more or less."""


@contextmanager
def standing_still() -> Iterator[None]:
    """This process is stopped at times for the length of the block, where somebody wants that."""
    seconds = os.environ.get("STORAGE_TEST_STANDSTILL")
    if not seconds:
        yield
        return
    with subprocess.Popen(
        [sys.executable, __file__, str(os.getpid()), str(float(seconds))]
    ) as stopping:
        try:
            yield
        finally:
            stopping.terminate()


def stop_again_and_again(pid: int, seconds: float) -> None:
    """Until *pid* has ended."""
    while True:
        time.sleep(random.uniform(0.5, 1.5) * PAUSE_SECONDS)
        if os.getppid() != pid:
            return
        try:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    stop_again_and_again(int(sys.argv[1]), float(sys.argv[2]))
