"""Whether it is day, when a law is proved on what differs in kind, or night, when on everything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import storage
import storage.aio

IS_LONG = bool(os.environ.get("STORAGE_TEST_LONG"))
"""By night."""

HALVES: Sequence[Any] = (storage, storage.aio)


def by_turns(things: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Each half with each of *things*; by day one half with each, and the other with the next."""
    return [
        (half, thing)
        for place, thing in enumerate(things)
        for half in (HALVES if IS_LONG else (HALVES[place % 2],))
    ]


def is_walked(place: str, half: Any) -> bool:
    """Whether programs are run at random there: by day in blocking code, and in memory in both."""
    return IS_LONG or half is storage or place == "memory"
