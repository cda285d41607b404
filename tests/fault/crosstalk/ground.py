"""How many calls are made."""

from __future__ import annotations

from tests.day import IS_LONG

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
