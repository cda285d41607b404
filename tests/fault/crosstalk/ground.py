"""How many calls are made, and processes that make them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.day import IS_LONG
from tests.fault.ground import Child

SHARES = {
    "batches": 6000,
    "cancelled": 5000,
    "struck": 4000,
    "weather": 2000,
    "killed": 3000,
    "forked": 1600,
}


def calls(what: str) -> int:
    return SHARES[what] * (5 if IS_LONG else 1)


@contextmanager
def children() -> Iterator[list[Child]]:
    """A list for forked processes, which all come to a good end, or are killed."""
    there: list[Child] = []
    try:
        yield there
        while there:
            there.pop().join()
    finally:
        for child in there:
            child.kill()
            child.close()
