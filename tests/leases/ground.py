"""Loops with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tests.fault.ground import PATIENCE, Crew, until


def run(work: Any) -> Any:
    """Run *work* in a loop of its own, with a deadline."""

    async def limited() -> Any:
        return await asyncio.wait_for(work, PATIENCE)

    return asyncio.run(limited())


def lined_up(leases: Any, count: int, standing: Callable[[], int]) -> tuple[list[Crew], list[int]]:
    """So many threads that wait for `k`, one behind the other, and the numbers of those who had it;
    *standing* says how many wait."""
    order: list[int] = []

    def work(number: int) -> None:
        with leases.hold("k"):
            order.append(number)

    crews = []
    for number in range(count):
        crews.append(Crew(lambda number=number: work(number)))
        until(lambda number=number: standing() == number + 1)
    return crews, order


async def until_in_loop(condition: Callable[[], object]) -> None:
    """Wait for what another task or thread is about to do."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came about"
        await asyncio.sleep(0.001)
