"""Sessions in a SQLite file are what they are in memory, step by step."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis

import storage
from storage.dialog_store import DialogStore
from storage.testing import Clock
from tests.continuity.dialog_steps import PROGRAMS, ROUND, Beside, Step

OUTCOMES = (
    *("create: True", "create: False", "remove: True", "remove: False", "select: True"),
    *("messages: True", "discard_all: True", "expired: True"),
    *(f"change: {outcome}" for outcome in ("done", "missing", "closed", "conflict")),
    *(f"add: {one}" for one in ("done", "repeated", "missing", "closed", "full", "taken")),
    *(f"amend: {outcome}" for outcome in ("done", "missing", "closed")),
    *(f"discard: {outcome}" for outcome in ("done", "missing")),
)


def test_a_file_answers_as_memory_does_and_counters_are_sums(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()

    @hypothesis.settings(max_examples=150)
    @hypothesis.given(PROGRAMS)
    @hypothesis.example(ROUND)
    def run(program: list[Step]) -> None:
        with TemporaryDirectory(dir=tmp_path) as folder:
            clock, file = Clock(), Path(folder, "bot.db")
            measure = storage.MemoryStorage(clock=clock).room(DialogStore)
            stores = [storage.SqliteStorage(file, clock=clock) for _ in range(2)]
            beside = Beside(clock, measure, [store.room(DialogStore) for store in stores])
            for step in program:
                beside.run(step)
            seen.update(beside.seen)
            for store in stores:
                store.close()

    run()

    assert not [outcome for outcome in OUTCOMES if not seen[outcome]], seen
