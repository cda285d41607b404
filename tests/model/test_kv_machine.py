"""Every backend does what the model does, whatever the program."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from storage.testing import Clock, kv_machine, run_machine
from tests.contract.backends import BACKENDS, Ground, Row


@pytest.mark.parametrize("row", BACKENDS, ids=str)
@pytest.mark.parametrize("reading", [False, True], ids=["plain", "reading"])
def test_a_store_does_what_the_model_does(row: Row, reading: bool, tmp_path: Path) -> None:
    numbers = itertools.count()
    grounds: list[Ground] = []

    def make(clock: Clock, ttl: Any = None) -> Any:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        for ground in grounds:
            ground.close()
        grounds[:] = [Ground(folder, clock, ttl)]
        return row.opened(grounds[0])

    machine = kv_machine(
        make,
        row.capabilities,
        reading=reading,
        verbatim=row.verbatim,
        knows_none=row.knows_none,
        name=f"{row} {'reading' if reading else 'plain'}",
    )
    try:
        run_machine(machine, share=row.share if reading else 1)
    finally:
        for ground in grounds:
            ground.close()
