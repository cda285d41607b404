"""What the tests of the compat layers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.testing import Bridge, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def drive(bridge: Bridge) -> Iterator[Callable[[Any], Any]]:
    """Stores of both colours by plain calls, closed at the end."""
    stores = []

    def driven(store: Any) -> Any:
        stores.append(bridge.driven(store))
        return stores[-1]

    yield driven
    for store in stores:
        store.close()
