"""The places of sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.contrib.ground import Place, placed

KINDS = ("memory", "sqlite", "valkey")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each place, one after the other."""
    yield from _there(request, tmp_path)


@pytest.fixture(params=("sqlite", "valkey"))
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A place that several processes share."""
    yield from _there(request, tmp_path)


def _there(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    server = request.getfixturevalue("valkey") if request.param == "valkey" else None
    yield placed(request.param, folder, server)
    if server is not None:
        with redis.Redis(host=server.host, port=server.port) as client:
            client.flushdb()
