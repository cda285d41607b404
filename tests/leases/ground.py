"""Loops with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tests.fault.ground import PATIENCE


def run(work: Any) -> Any:
    """Run *work* in a loop of its own, with a deadline."""

    async def limited() -> Any:
        return await asyncio.wait_for(work, PATIENCE)

    return asyncio.run(limited())


async def until_in_loop(condition: Callable[[], object]) -> None:
    """Wait for what another task or thread is about to do."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came about"
        await asyncio.sleep(0.001)
