"""Threads that write at once where every write waits for the disk: they wait once, and each is as
good as alone."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import StorageError, UnavailableError
from storage.sqlite.turns import Turn, Turns
from tests.day import IS_LONG
from tests.fault.ground import (
    Crew,
    disarm,
    healthy,
    in_child,
    locked,
    python,
    rows,
    together,
    until,
)
from tests.fault.test_together import refuse
from tests.tiered.ground import Strike

THREADS = 8
STRIKES = 5000 if IS_LONG else 800


class Stop(BaseException):
    """What strikes, as Ctrl-C does."""


@pytest.fixture
def store(file: Path) -> Iterator[Any]:
    with storage.SqliteStorage(file, durability="full") as store:
        yield store


def traced(store: Any) -> list[str]:
    """The first words of all that is said to the file from now on."""
    said: list[str] = []
    connection = store._backend._room._connection._cursor.connection
    connection.set_trace_callback(lambda statement: said.append(statement.split()[0]))
    return said


def at_once(store: Any, file: Path, *works: Callable[[], object]) -> list[Any]:
    """What *works* answer or raise, all of which wait for one that waits for a lock."""
    answers: list[Any] = [None] * len(works)

    def one(place: int) -> None:
        try:
            answers[place] = works[place]()
        except StorageError as error:
            answers[place] = error

    waiting = store._backend._room._connection._turns._waiting
    with locked(file) as other:
        first = Crew(lambda: store.set("first", 1))
        until(lambda: store._backend._room._connection._turns.leader)
        crew = Crew(*(lambda place=place: one(place) for place in range(len(works))))  # type: ignore[misc]
        until(lambda: len(waiting) == len(works))
        other.execute("ROLLBACK")
        first.join()
        crew.join()
    return answers


def test_threads_that_write_at_the_same_time_share_a_commit(store: Any, file: Path) -> None:
    said = traced(store)

    answers = at_once(store, file, *[lambda: store.incr("n")] * THREADS)

    assert sorted(answers) == list(range(1, THREADS + 1))
    assert said.count("COMMIT") == 1
    assert (said[0], said[1], said[-1]) == ("INSERT", "BEGIN", "COMMIT")


def test_threads_whose_write_is_done_go_on_while_others_write(store: Any) -> None:
    """So each commit has what nearly all of them want, and not what one comes back with."""
    connection = store._backend._room._connection._cursor.connection
    waited: list[str] = []

    def wait(statement: str) -> None:
        if statement == "COMMIT" or (not connection.in_transaction and statement[:5] != "BEGIN"):
            waited.append(statement)
            time.sleep(0.003)

    def write(number: int) -> None:
        for turn in range(20):
            store.set(f"k{number}", turn)

    connection.set_trace_callback(wait)
    together(*(lambda number=number: write(number) for number in range(THREADS)))  # type: ignore[misc]

    assert len(waited) <= 20 * THREADS / 3


def test_what_a_thread_raises_is_raised_in_no_other(file: Path) -> None:
    left = [-1]

    def clock() -> float:
        left[0] -= 1
        if left[0] == 0:
            raise SystemExit
        return time.time()

    with storage.SqliteStorage(file, durability="full", clock=clock) as store:

        def count() -> int:
            try:
                return int(store.incr("n"))
            except SystemExit:
                return 0

        left[0] = THREADS // 2
        assert sorted(at_once(store, file, *[count] * THREADS)) == list(range(THREADS))

    assert left[0] == -THREADS // 2, "some were done anew"


@pytest.mark.parametrize("how", ["ABORT", "FAIL", "ROLLBACK", "commit"])
def test_a_thread_that_fails_undoes_no_other(how: str, store: Any, file: Path) -> None:
    refuse(file, how)
    store._backend._room._connection._cursor.execute("PRAGMA foreign_keys = ON")
    counts = [lambda: store.incr("n")] * THREADS

    answers = at_once(
        store,
        file,
        *counts,
        lambda: store.set("bad", 1),
        lambda: store.set_many({"a": 1, "bad": 2}),
    )

    assert [type(one) for one in answers[THREADS:]] == [StorageError] * 2
    assert answers[THREADS].key == "bad"
    assert sorted(answers[:THREADS]) == list(range(1, THREADS + 1))
    assert dict(store.items()) == {"first": 1, "n": THREADS}
    assert healthy(file)


def test_what_may_take_long_is_done_by_itself(store: Any, file: Path) -> None:
    old = store.namespace("old")
    old.set_many({str(number): number for number in range(10)})
    said = traced(store)
    counts = [lambda: store.incr("n")] * THREADS

    answers = at_once(store, file, *counts, old.clear, *counts)

    assert answers.pop(THREADS) == 10
    assert sorted(answers) == list(range(1, 2 * THREADS + 1))
    place = said.index("DELETE")
    assert said[place - 1 : place + 3] == ["BEGIN", "DELETE", "DELETE", "COMMIT"]
    assert said.count("COMMIT") <= 3


def test_a_thread_that_is_alone_writes_by_one_statement(store: Any) -> None:
    said = traced(store)

    store.set("a", 1)
    store.delete("a")

    assert said == ["INSERT", "DELETE"]


def test_threads_wait_for_one_lock_once(file: Path, impatient: float) -> None:
    with storage.SqliteStorage(file, durability="full") as store, locked(file):
        failed: list[str] = []

        def write(number: int) -> None:
            with pytest.raises(UnavailableError) as caught:
                store.set(f"k{number}", number)
            failed.append(caught.value.key or "")

        together(*(lambda number=number: write(number) for number in range(THREADS)))  # type: ignore[misc]

        assert sorted(failed) == [f"k{number}" for number in range(THREADS)]
        assert list(store.keys()) == []


def test_threads_and_processes_lose_nothing(store: Any, file: Path) -> None:
    def count() -> None:
        for _ in range(40):
            store.incr("n")
            store.update("m", lambda value: value + 1, default=0)

    def both() -> None:
        together(*[count] * 4)

    together(*[count] * 4, lambda: in_child(both))

    assert rows(file, "SELECT value FROM storage ORDER BY key") == [(b"320",), (b"320",)]


def test_an_interrupt_takes_nothing_from_other_threads_and_does_nothing_twice(file: Path) -> None:
    in_child(lambda: count_while_it_strikes(file))


def count_while_it_strikes(file: Path) -> None:
    """Where a thread is lost on the way, this never ends."""
    signal.signal(signal.SIGALRM, strike)
    stop = threading.Event()
    counted: list[str] = []
    with storage.SqliteStorage(file, durability="full") as store:

        def count(name: str) -> None:
            while not stop.is_set():
                store.incr(name)
                counted.append(name)

        crew = Crew(*(lambda name=name: count(name) for name in "abc"))  # type: ignore[misc]
        chance = random.Random(5)
        for _ in range(STRIKES):
            with suppress(Stop):
                try:
                    signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00005, 0.0005))
                    while True:
                        store.incr("main")
                        counted.append("main")
                finally:
                    disarm()
        stop.set()
        crew.join()
        for name in "abc":
            assert store.get(name) == counted.count(name)
        assert counted.count("main") <= store.get("main") <= counted.count("main") + STRIKES


def test_who_is_struck_and_leaves_takes_no_turn_from_another() -> None:
    """At any step of who takes what waits."""

    def work() -> None:
        for number in count():
            turns, own, other = Turns(), Turn(int), Turn(int)
            turns._waiting.extend([own, other])
            strike = Strike("sqlite/turns.py", number, lambda: turns._leave(other))  # noqa: B023
            taken: list[Turn] = []
            strike.run(lambda: taken.extend(turns._taken(own)))  # noqa: B023
            assert taken[0] is own
            if not strike.has_struck:
                break
        assert number > 10

    together(work)


def strike(*_: object) -> None:
    raise Stop


LEFT = """
import sys, threading
import storage

store = storage.SqliteStorage(sys.argv[1], durability="full")
threads = [threading.Thread(target=store.set, args=(f"k{n}", n)) for n in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_python_ends_with_a_store_that_threads_have_left_open(file: Path) -> None:
    ended = python(LEFT, file)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(rows(file, "SELECT key FROM storage")) == 8
