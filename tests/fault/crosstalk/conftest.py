"""A server with what is asked for, and chance that can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.crosstalk.calls import stock
from tests.servers import Server, running

SEED = 6000
"""By day it is the same in every run."""


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    given = request.config.option.hypothesis_seed
    seed = SEED if given is None else given
    print(f"the same chances again: --hypothesis-seed={seed}")  # noqa: T201 - where it fails
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def stocked(valkey: Server) -> Iterator[Server]:
    stock(valkey)
    yield valkey
    valkey.call("FLUSHALL")


@pytest.fixture
def durable(valkey: Server, tmp_path: Path) -> Iterator[Server]:
    """A server of a test's own that forgets nothing it has told somebody, when it is killed."""
    options = ("--appendonly", "yes", "--appendfsync", "no")
    with running(valkey.binary, tmp_path, *options, clock=False) as server:
        stock(server)
        yield server
