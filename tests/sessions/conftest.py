"""Grounds for sessions: every place, those that keep lifetimes, and memory alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.layers import IS_LONG
from tests.sessions.ground import Ground, params, standing

_EVERYWHERE = [
    param
    for param in params("memory", "sqlite", "dict", "valkey")
    if IS_LONG or param.id not in ("sqlite aio", "dict storage")
]
"""By day, one colour is enough where only the pool of threads or the lock is another."""


@pytest.fixture(params=_EVERYWHERE)
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground where things end by themselves."""
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("memory", "sqlite"))
def clocked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground that goes by our clock also while a session is open."""
    with standing(request, tmp_path) as ground:
        yield ground


@pytest.fixture(params=params("memory"))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground for what is decided above all backends."""
    with standing(request, tmp_path) as ground:
        yield ground
