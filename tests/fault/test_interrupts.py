"""An exception that strikes in the middle (Ctrl-C, a time limit): nothing stays locked, no
transaction stays open, and who comes next goes on."""

from __future__ import annotations

import ctypes
import gc
import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import storage
from storage import ReentryError
from tests.fault.conftest import Open
from tests.fault.ground import PATIENCE, Crew, disarm, healthy, locked, until
from tests.tiered.ground import Strike

pytestmark = pytest.mark.timed

STORM = 800


class Stop(BaseException):
    """What strikes, like `KeyboardInterrupt`: no `except Exception` catches it."""


@pytest.fixture(params=["SqliteStorage", "MemoryStorage"])
def both(request: pytest.FixtureRequest, file: Path, opened: Open) -> Any:
    return opened(request.param, *([file] if request.param == "SqliteStorage" else []))


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, file: Path) -> Iterator[Any]:
    make = {"file": lambda: storage.SqliteStorage(file), "memory": storage.MemoryStorage}
    with make[request.param]() as store:
        store.set("k", {"n": 0})
        yield store


@pytest.fixture
def struck() -> Iterator[Callable[[float, Callable[[], object]], bool]]:
    """Runs work in the main thread that `Stop` strikes after so many seconds; says whether it
    did."""

    def strike(*_: object) -> None:
        raise Stop

    def run(seconds: float, work: Callable[[], object]) -> bool:
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                work()
            finally:
                disarm()
        except Stop:
            return True
        return False

    # What strikes in the clean-up of other tests' garbage is lost there, as in any `__del__`.
    gc.collect()
    gc.disable()
    usual = signal.signal(signal.SIGALRM, strike)
    yield run
    signal.signal(signal.SIGALRM, usual)
    gc.enable()


def free(store: Any) -> None:
    """Nobody holds a key, and another thread can have it."""
    assert len(store._keys) == 0
    Crew(lambda: store.update("k", lambda value: {**value, "after": 1})).join()
    assert store.get("k")["after"] == 1
    assert len(store._keys) == 0


@pytest.mark.parametrize("error", [Stop, ValueError, KeyError])
def test_an_exception_in_a_change_leaves_the_value_and_frees_the_key(
    error: type[BaseException], both: Any
) -> None:
    both.set("k", {"n": 0})

    def strike(value: object = None) -> object:
        raise error

    with pytest.raises(error):
        both.update("k", strike)
    with pytest.raises(error):
        both.update("missing", lambda value: value, default=strike)
    with pytest.raises(error):
        both.get_or_set("missing", strike)
    assert both.get("k") == {"n": 0}
    assert not both.has("missing")
    free(both)


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, ValueError])
def test_an_exception_in_an_edit_discards_the_draft_and_frees_the_key(
    error: type[BaseException], store: Any
) -> None:
    def edit() -> None:
        with store.edit("k") as draft:
            draft["n"] = 5
            raise error

    with pytest.raises(error):
        edit()
    assert store.get("k") == {"n": 0}
    free(store)


@pytest.fixture
def _ctrl_c() -> Iterator[None]:
    """Ctrl-C raises, also where this runs behind a shell that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c")
def test_ctrl_c_in_a_change_frees_the_key(store: Any) -> None:
    def change(value: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return value

    with pytest.raises(KeyboardInterrupt):
        store.update("k", change)
    with pytest.raises(KeyboardInterrupt), store.edit("k"):
        signal.raise_signal(signal.SIGINT)
    free(store)


def test_a_value_that_can_not_be_stored_frees_the_key(both: Any) -> None:
    both.set("k", {"n": 0})

    with pytest.raises(storage.UnstorableError):
        both.update("k", lambda _: {1, 2})
    with pytest.raises(storage.UnstorableError), both.edit("k") as draft:
        draft["set"] = {1}
    with pytest.raises(ReentryError):
        both.update("k", lambda _: both.update("k", lambda value: value))
    free(both)


def test_a_waiter_that_is_struck_gives_its_place_up(
    store: Any, struck: Callable[..., bool]
) -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with store.edit("k") as draft:
            inside.set()
            assert leave.wait(PATIENCE)
            draft["held"] = 1

    holder = Crew(hold)
    assert inside.wait(PATIENCE)
    assert struck(0.05, lambda: store.update("k", lambda value: {**value, "struck": 1}))
    behind = Crew(lambda: store.update("k", lambda value: {**value, "behind": 1}))
    until(lambda: store._keys.all_holds()[0]._waiting)
    leave.set()
    holder.join()
    behind.join()

    assert store.get("k") == {"n": 0, "held": 1, "behind": 1}
    free(store)


def test_a_waiter_that_is_struck_from_outside_hands_the_key_on(store: Any) -> None:
    """Python delivers the exception of `PyThreadState_SetAsyncExc` when the lock is given."""
    inside, leave = threading.Event(), threading.Event()
    struck: list[BaseException] = []

    def hold() -> None:
        with store.edit("k"):
            inside.set()
            assert leave.wait(PATIENCE)

    def wait() -> None:
        try:
            store.update("k", lambda value: {**value, "struck": 1})
        except Stop as error:
            struck.append(error)

    holder = Crew(hold)
    assert inside.wait(PATIENCE)
    waiter = threading.Thread(target=wait)
    waiter.start()
    until(lambda: store._keys.all_holds()[0]._waiting)
    behind = Crew(lambda: store.update("k", lambda value: {**value, "behind": 1}))
    until(lambda: len(store._keys.all_holds()[0]._waiting) == 2)
    assert waiter.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(waiter.ident), ctypes.py_object(Stop))
    leave.set()
    holder.join()
    waiter.join(PATIENCE)
    behind.join()

    assert len(struck) == 1
    assert store.get("k") == {"n": 0, "behind": 1}
    free(store)


@pytest.mark.parametrize("step", ["update", "edit", "get_or_set", "set_many"])
def test_wherever_a_time_limit_strikes_the_key_is_free_after_it(
    step: str, store: Any, struck: Callable[..., bool], file: Path
) -> None:
    chance = random.Random(3)
    done = 0

    def work() -> None:
        nonlocal done
        for _ in range(5000):
            if step == "update":
                store.update("k", lambda value: {"n": value["n"] + 1})
                done += 1
            elif step == "edit":
                with store.edit("k") as draft:
                    draft["n"] += 1
                done += 1
            elif step == "get_or_set":
                store.delete("g")
                store.get_or_set("g", lambda: 1)
            else:
                store.set_many({"a": 1, "b": 2})
                store.incr("count")

    for _ in range(STORM):
        struck(chance.uniform(2e-5, 4e-4), work)
        assert len(store._keys) == 0, "a key is held by nobody"
    # A change may have been stored and not been counted, by who was struck in between.
    assert done <= store.get("k")["n"] <= done + STORM
    free(store)
    if file.exists():
        with storage.SqliteStorage(file) as other:
            other.set("others", "can write")
        assert healthy(file)


def test_who_waits_behind_a_struck_one_is_never_forgotten(
    struck: Callable[..., bool],
) -> None:
    """The key goes to the next one, in whatever step of handing it over the exception strikes."""
    chance, stop = random.Random(5), threading.Event()
    store = storage.MemoryStorage({"k": {"n": 0}})

    def work(times: int) -> None:
        for _ in range(times):
            store.update("k", lambda value: {"n": value["n"] + 1})
            if stop.is_set():
                return

    others = Crew(*[lambda: work(1 << 30)] * 3)
    try:
        for _ in range(STORM):
            struck(chance.uniform(2e-5, 4e-4), lambda: work(1000))
    finally:
        stop.set()
    others.join()

    free(store)


def test_a_time_limit_while_waiting_for_the_database_leaves_no_transaction_open(
    file: Path, struck: Callable[..., bool]
) -> None:
    with storage.SqliteStorage(file) as store:
        with locked(file) as other:
            release = threading.Timer(0.2, lambda: other.execute("COMMIT"))
            release.start()
            assert struck(0.1, lambda: store.set_many({"a": 1, "b": 2}))
            release.join()

        store.set("acknowledged", 1)
        with storage.SqliteStorage(file) as somebody:
            assert somebody.get("acknowledged") == 1
            somebody.set("theirs", 2)
        store.set_many({"more": 3})
    with storage.SqliteStorage(file) as again:
        assert again.get_many(["acknowledged", "theirs", "more"]) == {
            "acknowledged": 1,
            "theirs": 2,
            "more": 3,
        }


def test_wherever_a_time_limit_strikes_a_lease_comes_free(
    store: Any, struck: Callable[..., bool]
) -> None:
    """At once, or where the exception came before the block or its end, when its time is over."""
    chance = random.Random(7)
    leases = storage.Leases(store)

    def work() -> None:
        for _ in range(5000):
            with leases.hold("k", ttl=0.2):
                pass

    # No thread is begun meanwhile: a struck `Thread.start` leaves it in the books of `threading`.
    with leases.hold("other"):
        for _ in range(STORM // 8):
            struck(chance.uniform(2e-5, 2e-3), work)

    def hold() -> None:
        with leases.hold("k", wait=PATIENCE):
            pass

    Crew(hold).join()
    assert not leases._alive()


def interrupted() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_in_a_transaction_of_the_callers_is_raised_as_it_is(file: Path) -> None:
    """At any step; and the transaction stays the caller's."""
    with (
        closing(sqlite3.connect(file, isolation_level=None)) as connection,
        storage.SqliteStorage(connection) as store,
    ):
        store.incr("n")
        for number in count():
            connection.execute("BEGIN")
            strike = Strike("sqlite/transactions.py", number, interrupted)
            with suppress(KeyboardInterrupt):
                strike.run(lambda: store.incr("n"))
            assert store.get("n") in (1, 2)
            connection.execute("ROLLBACK")
            assert store.get("n") == 1
            if not strike.has_struck:
                break

    assert number > 20


@pytest.mark.parametrize(
    "read", [lambda store: store.get("k"), lambda store: store.get_many([*"ab"])]
)
def test_what_an_interrupt_has_left_open_is_not_open_after_a_read(
    read: Callable[[Any], object], file: Path
) -> None:
    """At any step of who undoes what has failed; so others can write."""

    def fail(_: object) -> None:
        raise ValueError

    with storage.SqliteStorage(file) as store:
        connection = store._backend._room._connection
        for number in count():
            strike = Strike("sqlite/transactions.py", number, interrupted)
            with suppress(KeyboardInterrupt, ValueError):
                strike.run(lambda: connection.transact(fail, None))
            read(store)
            assert not connection._cursor.connection.in_transaction
            with locked(file):
                pass
            if not strike.has_struck:
                break

    assert number > 20
