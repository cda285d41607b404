"""Every backend does what the model does, whatever the program."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from storage.testing import Clock, kv_machine, run_machine
from tests.contract.backends import BACKENDS, Ground, Row, params
from tests.contract.layers import LAYERED
from tests.day import IS_LONG, is_walked

BY_DAY = {
    *("memory", "lru", "sqlite", "sqlite-gramio", "valkey"),
    *("dict", "mixed-methods", "one-step-client", "folded memory", "reads-and-writes"),
    *("tiered memory", "tiered valkey"),
}
"""One of a kind; with `STORAGE_TEST_LONG` every backend, and every layer over everything."""

ROWS = [
    row
    for row in [*BACKENDS, *LAYERED]
    if IS_LONG
    or (row.name in BY_DAY and (is_walked(row.name, row.half) or row.name == "mixed-methods"))
    if row.server in (None, "valkey") and not row.no_keys
]
"""The other servers keep the contract, which costs less, and so do those of which some key of the
programs is none."""


READ = [row for row in ROWS if IS_LONG or row.name in ("memory", "sqlite", "valkey")]
"""Where a program is run once more with a look at everything after each step."""


@pytest.mark.parametrize("row", params(ROWS))
def test_a_store_does_what_the_model_does(
    row: Row, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    prove(row, tmp_path, request, reading=False)


@pytest.mark.parametrize("row", params(READ))
def test_a_store_that_is_looked_at_does_what_the_model_does(
    row: Row, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    prove(row, tmp_path, request, reading=True)


def prove(row: Row, tmp_path: Path, request: pytest.FixtureRequest, *, reading: bool) -> None:
    numbers = itertools.count()
    grounds: list[Ground] = []

    def make(clock: Clock, ttl: Any = None) -> Any:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        for ground in grounds:
            ground.close()
        grounds[:] = [row.ground(request, folder, clock)]
        grounds[0].ttl = ttl
        return row.opened(grounds[0])

    machine = kv_machine(
        make,
        row.capabilities,
        reading=reading,
        verbatim=row.verbatim,
        knows_none=row.knows_none,
        late_ms=row.late_ms,
        name=f"{row} {'reading' if reading else 'plain'}",
    )
    try:
        run_machine(machine, share=row.share if reading or row.server or row.is_kv else 1)
    finally:
        for ground in grounds:
            ground.close()
