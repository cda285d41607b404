"""Grounds for bots that send files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.layers.places import params, placed
from tests.media.ground import Ground


@pytest.fixture(params=params("memory", "sqlite", "valkey"))
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    with placed(request, tmp_path) as place:
        yield Ground(place)


@pytest.fixture(params=params("memory"))
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A ground for what is decided above all stores."""
    with placed(request, tmp_path) as place:
        yield Ground(place)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where files are that are to be sent."""
    folder = tmp_path / "files"
    folder.mkdir()
    return folder
