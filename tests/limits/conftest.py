"""Grounds for limits: every place, and memory alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.limits.ground import Ground, params, standing


@pytest.fixture(params=params("memory", "sqlite"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("sqlite"))
def bytes_ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground where what is counted is kept as bytes."""
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("memory"))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground for what is decided above all stores."""
    with standing(request, tmp_path) as ground:
        yield ground
