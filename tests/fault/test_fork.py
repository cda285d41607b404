"""A fork with an open store: both processes go on, with all the data and without a hang."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import UnavailableError, UnsupportedError, forks
from storage.forks import around_fork
from storage.testing import Bridge
from tests.fault.ground import (
    PATIENCE,
    Child,
    healthy,
    in_child,
    locked,
    open_files,
    python,
    rows,
    until,
)

Borrow = Callable[..., sqlite3.Connection]

KINDS = ("file", "memory", "lru", "sqlite in memory")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, file: Path) -> Any:
    makers: dict[str, Callable[[], Any]] = {
        "file": lambda: storage.SqliteStorage(file),
        "memory": storage.MemoryStorage,
        "lru": lambda: storage.LruMemoryStorage(1000),
        "sqlite in memory": lambda: storage.SqliteStorage(":memory:"),
    }
    with makers[request.param]() as store:
        store.set("before", 1)
        yield store


def shared(store: Any) -> bool:
    return bool(store.capabilities.atomic == "shared" and store.capabilities.durable)


def exercise(store: Any, name: str) -> None:
    """Every kind of step, under keys of *name*."""
    assert store.get("before") == 1
    store.set(f"{name}:set", name)
    store.set_many({f"{name}:many": 1, f"{name}:more": 2})
    assert store.incr(f"{name}:count") == 1
    assert store.update(f"{name}:list", lambda value: [*value, 1], default=[]) == [1]
    with store.edit(f"{name}:list") as draft:
        draft.append(2)
    assert store.get(f"{name}:list") == [1, 2]
    assert len(list(store.items(name))) == 5
    assert len(store._keys) == 0


def test_parent_and_child_both_go_on(store: Any) -> None:
    in_child(lambda: exercise(store, "child"))
    exercise(store, "parent")

    seen = {key.split(":")[0] for key in store.keys()}
    assert seen == {"before", "parent", *(["child"] if shared(store) else [])}


def test_what_the_child_writes_after_the_parent_has_closed_is_kept(file: Path) -> None:
    store = storage.SqliteStorage(file)
    store.set("before", 1)
    wait, go = os.pipe()

    def work(says: Callable[[bytes], object]) -> None:
        store.set("first", 1)
        says(b"x")
        assert os.read(wait, 1) == b"y"
        store.set("second", 2)
        exercise(store, "child")

    child = Child(work)
    assert child.read(1) == b"x"
    store.set("between", 3)
    store.close()
    os.write(go, b"y")
    child.join()
    os.close(wait)
    os.close(go)

    with storage.SqliteStorage(file) as again:
        assert again.get_many(["before", "first", "between", "second", "child:count"]) == {
            "before": 1,
            "first": 1,
            "between": 3,
            "second": 2,
            "child:count": 1,
        }
    assert healthy(file)


def test_what_the_parent_writes_after_the_child_has_ended_is_kept(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        store.set("before", 1)
        in_child(lambda: exercise(store, "child"))
        in_child(store.close)
        exercise(store, "parent")

        with storage.SqliteStorage(file) as other:
            exercise(other, "other")
            assert other.get("parent:count") == 1
        exercise(store, "later")
    assert len(rows(file, "SELECT key FROM storage")) == 1 + 4 * 5
    assert healthy(file)


@pytest.mark.parametrize("keep", ["nothing", "an iterator", "an error"])
def test_no_open_file_goes_along_into_a_child(keep: str, file: Path, impatient: float) -> None:
    """Its locks would stay behind, and SQLite in the child would not know."""
    with storage.SqliteStorage(file) as store:
        store.set_many({f"k{number}": number for number in range(1200)})
        kept: list[object] = []
        if keep == "an iterator":
            kept.append(store.items())
            next(kept[0])  # type: ignore[call-overload]
        elif keep == "an error":
            with locked(file), pytest.raises(UnavailableError) as caught:
                store.set_many({"k1": 5, "k2": 6})
            kept.append(caught.value)

        def look() -> None:
            assert open_files(file) == []
            assert store.incr("n") == 1

        in_child(look)
        assert store.incr("n") == 2
        if keep == "an iterator":
            assert len(list(kept[0])) > 1000  # type: ignore[call-overload]


NORMAL_EXIT = """
import os, sys, warnings
import storage

warnings.simplefilter("ignore", DeprecationWarning)
path, how = sys.argv[1:]
store = storage.SqliteStorage(path, sweep_interval=0.01)
memory = storage.MemoryStorage({"a": 1})
store.set("before", 1)
pid = os.fork()
if pid == 0:
    store.set("child", 1)
    memory.set("a", 2)
    if how == "sys.exit":
        sys.exit(0)
    if how == "close":
        store.close()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
for number in range(50):
    store.set(f"n{number}", number)
assert memory.get("a") == 1
with storage.SqliteStorage(path) as other:
    assert other.get_many(["before", "child", "n49"]) == {"before": 1, "child": 1, "n49": 49}
    other.set("other", 1)
assert store.get("other") == 1
store.close()
print("well", end="")
"""


@pytest.mark.parametrize("how", ["sys.exit", "os._exit", "close"])
def test_the_end_of_a_child_leaves_the_parents_store_working(how: str, file: Path) -> None:
    ended = python(NORMAL_EXIT, file, how)

    assert (ended.returncode, ended.stdout) == (0, "well"), ended.stderr
    assert ended.stderr == ""
    assert healthy(file)
    assert len(rows(file, "SELECT key FROM storage")) == 53


def test_parent_and_child_lose_none_of_their_updates(file: Path) -> None:
    with storage.SqliteStorage(file) as store:

        def work(says: object = None) -> None:
            for _ in range(100):
                store.update("n", lambda value: value + 1, default=0)
                store.incr("m")

        children = [Child(work) for _ in range(3)]
        work()
        for child in children:
            child.join()

        assert (store.get("n"), store.get("m")) == (400, 400)


def test_a_fork_beside_busy_threads_neither_hangs_nor_tears(store: Any) -> None:
    """Whatever lock the other threads hold in this moment."""
    stop = threading.Event()

    def busy(name: str) -> None:
        while not stop.is_set():
            store.set_many({f"{name}:a": 1, f"{name}:b": 2})
            store.update("hot", lambda value: value + 1, default=0)
            list(store.items(name))

    threads = [threading.Thread(target=busy, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: store.get("hot"))
        for _ in range(8):
            in_child(lambda: exercise(store, f"child {os.getpid()}"))
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)

    exercise(store, "parent")
    assert len(store._keys) == 0


def test_a_fork_while_a_key_is_held_leaves_it_free_in_the_child(store: Any) -> None:
    store.set("k", {"n": 0})
    held, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with store.edit("k") as draft:
            draft["n"] += 1
            held.set()
            assert forked.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(PATIENCE)

    def change() -> None:
        assert store.update("k", lambda value: {**value, "child": 1})["child"] == 1
        with store.edit("k") as draft:
            draft["again"] = 1
        assert len(store._keys) == 0

    in_child(change)
    forked.set()
    holder.join(PATIENCE)

    expected = {"n": 1, "child": 1, "again": 1} if shared(store) else {"n": 1}
    assert store.get("k") == expected
    assert len(store._keys) == 0


def test_a_fork_inside_a_callback_changes_twice(store: Any) -> None:
    store.set("k", 0)
    children: list[int] = []
    parent = os.getpid()

    def change(value: int) -> int:
        if not children and os.getpid() == parent:
            children.append(os.fork())
        return value + 1

    try:
        result = store.update("k", change)
    finally:
        if os.getpid() != parent:
            os._exit(0 if store.get("k") == result and len(store._keys) == 0 else 1)
    assert os.waitpid(children[0], 0)[1] == 0

    until(lambda: store.get("k") == (2 if shared(store) else 1))
    assert len(store._keys) == 0


def test_a_connection_of_the_callers_is_refused_in_a_child(borrow: Borrow) -> None:
    """SQLite does not stand its use, and it can not be opened anew by who did not open it."""
    with storage.SqliteStorage(borrow()) as store:
        store.set("a", 1)

        def use() -> None:
            with pytest.raises(UnsupportedError, match="forked"):
                store.get("a")
            with pytest.raises(UnsupportedError, match="forked"):
                store.set("a", 2)
            store.close()

        in_child(use)
        assert store.get("a") == 1
        store.set("a", 3)


def test_a_connection_of_the_callers_is_refused_in_a_child_in_asyncio_too(borrow: Borrow) -> None:
    store = storage.aio.SqliteStorage(borrow())
    asyncio.run(store.set("a", 1))

    async def use() -> None:
        with pytest.raises(UnsupportedError, match="forked"):
            await store.get("a")
        with pytest.raises(UnsupportedError, match="forked"):
            await store.update("a", lambda value: value + 1)
        await store.aclose()

    in_child(lambda: asyncio.run(use()))
    assert asyncio.run(store.update("a", lambda value: value + 1)) == 2
    asyncio.run(store.aclose())


def test_an_asyncio_store_goes_on_in_a_child_with_a_loop_of_its_own(file: Path) -> None:
    for store in (storage.aio.SqliteStorage(file), storage.aio.MemoryStorage()):
        asyncio.run(_count(store, 1))
        in_child(lambda store=store: asyncio.run(_count(store, 2)))  # type: ignore[misc]
        asyncio.run(_count(store, 3 if shared(store) else 2))
        asyncio.run(store.aclose())


async def _count(store: Any, expected: int) -> None:
    assert await store.update("n", lambda value: value + 1, default=0) == expected
    assert len(store._keys) == 0


def test_an_asyncio_store_in_use_by_another_thread_goes_on_in_a_child(file: Path) -> None:
    with Bridge() as bridge:
        bare = storage.aio.SqliteStorage(file)
        store = bridge.driven(bare)
        stop = threading.Event()

        def busy() -> None:
            while not stop.is_set():
                store.set("hot", 1)
                store.update("n", lambda value: value + 1, default=0)

        thread = threading.Thread(target=busy)
        thread.start()
        try:
            until(lambda: store.get("n"))
            for number in range(5):
                in_child(lambda number=number: asyncio.run(_use(bare, f"c{number}")))  # type: ignore[misc]
        finally:
            stop.set()
            thread.join(PATIENCE)

        assert sorted(store.keys("c")) == [f"c{number}" for number in range(5)]
        store.close()
    assert healthy(file)


async def _use(store: Any, key: str) -> None:
    await store.set(key, 1)
    assert await store.update(key, lambda value: value + 1) == 2


def test_a_child_can_close_a_store_that_sweeps(file: Path) -> None:
    with storage.SqliteStorage(file, sweep_interval=0.0005) as store:
        for _ in range(20):
            in_child(store.close)
        store.set("a", 1)
        assert store.get("a") == 1


class Owner:
    """One that a child repairs, while something *comes* each time."""

    def __init__(self, comes: Callable[[], object]) -> None:
        self.is_prepared = self.is_repaired = False
        self._comes = comes
        around_fork(self, Owner._prepare, Owner._prepare, Owner._repair)

    def _prepare(self) -> None:
        self.is_prepared = True

    def _repair(self) -> None:
        self._comes()
        self.is_repaired = True


def test_a_signal_at_a_fork_leaves_none_as_it_was_in_the_parent() -> None:
    """A handler that raises while a child repairs what it has would leave the rest shared."""
    parent = os.getpid()

    def strike(*_: object) -> None:
        assert os.getpid() == parent, "struck"

    owners = [Owner(lambda: os.kill(os.getpid(), signal.SIGUSR1)) for _ in range(3)]
    usual = signal.signal(signal.SIGUSR1, strike)
    try:
        in_child(lambda: _are_repaired(owners))
        assert signal.SIGUSR1 not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.signal(signal.SIGUSR1, usual)


@pytest.mark.parametrize("place", [0, 1], ids=["before", "after"])
def test_a_strike_while_signals_are_held_back_holds_none_back_for_good(
    place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks the system for that runs the handlers of what came before."""
    owner, change, calls = Owner(lambda: None), signal.pthread_sigmask, [0, 1]

    def struck(how: Any, which: Any) -> Any:
        before = change(how, which)
        if calls and calls.pop(0) == place:
            raise TimeoutError
        return before

    monkeypatch.setattr(signal, "pthread_sigmask", struck)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    in_child(lambda: _are_repaired([owner]))
    assert owner.is_prepared
    assert not change(signal.SIG_BLOCK, ())


def test_a_fork_out_of_a_handler_at_a_fork_lets_signals_in_after_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What such a fork calls here: the locks of other libraries do not stand a real one."""
    change, calls = signal.pthread_sigmask, [forks._go_on, forks._prepare]

    def struck(how: Any, which: Any) -> Any:
        before = change(how, which)
        if len(calls) == 2:
            calls.pop()()
            calls.pop()()
        return before

    monkeypatch.setattr(signal, "pthread_sigmask", struck)
    in_child(lambda: _are_repaired([]))
    assert not change(signal.SIG_BLOCK, ())


def test_a_store_that_another_thread_makes_at_a_fork_keeps_no_other_from_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Changing(weakref.WeakKeyDictionary[Any, Any]):
        changes = 1

        def items(self) -> Any:
            if self.changes:
                self.changes -= 1
                raise RuntimeError("dictionary changed size during iteration")
            return super().items()

    monkeypatch.setattr(forks, "_forking", Changing(forks._forking))
    owner = Owner(lambda: None)
    in_child(lambda: _are_repaired([owner]))
    assert owner.is_prepared


def test_what_can_not_be_repaired_in_a_child_leaves_nothing_else_as_it_was() -> None:
    owners = [Owner(lambda: None), Owner(lambda: os.close(-1)), Owner(lambda: None)]

    in_child(lambda: _are_repaired([owners[0], owners[2]]))


def _are_repaired(owners: list[Owner]) -> None:
    assert [owner.is_repaired for owner in owners] == [True] * len(owners)
    assert signal.SIGUSR1 not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
