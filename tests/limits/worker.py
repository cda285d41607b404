"""One of several processes that hit the limits of one file; run by test_sqlite_limits.py.

    python worker.py FILE {blocking | asyncio} TIMES

It says that it is ready, waits for a line on stdin, hits, and says how many passed of each kind.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import storage
import storage.aio
from storage.testing import driven

sys.path.append(str(Path(__file__).parents[2]))  # after the installed library

from tests.limits.ground import KINDS, TOKEN, hits, meter


def main(path: str, half: str, times: str) -> None:
    wanted: Any = storage if half == "blocking" else storage.aio
    with driven(wanted.SqliteStorage(path)) as store:
        room = store.room(wanted.protocols.RateLimitStore)
        say("ready")
        sys.stdin.readline()
        ask = storage.records.Ask(token=TOKEN)
        passed = dict.fromkeys((*KINDS, "two"), 0)
        for _ in range(int(times)):
            for kind in KINDS:
                one = meter(100, 86_400, key=kind, algorithm=kind)
                passed[kind] += sum(hits(room, one, ask=ask))
            two = [meter(100, 86_400, key="a"), meter(150, 86_400, key="b", algorithm="window")]
            passed["two"] += sum(hits(room, *two))
    say(" ".join(str(number) for number in passed.values()))


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
