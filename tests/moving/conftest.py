"""Stores of both colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import storage
import storage.aio
from tests.moving.ground import Places
from tests.moving.ground import places as opened_places


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "asyncio"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    folder = tmp_path / "stores"
    folder.mkdir()
    with opened_places(request, folder, request.param) as made:
        yield made
