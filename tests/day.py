"""Whether it is day, when a law is proved on what differs in kind, or night, when on everything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import settings

import storage
import storage.aio

IS_LONG = bool(os.environ.get("STORAGE_TEST_LONG"))
"""By night."""

HALVES: Sequence[Any] = (storage, storage.aio)

FEW = "few"
"""The Hypothesis profile for a law that is proved by day with more examples elsewhere."""


def by_turns(things: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Each half with each of *things*; by day one half with each, and the other with the next."""
    return [
        (half, thing)
        for place, thing in enumerate(things)
        for half in (HALVES if IS_LONG else (HALVES[place % 2],))
    ]


def mostly(half: Any) -> Sequence[Any]:
    """Both halves; by day *half*, for a law that takes long and is about what both do alike."""
    return HALVES if IS_LONG else (half,)


@contextmanager
def examples(place: str, half: Any) -> Iterator[None]:
    """By day, a law gets all its examples in blocking code in three places, and few elsewhere."""
    usual = settings.get_current_profile_name()
    is_one_of_many = place not in ("memory", "sqlite", "valkey") or half is not storage
    if is_one_of_many and usual == "ci" and not IS_LONG:
        settings.load_profile(FEW)
    try:
        yield
    finally:
        settings.load_profile(usual)


def is_walked(place: str, half: Any) -> bool:
    """Whether programs are run at random there: by day in blocking code, and in memory in both."""
    return IS_LONG or half is storage or place == "memory"
