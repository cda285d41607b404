"""Somebody else writes, or many begin at once: wait, then say so, and never half of anything."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import UnavailableError
from storage.testing import Clock
from tests.fault.conftest import Open
from tests.fault.ground import Child, healthy, label, locked, rows, together
from tests.fault.test_no_room import BEFORE, SMALL_WRITES, WRITES, refused

pytestmark = pytest.mark.timed

Borrow = Callable[..., sqlite3.Connection]

AT_ONCE = 16
PROCESSES = 6


@pytest.fixture
def filled(file: Path) -> Path:
    with storage.SqliteStorage(file) as store:
        store.set_many(BEFORE)
    return file


def test_a_locked_database_is_unavailable_and_usable_again(
    filled: Path, sqlite: Open, borrow: Borrow
) -> None:
    store = sqlite(borrow(filled, timeout=0.01))

    with locked(filled):
        refused(store, UnavailableError, {**WRITES, **SMALL_WRITES})

    for write in [*WRITES.values(), *SMALL_WRITES.values()][:3]:
        write(store)
    assert store.get("new") is not None


def test_a_store_of_its_own_waits_and_then_says_so(
    filled: Path, sqlite: Open, impatient: float
) -> None:
    store = sqlite(filled)

    with locked(filled):
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="locked") as caught:
            store.set("a", 2)
        waited = time.monotonic() - started
    assert caught.value.key == "a"
    assert waited >= impatient * 0.9
    store.set("a", 2)
    assert store.get("a") == 2


def test_who_waits_goes_on_when_the_other_is_done(filled: Path, sqlite: Open) -> None:
    store = sqlite(filled)
    with locked(filled) as other:
        timer = threading.Timer(0.1, lambda: other.execute("COMMIT"))
        timer.start()

        assert store.update("a", lambda value: value + 1) == 2
        timer.join()


def test_reading_never_waits_for_who_writes(filled: Path, sqlite: Open) -> None:
    """Nor does freeing what is over, which can be done another time."""
    clock = Clock()
    store = sqlite(filled, clock=clock)
    store.set("over", 1, ttl=1)
    clock.tick(2)

    with locked(filled):
        started = time.monotonic()
        assert store.get("a") == 1
        assert store.get("over") is None
        assert dict(store.items()) == BEFORE
        waited = time.monotonic() - started

    assert waited < 2, "the busy timeout is five seconds"
    assert store.get("over") is None
    assert rows(filled, "SELECT * FROM storage WHERE key = 'over'") == []


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_opening_what_somebody_else_has_locked_gives_up_in_time(
    how: str, file: Path, impatient: float
) -> None:
    rows(file, "CREATE TABLE other (a)")

    with locked(file, how):
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="locked"):
            storage.SqliteStorage(file)
        waited = time.monotonic() - started

    assert waited < 5 * impatient, "it tries and tries"
    with storage.SqliteStorage(file) as store:
        store.set("a", 1)


def test_many_threads_can_open_the_same_fresh_file_at_once(file: Path) -> None:
    def begin(number: int) -> None:
        with storage.SqliteStorage(file) as store:
            store.set(f"t{number}", number)
            store.incr("count")

    together(*(lambda number=number: begin(number) for number in range(AT_ONCE)))

    with storage.SqliteStorage(file) as store:
        assert store.get("count") == AT_ONCE
        assert [store.get(f"t{number}") for number in range(AT_ONCE)] == list(range(AT_ONCE))


def test_many_processes_can_open_the_same_fresh_file_at_once(tmp_path: Path) -> None:
    for turn in range(6):
        file = tmp_path / f"{turn}.db"

        def begin(says: object, file: Path = file) -> None:
            with storage.SqliteStorage(file) as store:
                assert store.incr("count") > 0
                store.update("list", lambda found: [*found, 1], default=[])

        for child in [Child(begin) for _ in range(PROCESSES)]:
            child.join()

        with storage.SqliteStorage(file) as store:
            assert store.get("count") == PROCESSES
            assert store.get("list") == [1] * PROCESSES
        assert healthy(file)


def test_updates_of_many_processes_are_all_kept(file: Path) -> None:
    def work(says: object) -> None:
        with storage.SqliteStorage(file) as store:
            for _ in range(100):
                store.update("n", lambda value: value + 1, default=0)
                store.incr("m")

    for child in [Child(work) for _ in range(4)]:
        child.join()

    with storage.SqliteStorage(file) as store:
        assert (store.get("n"), store.get("m")) == (400, 400)


def test_an_error_names_the_store_that_is_locked(
    filled: Path, sqlite: Open, borrow: Borrow
) -> None:
    store: Any = sqlite(borrow(filled, timeout=0.01), table="carts")

    with locked(filled), pytest.raises(UnavailableError) as caught:
        store.set("user:1", 1)

    assert str(caught.value).startswith(f"{label(store)}: key 'user:1': ")
