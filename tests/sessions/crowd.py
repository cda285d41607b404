"""One of several processes that work on one session; run by test_crowds.py.

    python crowd.py PLACE {blocking | asyncio} {turns | merging}

Each line of stdin has numbers. For each, a thread or a task opens the session, sets the member of
that number, and, where they take turns, notes the number at the end of a list. The end of stdin
is the end.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import storage
import storage.aio
from storage.testing import Bridge

KEY = "100:7"
WAYS: dict[str, dict[str, Any]] = {"turns": {"wait": 60}, "merging": {"lock": False}}


def change(session: dict[str, Any], number: int, way: str) -> None:
    session[f"n{number}"] = number
    if way == "turns":
        session.setdefault("order", []).append(number)


def main(place: str, half: str, way: str) -> None:
    there: Any = storage if half == "blocking" else storage.aio
    made = there.open(place)
    waiting = []
    with Bridge() as bridge:
        store = bridge.driven(made)
        sessions = bridge.driven(there.Sessions(made, **WAYS[way]))

        def work(number: int) -> None:
            with sessions.open(KEY) as session:
                change(session, number, way)

        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for line in sys.stdin:
            for number in map(int, line.split()):
                waiting.append(threading.Thread(target=work, args=(number,)))
                waiting[-1].start()
        for thread in waiting:
            thread.join()
        store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
