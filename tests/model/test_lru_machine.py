"""A bounded store gives up what the model gives up."""

from __future__ import annotations

from typing import Any

import pytest

import storage
import storage.aio
from storage.testing import Clock, lru_machine, run_machine


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "asyncio"])
def test_the_least_recently_used_makes_room(half: Any) -> None:
    def make(clock: Clock, most: int) -> Any:
        return half.LruMemoryStorage(most, clock=clock)

    run_machine(lru_machine(make))
