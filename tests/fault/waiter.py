"""One of several processes that wait for one lease; run by test_queue.py.

    python waiter.py FILE {blocking | asyncio} PATIENCE_MS

Each line of stdin is a number. For each, a thread or a task waits for the lease, and notes the
number in a list when it has it.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import storage
import storage.aio
from storage.testing import Bridge


def main(path: str, half: str, patience_ms: str) -> None:
    there: Any = storage if half == "blocking" else storage.aio
    there.leases.PATIENCE_MS = int(patience_ms)
    made = there.SqliteStorage(path)
    waiting = []
    with Bridge() as bridge:
        store, leases = bridge.driven(made), bridge.driven(there.Leases(made))

        def work(number: str) -> None:
            with leases.hold("k"):
                store.update("order", lambda order: [*order, int(number)], default=[])

        for line in sys.stdin:
            waiting.append(threading.Thread(target=work, args=(line,)))
            waiting[-1].start()
        for thread in waiting:
            thread.join()
        store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
