"""Grounds for limits: every place, and memory alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.layers import IS_LONG
from tests.limits.standing import Ground, params, passing, standing


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("sqlite", "valkey"))
def bytes_ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground where what is counted is kept as bytes."""
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("memory"))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground for what is decided above all stores."""
    with standing(request, tmp_path) as ground:
        yield ground


_CROSSED = [
    param
    for param in params("memory", "sqlite", "valkey")
    if IS_LONG or param.id in ("memory storage", "sqlite aio", "valkey aio")
]
"""By day, each in one colour: what is waited for takes its time."""


@pytest.fixture(params=_CROSSED)
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground where time passes by itself."""
    with passing(request, tmp_path) as ground:
        yield ground
