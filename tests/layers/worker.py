"""One of several processes with different versions of the code on one place; run by
test_version_processes.py.

    python worker.py PLACE {blocking | asyncio} {old | new} NUMBER

Each line of stdin is a number of changes to try; how many of them were made and how many refused
is a line of stdout.
"""

from __future__ import annotations

import sys
from typing import Any

import storage
import storage.aio
from storage.testing import driven


def to_1(log: Any) -> Any:
    return {"log": log}


def to_2(data: Any) -> Any:
    return {"box": {"entries": data["log"]}}


def appended(entry: list[int], *path: str) -> Any:
    """What adds *entry* to the log that stands at *path*."""

    def change(data: Any) -> Any:
        log = data
        for member in path:
            log = log[member]
        log.append(entry)
        return data

    return change


VERSIONS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "old": ({1: to_1}, ("log",)),
    "new": ({1: to_1, 2: to_2}, ("box", "entries")),
}


def main(place: str, half: str, version: str, number: str) -> None:
    there: Any = storage if half == "blocking" else storage.aio
    migrations, path = VERSIONS[version]
    base = there.open(place)
    say("ready")
    turn = 0
    with driven(base), driven(there.enhance_storage(base, migrations=migrations)) as store:
        for line in sys.stdin:
            made = refused = 0
            for _ in range(int(line)):
                turn += 1
                try:
                    store.get("log")
                    store.update("log", appended([int(number), turn], *path))
                    made += 1
                except storage.MigrationError:
                    refused += 1
            say(f"{made} {refused}")


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
