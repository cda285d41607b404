"""One of several processes on one SQLite file; run by test_processes.py.

    python worker.py FILE {blocking | asyncio} {update TURNS | incr TURNS | open}

It says that it is ready, waits for a line on stdin, and works.
"""

from __future__ import annotations

import sys
from typing import Any

import storage
import storage.aio
from storage.testing import driven


def main(path: str, half: str, what: str, turns: str = "0") -> None:
    wanted: Any = storage if half == "blocking" else storage.aio
    say("ready")
    sys.stdin.readline()
    with driven(wanted.SqliteStorage(path)) as store:
        for _ in range(int(turns)):
            if what == "incr":
                store.incr("n")
            else:
                store.update("k", lambda value: value + 1, default=0)
        if what == "open":
            say(str(store.incr("opened")))


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
