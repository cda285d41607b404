"""One of several processes that come to the same limits at once; run by test_crowds.py.

    python crowd.py PLACE {blocking | asyncio} KEYS TRIES

When a line comes, it tries each key of each limit so many times, in as many threads or tasks, and
says how many of all that passed.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

import storage
import storage.aio
from storage.records import Ask, Meter
from storage.testing import Bridge
from storage.testing.threads import crowd

MOST = 20
PER = 10**9
"""Some thirty years, so that nothing comes back in the middle."""

LIMITS = {
    "log": storage.Limit(MOST, PER),
    "window": storage.Limit(MOST, PER, algorithm="window"),
    "aligned": storage.Limit(MOST, PER, algorithm="aligned"),
    "counter": storage.Limit(MOST, PER, algorithm="counter"),
    "gcra": storage.Limit(MOST, PER, algorithm="gcra"),
    "slots": storage.Limit(MOST, PER, algorithm="slots"),
}
ASK = Ask(1, "a" * 32)


def meters(keys: int) -> dict[str, Meter]:
    """All that is tried, in the order in which everybody tries it."""
    return {
        f"{name} {number}": Meter(limit.rule, f"key {number}")
        for number in range(keys)
        for name, limit in LIMITS.items()
    }


def main(place: str, half: str, keys: str, tries: str) -> None:
    there: Any = storage if half == "blocking" else storage.aio
    made = there.open(place)
    passed: Counter[str] = Counter()
    with Bridge() as bridge:
        store = bridge.driven(made)
        room = bridge.driven(made.room(there.protocols.RateLimitStore))
        room.peek([Meter(LIMITS["log"].rule, "ready")], ASK)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        for name, meter in meters(int(keys)).items():
            passed[name] = sum(
                told.passed
                for told in crowd([lambda meter=meter: room.hit([meter], ASK)] * int(tries))  # type: ignore[misc]
            )
        store.close()
    sys.stdout.write(f"{json.dumps(passed)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
