"""Where the sessions of the tests are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.continuity.managed import PLACES, Managed, managing, params


@pytest.fixture(params=params("memory"))
def managed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Managed]:
    """In memory."""
    with managing(request, tmp_path) as place:
        yield place


@pytest.fixture(params=params(*PLACES))
def everywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Managed]:
    """At each place."""
    with managing(request, tmp_path) as place:
        yield place


@pytest.fixture(params=params("valkey"))
def on_redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Managed]:
    """On a server."""
    with managing(request, tmp_path) as place:
        yield place


@pytest.fixture(params=params("valkey"))
def beside_javascript(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Managed]:
    """On a server, where a bot in JavaScript is too."""
    with managing(request, tmp_path, beside_others=True) as place:
        yield place
