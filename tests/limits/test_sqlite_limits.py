"""Rate limits in a SQLite file: exact between processes, and careful with what stands there."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.protocols
import storage.protocols
from storage import (
    CorruptStoreError,
    CorruptValueError,
    ReadOnlyError,
    StorageFullError,
    UnavailableError,
)
from storage.core.meters import HEAD
from storage.records import Ask
from storage.sqlite import connection as sqlite_connection
from storage.sqlite import limits as sqlite_limits
from storage.testing import Bridge, Clock
from tests.fault.ground import PATIENCE, healthy, in_child, label, locked, rows, script, together
from tests.limits.ground import KINDS, ONE, TOKEN, hits, kept, meter

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
WORKER = Path(__file__).with_name("worker.py")
HOUR = 3600

Open = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[storage, storage.aio], ids=["blocking", "asyncio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def opened(half: Any) -> Iterator[Open]:
    """Stores in the colour of the test."""
    stores = []
    with Bridge() as bridge:

        def opened(place: Any, **options: Any) -> Any:
            stores.append(bridge.driven(half.SqliteStorage(place, **options)))
            return stores[-1]

        yield opened
        for store in stores:
            store.close()


@pytest.fixture
def room(half: Any, opened: Open) -> Open:
    """Makes the rate limits of a file."""
    return lambda place, **options: opened(place, **options).room(half.protocols.RateLimitStore)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_connection, "_BUSY_SECONDS", 0.05)


def test_the_table_is_made_by_the_first_who_counts(file: Path, room: Open) -> None:
    limits = room(file)

    assert limits.peek([meter()], ONE).passed
    assert rows(file, TABLES) == [(b"storage",)]
    hits(limits, meter())
    assert rows(file, TABLES) == [(b"storage",), (b"storage_limits",)]


def test_what_one_has_counted_another_goes_on_counting(file: Path, room: Open) -> None:
    one, other = room(file), room(file)

    assert hits(one, meter(), times=2) == [True, True]
    assert hits(other, meter(), times=2) == [True, False]
    assert hits(one, meter()) == [False]
    assert not one.peek([meter()], ONE).passed


@pytest.mark.parametrize("kind", KINDS)
def test_who_remembers_a_meter_sees_what_others_do_to_it(kind: str, file: Path, room: Open) -> None:
    one, other, asked = room(file), room(file), meter(2, algorithm=kind)
    ask = Ask(token=TOKEN)
    assert hits(one, asked, times=3, ask=ask) == [True, True, False]

    other.reset([asked])
    assert hits(one, asked, ask=ask) == [True]
    assert hits(other, asked, times=2, ask=ask) == [True, False]
    assert hits(one, asked, ask=ask) == [False]


def test_a_reset_by_somebody_else_is_seen_by_who_was_refused(file: Path, room: Open) -> None:
    one, other = room(file), room(file)
    assert hits(one, meter(1), times=3) == [True, False, False]

    other.reset([meter(1)])

    assert hits(one, meter(1)) == [True]


def test_eight_processes_let_pass_what_one_would(file: Path) -> None:
    where = str(Path(storage.__file__).resolve().parents[1])
    workers = [
        subprocess.Popen(
            [sys.executable, WORKER, file, ("blocking", "asyncio")[number % 2], "25"],
            env={**os.environ, "PYTHONPATH": where},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    said = [worker.communicate("go\n", timeout=3 * PATIENCE)[0].split() for worker in workers]

    passed = [sum(map(int, column)) for column in zip(*said)]
    assert passed == [100] * (len(KINDS) + 1)
    assert healthy(file)


def test_threads_let_pass_what_one_would(file: Path, room: Open) -> None:
    limits, asked = room(file), meter(50)
    passed: list[bool] = []

    together(*[lambda: passed.extend(hits(limits, asked, times=20)) for _ in range(6)])

    assert sum(passed) == 50


def test_a_refusal_writes_nothing(file: Path, room: Open) -> None:
    limits = room(file)
    one, two = [meter(1)], [meter(1), meter(5, key="other")]
    hits(limits, *one)
    before = kept(file)
    with closing(sqlite3.connect(file)) as other:
        version = other.execute("PRAGMA data_version").fetchone()

        assert hits(limits, *one, times=3) == [False] * 3
        assert hits(limits, *two) == [False]
        assert not limits.reserve(one, ONE, 1).passed
        assert not limits.hit_many([one, one], ONE)[1].passed

        assert other.execute("PRAGMA data_version").fetchone() == version
    assert kept(file) == before


def test_a_refusal_does_not_wait_for_who_writes(file: Path, room: Open) -> None:
    limits = room(file)
    assert hits(limits, meter(1), times=2) == [True, False]

    with locked(file):
        assert hits(limits, meter(1)) == [False]
        assert not limits.peek([meter(1)], ONE).passed


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "slots"])
def test_what_somebody_gives_back_is_seen_by_who_was_refused(
    kind: str, file: Path, room: Open, clock: Clock
) -> None:
    one, other = room(file, clock=clock), room(file, clock=clock)
    asked = meter(2, algorithm=kind)
    assert hits(one, asked, times=3) == [True, True, False]

    other.refund([asked], 1, round(clock() * 1_000_000))

    assert hits(one, asked, times=2) == [True, False]


@pytest.mark.parametrize("kind", ["log", "window", "gcra", "slots"])
def test_what_could_not_be_written_was_not_counted(
    kind: str, file: Path, room: Open, clock: Clock, impatient: None
) -> None:
    limits, asked = room(file, clock=clock), meter(2, 10, algorithm=kind)
    ask = Ask(token=TOKEN)
    assert hits(limits, asked, ask=ask) == [True]
    clock.tick(6)
    assert hits(limits, asked, ask=ask) == [True]
    clock.tick(6)
    before = kept(file)

    with locked(file):
        for _ in range(2):
            with pytest.raises(UnavailableError) as caught:
                limits.hit([asked], ask)
            assert caught.value.key == "k"

    assert kept(file) == before
    free = 2 if kind in ("window", "gcra") else 1
    assert hits(limits, asked, times=3, ask=ask) == [True] * free + [False] * (3 - free)


def test_what_is_remembered_is_bounded(
    file: Path, room: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_limits, "_MOST_KNOWN", 3)
    limits = room(file)

    for turn in range(3):
        for number in range(5):
            assert hits(limits, meter(2, key=f"k{number}")) == [turn < 2]


def test_a_long_log_is_counted_to_the_end(file: Path, room: Open, clock: Clock) -> None:
    limits, asked = room(file, clock=clock), meter(2000, 60)
    for _ in range(20):
        limits.hit([asked], Ask(cost=100))
        clock.tick(1)

    assert hits(limits, asked) == [False]
    clock.tick(40)
    assert limits.hit([asked], Ask(cost=100)).readings[0].left == 0


def test_a_clock_that_is_behind_admits_nothing_more(file: Path, room: Open, clock: Clock) -> None:
    ahead = Clock(clock() + 150)
    one, other = room(file, clock=clock), room(file, clock=ahead)
    asked = [meter(2, 60, algorithm=kind) for kind in ("log", "window", "counter", "gcra")]

    for each in asked:
        assert hits(other, each, times=3) == [True, True, False]
        assert hits(one, each) == [False]
        assert hits(other, each) == [False]


def test_who_frees_by_a_clock_that_is_ahead_admits_nothing_more(
    file: Path, room: Open, clock: Clock
) -> None:
    ahead = Clock(clock() + HOUR / 2)
    one, other = room(file, clock=clock), room(file, clock=ahead)
    for number in range(20):
        assert hits(one, meter(1, key=f"k{number}")) == [True]

    for number in range(20):
        hits(other, meter(1, key=f"other {number}"))

    assert not any(hits(one, meter(1, key=f"k{number}"))[0] for number in range(20))


def test_rows_that_are_over_are_freed_by_who_adds_some(
    file: Path, room: Open, clock: Clock
) -> None:
    limits = room(file, clock=clock)
    for number in range(200):
        hits(limits, meter(1, key=f"k{number}"))
    clock.tick(60 + HOUR)
    for number in range(60):
        hits(limits, meter(1, key=f"new {number}"))

    assert {name.split("~")[-1].split(" ")[0] for name, *_ in kept(file)} == {"new"}
    assert not any(hits(limits, meter(1, key=f"new {number}"))[0] for number in range(60))


def test_a_store_that_is_made_anew_each_time_frees_rows_as_well(
    file: Path, opened: Open, half: Any, clock: Clock
) -> None:
    with opened(file, clock=clock) as store:
        limits = store.room(half.protocols.RateLimitStore)
        hits(limits, *[meter(1, 10**9, key=f"long {number}") for number in range(10)])
    for turn in range(40):
        with opened(file, clock=clock) as store:
            hits(store.room(half.protocols.RateLimitStore), meter(1, key=f"{turn % 10}{turn}"))
        clock.tick(60 + HOUR)

    assert len(kept(file)) < 30


def test_places_that_were_given_back_and_taken_leave_no_row(file: Path, room: Open) -> None:
    limits, asked = room(file), [meter(1, 60)]
    limits.hit(asked, ONE)
    first = limits.reserve(asked, ONE, 10**9)
    limits.reserve(asked, ONE, 10**9)

    limits.refund(asked, 1, first.at)
    assert len(kept(file)) == 2
    assert limits.reserve(asked, ONE, 10**9).at == first.at
    assert len(kept(file)) == 1


def test_a_reset_leaves_no_row(file: Path, room: Open) -> None:
    limits, asked = room(file), [meter(1), meter(5, key="other")]
    limits.hit(asked, ONE)
    first = limits.reserve(asked, ONE, 10**9)
    limits.reserve(asked, ONE, 10**9)
    limits.refund(asked, 1, first.at)

    limits.reset(asked)

    assert kept(file) == []


GOOD = HEAD.pack(4, 1e15, 1e15, 0, 0, 0, 0, 0)
DAMAGES = {
    "empty": b"",
    "too short": GOOD[:-1],
    "another algorithm": HEAD.pack(1, *HEAD.unpack(GOOD)[1:]),
    "half a moment": GOOD + b"half",
    "more hits than moments": HEAD.pack(4, 1e15, 1e15, 0, 0, 2, 0, 0) + b"\0" * 8,
    "no number": HEAD.pack(4, float("nan"), 1e15, 0, 0, 0, 0, 0),
    "no end": HEAD.pack(4, float("inf"), 1e15, 0, 0, 0, 0, 0),
    "half a microsecond": HEAD.pack(4, 1e15 + 0.5, 1e15, 0, 0, 0, 0, 0),
    "text": "hunter2",
    "a number": 5,
}

CALLS: dict[str, Callable[[Any, Any], object]] = {
    "hit": lambda limits, asked: limits.hit(asked, ONE),
    "hit_many": lambda limits, asked: limits.hit_many([asked], ONE),
    "peek": lambda limits, asked: limits.peek(asked, ONE),
    "reserve": lambda limits, asked: limits.reserve(asked, ONE, 10**9),
    "refund": lambda limits, asked: limits.refund(asked, 1, 10**15),
    "block": lambda limits, asked: limits.block(asked, 10**6),
    "renew": lambda limits, asked: limits.renew(asked, TOKEN),
    "release": lambda limits, asked: limits.release(asked, TOKEN),
}


@pytest.mark.parametrize("what", [*DAMAGES, "an end that is no number"])
def test_a_corrupt_row_is_one_typed_error_and_changes_nothing(
    what: str, file: Path, opened: Open, half: Any
) -> None:
    remembering, store = opened(file), opened(file)
    limits = store.room(half.protocols.RateLimitStore)
    good, bad = meter(5, key="good"), meter(3, key="bad")
    hits(remembering.room(half.protocols.RateLimitStore), good, bad)
    change = "UPDATE storage_limits SET {} = ? WHERE name LIKE '%bad'"
    if what in DAMAGES:
        rows(file, change.format("state"), DAMAGES[what])
    else:
        rows(file, change.format("expires_at"), "soon")
    before = kept(file)

    for name, call in CALLS.items():
        for asked in ([bad], [good, bad]):
            with pytest.raises(CorruptValueError) as caught:
                call(limits, asked)
            assert (caught.value.store, caught.value.key) == (label(store), "bad"), name
            assert "hunter2" not in str(caught.value)
            assert kept(file) == before, name
    if what in DAMAGES:
        with pytest.raises(CorruptValueError):
            remembering.room(half.protocols.RateLimitStore).hit([bad], ONE)
        assert kept(file) == before
    assert hits(limits, good) == [True]
    hits(limits, *[meter(1, key=f"new {number}") for number in range(10)])  # frees nothing of it
    limits.reset([bad])
    assert hits(limits, bad) == [True]


def test_corrupt_places_are_one_typed_error(file: Path, room: Open) -> None:
    limits, asked = room(file), [meter(1)]
    hits(limits, *asked)
    first = limits.reserve(asked, ONE, 10**12)
    limits.reserve(asked, ONE, 10**12)
    limits.refund(asked, 1, first.at)
    rows(file, "UPDATE storage_limits SET state = x'00' WHERE name LIKE '%places%'")

    for call in (CALLS["reserve"], CALLS["refund"]):
        with pytest.raises(CorruptValueError) as caught:
            call(limits, asked)
        assert caught.value.key == "k"
    assert hits(limits, *asked) == [False]


@pytest.mark.parametrize("layout", ["storage", "puregram", "gramio"])
def test_keys_of_any_text_and_namespaces_stay_apart(
    layout: str, file: Path, opened: Open, half: Any
) -> None:
    store = opened(file, layout=layout)
    protocol = half.protocols.RateLimitStore
    rooms = [store.room(protocol), store.namespace("a").room(protocol)]
    keys = ["", "k", "K", "~", "~ns~a~k", "k\0", "%_*?[]'\"", "😀" * 100]
    if layout == "storage":  # elsewhere that is the same key
        keys.append("a:k")

    for limits in rooms:
        for key in keys:
            assert hits(limits, meter(1, key=key), times=2) == [True, False]
    assert list(store.keys()) == []


def test_a_transaction_that_the_caller_undoes_takes_the_hits_along(file: Path) -> None:
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as connection,
        storage.SqliteStorage(connection) as store,
    ):
        limits = store.room(storage.protocols.RateLimitStore)
        connection.execute("BEGIN")
        assert hits(limits, meter(1), times=2) == [True, False]
        connection.execute("ROLLBACK")

        assert hits(limits, meter(1), times=2) == [True, False]
        connection.execute("BEGIN")
        limits.reset([meter(1)])
        assert hits(limits, meter(1)) == [True]
        connection.execute("COMMIT")
        assert hits(limits, meter(1)) == [False]


def test_a_corrupt_row_leaves_the_callers_transaction_as_it_was(file: Path) -> None:
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as connection,
        storage.SqliteStorage(connection) as store,
    ):
        limits = store.room(storage.protocols.RateLimitStore)
        hits(limits, meter(1, key="bad"))
        script(file, "UPDATE storage_limits SET state = x'00'")
        connection.execute("BEGIN")
        assert hits(limits, meter(1, key="good")) == [True]
        with pytest.raises(CorruptValueError):
            limits.hit([meter(1, key="new"), meter(1, key="bad")], ONE)
        assert connection.in_transaction
        connection.execute("COMMIT")

        assert hits(limits, meter(1, key="good")) == [False]
        assert hits(limits, meter(1, key="new")) == [True]


def test_who_may_only_read_can_peek(file: Path, room: Open) -> None:
    with storage.SqliteStorage(file) as store:
        store.set("a", 1)
    read_only = f"file:{file}?mode=ro"
    with closing(sqlite3.connect(read_only, uri=True, check_same_thread=False)) as connection:
        limits = room(connection)
        assert limits.peek([meter(1)], ONE).passed
        with storage.SqliteStorage(file) as store:
            hits(store.room(storage.protocols.RateLimitStore), meter(1))

        assert not limits.peek([meter(1)], ONE).passed
        with pytest.raises(ReadOnlyError) as caught:
            limits.hit([meter(5)], ONE)
        assert caught.value.key == "k"


def test_a_full_file_counts_nothing_and_goes_on_later(file: Path, room: Open) -> None:
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        limits, asked = room(connection), meter(10_000)
        hits(limits, asked)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        before = kept(file)

        with pytest.raises(StorageFullError):
            limits.hit([asked], Ask(cost=5000))
        assert kept(file) == before
        connection.execute("PRAGMA max_page_count = 1000000")
        assert limits.hit([asked], Ask(cost=9999)).readings[0].left == 0


def test_a_file_that_is_gone_is_not_counted_in(
    file: Path, room: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connection, "_LOOK_SECONDS", -1)
    limits = room(file)
    hits(limits, meter())
    file.unlink()

    for asked in ([meter()], [meter(key="new")], [meter(), meter(key="new")]):
        with pytest.raises(CorruptStoreError):
            limits.hit(asked, ONE)


def test_parent_and_child_count_together(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        limits = store.room(storage.protocols.RateLimitStore)
        assert hits(limits, meter(4)) == [True]

        def count() -> None:
            assert hits(limits, meter(4), times=2) == [True, True]

        in_child(count)
        assert hits(limits, meter(4), times=2) == [True, False]
    assert healthy(file)


@pytest.mark.parametrize("busy", [False, True])
def test_a_fork_beside_threads_that_count_stays_exact(file: Path, busy: bool) -> None:
    with storage.SqliteStorage(file) as store:
        limits = store.room(storage.protocols.RateLimitStore)
        passed: list[bool] = []

        def fork() -> None:
            for _ in range(3):
                in_child(lambda: hits(limits, meter(1000), times=10))

        count = [lambda: passed.extend(hits(limits, meter(1000), times=200))] * (3 if busy else 1)
        together(fork, *count)

        assert limits.peek([meter(1000)], ONE).readings[0].left + len(passed) == 1000 - 30
    assert healthy(file)
