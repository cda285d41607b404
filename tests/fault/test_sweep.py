"""What is over is freed, by who meets it and by the sweep, whose thread ends with its store."""

from __future__ import annotations

import asyncio
import gc
import logging
import sqlite3
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import ConfigurationError
from storage.testing import Clock
from tests.fault.conftest import Open
from tests.fault.ground import locked, rows, until

pytestmark = pytest.mark.timed

SOON = 0.002
NEVER = 3600.0


def count(file: Path) -> int:
    return int(rows(file, "SELECT count(*) FROM storage")[0][0])


def test_the_sweep_frees_what_is_over_and_nothing_else(file: Path, sqlite: Open) -> None:
    clock = Clock()
    store = sqlite(file, clock=clock, sweep_interval=SOON)
    store.set_many({f"over {number}": 1 for number in range(2500)}, ttl=5)
    store.set_many({"later": 1, "for ever": 2})
    store.touch("later", ttl=100)
    assert count(file) == 2502

    clock.tick(6)

    until(lambda: count(file) == 2)
    assert dict(store.items()) == {"later": 1, "for ever": 2}


@pytest.mark.parametrize("layout", ["storage", "puregram", "gramio"])
def test_who_meets_what_is_over_frees_it(layout: str, file: Path, sqlite: Open) -> None:
    clock = Clock()
    store = sqlite(file, clock=clock, layout=layout)
    store.set_many({"over": 1, "other": 2}, ttl=5)
    clock.tick(6)
    table = {"storage": "storage", "puregram": "puregram_kv", "gramio": "gramio_storage"}[layout]

    assert store.get("over") is None

    assert rows(file, f"SELECT key FROM {table}") == [(b"other",)]


def test_closing_ends_the_sweep(file: Path, half: Any) -> None:
    before = set(threading.enumerate())
    store = half.SqliteStorage(file, sweep_interval=NEVER)
    (sweeper,) = set(threading.enumerate()) - before

    if half is storage.aio:
        asyncio.run(store.aclose())
    else:
        store.close()

    assert not sweeper.is_alive()


@pytest.mark.parametrize("interval", [SOON, NEVER])
def test_a_store_that_nobody_has_any_more_ends_its_sweep(interval: float, file: Path) -> None:
    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # nobody closed it: that is the point
        store = storage.SqliteStorage(file, sweep_interval=interval)
        (sweeper,) = set(threading.enumerate()) - before
        store.set("a", 1)

        del store
        gc.collect()
        sweeper.join(2)

    assert not sweeper.is_alive()


def test_a_sweep_that_fails_is_logged_and_tried_again(
    file: Path, sqlite: Open, impatient: float, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    store = sqlite(file, clock=clock, sweep_interval=SOON)
    store.set("over", "secret", ttl=5)
    clock.tick(6)
    with caplog.at_level(logging.WARNING, "storage"):
        with locked(file):
            until(lambda: "sweep" in caplog.text)
            assert store.get("b") is None
        until(lambda: count(file) == 0)

    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert str(file) in caplog.text
    assert "secret" not in caplog.text


def test_a_sweep_that_fails_in_any_way_is_tried_again(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A clock, or whatever else a sweep needs, may raise what is no error of a store."""
    clock, broken = Clock(), threading.Event()

    def now() -> float:
        if broken.is_set() and threading.current_thread() is not threading.main_thread():
            raise ValueError("the clock stands still")
        return clock()

    with storage.SqliteStorage(file, clock=now, sweep_interval=SOON) as store:
        store.set("over", 1, ttl=5)
        broken.set()
        with caplog.at_level(logging.WARNING, "storage"):
            until(lambda: "sweep" in caplog.text)
        clock.tick(6)
        broken.clear()

        until(lambda: count(file) == 0)


def test_a_sweep_beside_busy_threads_loses_nothing(file: Path, sqlite: Open) -> None:
    store = sqlite(file, sweep_interval=SOON)

    for number in range(150):
        store.set(f"short{number}", 1, ttl=0.001)
        store.set(f"long{number}", number)
        store.incr("count", ttl=None)

    assert store.get("count") == 150
    assert len(list(store.keys("long"))) == 150
    until(lambda: count(file) == 151)


def test_a_sweep_needs_a_connection_of_its_own(
    sqlite: Open, borrow: Callable[..., sqlite3.Connection]
) -> None:
    """Its thread would end up in the middle of the caller's transactions, and bring the whole
    interpreter down where the caller closes the connection first."""
    with pytest.raises(ConfigurationError, match="sweep_interval"):
        sqlite(borrow(), sweep_interval=SOON)
