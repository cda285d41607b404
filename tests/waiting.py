"""Waiting for what another thread, process or server is about to do."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 20.0
"""Seconds after which something is taken to hang."""


def until(
    condition: Callable[[], object],
    what: str = "it",
    *,
    seconds: float = PATIENCE,
    pause: float = 0.0005,
) -> None:
    """Ask for *condition* again and again until it holds; an error if that takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} never came about"
        time.sleep(pause)
