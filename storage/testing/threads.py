"""Calls in other threads, which must not be stuck there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 30.0
"""When a call in another thread counts as stuck."""


def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
    """What *function* gives in another thread; an error if that is stuck."""
    return crowd([lambda: function(*args)])[0]


def crowd(functions: list[Callable[[], Any]]) -> list[Any]:
    """What *functions* give, each in a thread of its own, all let go at the same moment."""
    gate = threading.Barrier(len(functions))
    results: list[Any] = [None] * len(functions)
    errors: list[BaseException] = []

    def run(index: int, function: Callable[[], Any]) -> None:
        gate.wait()
        try:
            results[index] = function()
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=place, daemon=True) for place in enumerate(functions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "a call in another thread is stuck"
    if errors:
        raise errors[0]
    return results
