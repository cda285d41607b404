"""A store in memory, of either colour, to put layers over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storage.testing import Bridge


@pytest.fixture
def base(half: Any, bridge: Bridge) -> Iterator[Any]:
    store = half.MemoryStorage()
    yield store
    bridge.driven(store).close()
