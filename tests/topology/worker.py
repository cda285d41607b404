"""One of several processes that use one server; run by test_processes.py.

    python worker.py URL {blocking | asyncio} PATIENCE_MS

Each line of stdin is something to do; what comes of it is a line of stdout.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import storage
import storage.aio
from storage.testing import Bridge


class Worker:
    """A store, and what is done with it."""

    def __init__(self, store: Any, leases: Any) -> None:
        self._store = store
        self._leases = leases
        self._claim: Any = None

    def update(self, times: str) -> str:
        for _ in range(int(times)):
            self._store.update("k", lambda value: value + 1, default=0)
        return "updated"

    def queue(self, number: str) -> None:
        """Wait for the lease, and note the number in a list when it is held."""
        with self._leases.hold("k"):
            self._store.update("order", lambda order: [*order, int(number)], default=[])

    def hold(self, ttl: str) -> str:
        """Hold the lease for as long as the process lives."""
        self._leases.hold("k", ttl=float(ttl)).__enter__()
        return "held"

    def claim(self, ttl: str) -> str:
        self._claim = self._leases.claim("id", ttl=float(ttl))
        return "taken" if self._claim else "done" if self._claim.finished else "busy"

    def done(self) -> str:
        return str(self._claim.done())


def main(url: str, half: str, patience_ms: str) -> None:
    there: Any = storage if half == "blocking" else storage.aio
    there.leases.PATIENCE_MS = int(patience_ms)
    made = there.open(url)
    waiting = []
    with Bridge() as bridge:
        store = bridge.driven(made)
        worker = Worker(store, bridge.driven(there.Leases(made)))
        say("ready")
        for line in sys.stdin:
            what, *words = line.split()
            if what == "queue":
                waiting.append(threading.Thread(target=worker.queue, args=words))
                waiting[-1].start()
            else:
                say(getattr(worker, what)(*words))
        for thread in waiting:
            thread.join()
        store.close()


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
