"""What tasks ask of a file at once: one hop and one commit, and each call is as good as alone."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import (
    ClosedError,
    CorruptStoreError,
    CorruptValueError,
    StorageError,
    UnavailableError,
)
from storage.aio.hops import MOST
from tests.day import IS_LONG
from tests.fault.ground import (
    PATIENCE,
    Child,
    healthy,
    in_child,
    locked,
    open_files,
    python,
    rows,
    script,
    together,
    until,
)

pytestmark = pytest.mark.timed

TASKS = 50


def run(work: Awaitable[Any]) -> Any:
    """Run *work* in a loop of its own, with a deadline."""

    async def limited() -> Any:
        return await asyncio.wait_for(work, PATIENCE)

    return asyncio.run(limited())


def raw(store: Any) -> sqlite3.Connection:
    """The connection that a store of a file has."""
    cursor = store._backend._room._inner._connection._cursor
    connection: sqlite3.Connection = cursor.connection
    return connection


def traced(store: Any) -> list[str]:
    """The first words of all that is said to the file from now on."""
    said: list[str] = []
    raw(store).set_trace_callback(lambda statement: said.append(statement.split()[0]))
    return said


@pytest.fixture(params=["normal", "full"])
def store(request: pytest.FixtureRequest, file: Path) -> Iterator[Any]:
    store = storage.aio.SqliteStorage(file, durability=request.param)
    yield store
    asyncio.run(store.aclose())


def test_what_is_asked_at_once_takes_one_hop_and_one_commit(store: Any) -> None:
    woken: list[object] = []

    async def work() -> None:
        await store.set("before", 0)
        loop: Any = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *asked, **named: (woken.append(1), wake(*asked, **named))
        said = traced(store)
        await asyncio.gather(*(store.set(f"k{number}", number) for number in range(TASKS)))
        assert said == ["BEGIN", *["INSERT"] * TASKS, "COMMIT"]
        del said[:]
        found = await asyncio.gather(*(store.get(f"k{number}") for number in range(TASKS)))
        assert (said, found) == (["SELECT"] * TASKS, list(range(TASKS)))

    run(work())

    assert len(woken) == 2


def test_a_call_that_is_alone_is_one_statement(store: Any) -> None:
    async def work() -> None:
        await store.set("k", 0)
        said = traced(store)
        await store.set("k", 1)
        assert (await store.get("k"), said) == (1, ["INSERT", "SELECT"])

    run(work())


def test_more_calls_than_go_at_once_are_all_done_in_the_order_of_asking(store: Any) -> None:
    async def work() -> list[int]:
        counted = await asyncio.gather(*(store.incr("n") for _ in range(3 * MOST)))
        changes = [store.set("k", 1), store.set("k", 2), store.get("k"), store.delete("k")]
        assert await asyncio.gather(*changes, store.get("k")) == [None, None, 2, True, None]
        return counted

    assert run(work()) == list(range(1, 3 * MOST + 1))


@pytest.mark.parametrize("how", ["ABORT", "FAIL", "ROLLBACK", "commit"])
def test_a_step_that_fails_undoes_no_other(how: str, store: Any, file: Path) -> None:
    """However much SQLite gives up over it: the statement, the transaction, or the commit."""
    refuse(file, how)

    async def work() -> None:
        raw(store).execute("PRAGMA foreign_keys = ON")
        found = await asyncio.gather(*asked_of(store), return_exceptions=True)
        failed = [place for place, one in enumerate(found) if isinstance(one, BaseException)]
        assert failed == [7, 9, 10]
        assert [type(found[place]) for place in failed] == [StorageError] * 3
        assert [found[place].key for place in failed] == ["bad", "bad", None]  # type: ignore[union-attr]
        assert found.pop(6) == 0
        assert [one for one in found if type(one) is int] == list(range(1, TASKS + 1))
        assert await store.get_many(["bad", "half"]) == {}

    run(work())

    assert rows(file, "SELECT value FROM storage WHERE key = 'n'") == [(b"%d" % TASKS,)]
    assert len(rows(file, "SELECT key FROM storage")) == 1 + TASKS
    assert healthy(file)


def asked_of(store: Any) -> list[Awaitable[Any]]:
    """Many calls, three of which fail."""
    counts = [one for n in range(TASKS) for one in (store.incr("n"), store.set(f"k{n}", n))]
    return [
        *counts[:6],
        store.get("k0"),
        store.set("bad", 1),
        counts[6],
        store.incr("bad"),
        store.set_many({"half": 1, "bad": 2}),
        *counts[7:],
    ]


def refuse(file: Path, how: str) -> None:
    """Have the file refuse an entry called "bad"."""
    does = f"SELECT RAISE({how}, 'no')" if how != "commit" else "INSERT INTO child VALUES (1)"
    script(
        file,
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
        f"CREATE TRIGGER refuses BEFORE INSERT ON storage WHEN NEW.key = 'bad' BEGIN {does}; END",
    )


def test_a_value_that_can_not_be_read_or_counted_fails_its_own_call_only(
    store: Any, file: Path
) -> None:
    rows(file, "INSERT INTO storage VALUES ('corrupt', '1', 'never'), ('text', '\"a\"', NULL)")

    async def work() -> None:
        good = [store.incr("n") for _ in range(TASKS)]
        asked = [*good[:9], store.get("corrupt"), store.incr("text"), store.swap("n", 5, 6)]
        found = await asyncio.gather(*asked, *good[9:], return_exceptions=True)
        assert [type(one) for one in found[9:11]] == [CorruptValueError, storage.WrongTypeError]
        assert found[11] is False
        assert [*found[:9], *found[12:]] == list(range(1, TASKS + 1))

    run(work())


def test_what_a_lost_commit_took_along_is_not_remembered(store: Any, file: Path) -> None:
    """Tables that were made, meters that were counted, conversations that were begun."""
    refuse(file, "ROLLBACK")
    limiter = storage.aio.RateLimiter(store, "100/hour")
    talks = storage.aio.Conversation(store)
    leases = storage.aio.Leases(store)

    async def work() -> None:
        for turn in range(1, 4):
            found = await asyncio.gather(
                *(talks.append(f"{number}", {"role": "user", "content": "a"}) for number in "abc"),
                *(limiter.hit("ann") for _ in range(5)),
                leases.claim(f"claim{turn}", ttl=60),
                store.set("bad", 1),
                *(limiter.hit("bob") for _ in range(5)),
                return_exceptions=True,
            )
            assert [type(one) for one in found if isinstance(one, Exception)] == [StorageError]
            for who in ("ann", "bob"):
                assert (await limiter.peek(who)).remaining == 100 - 5 * turn
            for key in "abc":
                assert len(await talks.list(key)) == turn
            assert (await leases.claim(f"claim{turn}", ttl=60)).busy

    run(work())

    assert healthy(file)


class Maker:
    """What remembers, and makes more of its kind when that was lost."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._made = connection, list[Maker]()
        connection.tells(self)

    def forget(self) -> None:
        self._made.append(Maker(self._connection))


def test_what_is_made_while_a_commit_is_lost_changes_nothing(store: Any, file: Path) -> None:
    refuse(file, "ROLLBACK")
    maker = Maker(store._backend._room._inner._connection)

    async def work() -> None:
        asked = store.incr("n"), store.set("bad", 1), store.incr("n")
        one, failed, two = await asyncio.gather(*asked, return_exceptions=True)
        assert (one, type(failed), two) == (1, StorageError, 2)

    run(work())

    assert maker._made


def test_an_error_that_was_told_is_kept_by_nobody(file: Path) -> None:
    """All that was under way where it was raised would stay with it."""

    async def work() -> None:
        async with storage.aio.SqliteStorage(file) as store:
            await store.set("text", "no number")
            told = await failed(store)
            for _ in range(200):  # the thread that raised it may not have left yet
                await asyncio.sleep(0.01)
                gc.collect()
                if told() is None:
                    return
            raise AssertionError("somebody keeps it")

    async def failed(store: Any) -> weakref.ref[BaseException]:
        with pytest.raises(storage.WrongTypeError) as caught:
            await store.incr("text")
        return weakref.ref(caught.value)

    asyncio.run(work())


def test_who_is_cancelled_takes_nobody_along(store: Any) -> None:
    async def work() -> None:
        await store.set("n", 0)
        for turns in range(4):
            tasks = [asyncio.ensure_future(store.incr("n")) for _ in range(TASKS)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks[::3]:
                task.cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(type(one) is int for place, one in enumerate(found) if place % 3)
            known = [one for one in found if type(one) is int]
            assert sorted(set(known)) == known
            assert known[-1] <= await store.get("n")

    run(work())


def test_what_was_cancelled_before_it_was_begun_is_not_done(store: Any, file: Path) -> None:
    async def work() -> None:
        with locked(file) as other:
            first = asyncio.ensure_future(store.set("first", 1))
            await asyncio.sleep(0.01)
            tasks = [asyncio.ensure_future(store.incr("n")) for _ in range(TASKS)]
            await asyncio.sleep(0.01)
            for task in tasks[1:]:
                task.cancel()
            other.execute("ROLLBACK")
            await first
            assert await tasks[0] == 1
        assert await store.get("n") == 1

    run(work())


def test_a_file_that_somebody_else_has_locked_keeps_no_reader_waiting_and_all_writers_once(
    file: Path, impatient: float
) -> None:
    store = storage.aio.SqliteStorage(file)

    async def work() -> None:
        await store.set("k", 1)
        with locked(file):
            started = time.monotonic()
            writes = [asyncio.ensure_future(store.set(f"w{n}", n)) for n in range(TASKS)]
            reads = [asyncio.ensure_future(store.get("k")) for _ in range(TASKS)]
            found = await asyncio.gather(*reads[:1], *writes, return_exceptions=True)
            waited = time.monotonic() - started
        assert found[0] == 1
        assert {type(one) for one in found[1:]} == {UnavailableError}
        assert [one.key for one in found[1:]] == [f"w{n}" for n in range(TASKS)]  # type: ignore[union-attr]
        assert impatient * 0.9 <= waited < impatient * 10, "each of them waited for itself"
        assert await asyncio.gather(*reads) == [1] * TASKS
        await asyncio.gather(*(store.set(f"w{n}", n) for n in range(TASKS)))
        await store.aclose()

    run(work())

    assert len(rows(file, "SELECT key FROM storage")) == 1 + TASKS


def test_an_answer_does_not_wait_for_what_is_done_after_it(file: Path) -> None:
    store = storage.aio.SqliteStorage(file)

    async def work() -> None:
        await store.set("k", 1)
        with locked(file) as other:
            reading = asyncio.ensure_future(store.get("k"))
            writing = asyncio.ensure_future(store.set("k", 2))
            assert await reading == 1
            assert not writing.done()
            other.execute("ROLLBACK")
            await writing
        await store.aclose()

    run(work())


def test_others_who_want_to_write_get_their_turn(file: Path) -> None:
    """However many tasks write all the time."""
    store, written = storage.aio.SqliteStorage(file), threading.Event()

    def write() -> None:
        for number in range(5):
            rows(file, "INSERT INTO storage VALUES (?, '1', NULL)", f"other{number}")
        written.set()

    async def work() -> None:
        async def busy(number: int) -> None:
            while not written.is_set():
                await store.set(f"k{number}", number)

        await asyncio.gather(
            asyncio.to_thread(write), *(busy(number) for number in range(2 * MOST))
        )
        await store.aclose()

    run(work())

    assert len(rows(file, "SELECT key FROM storage WHERE key LIKE 'other%'")) == 5


def test_a_group_of_slow_steps_ends_soon(store: Any, file: Path) -> None:
    script(file, "CREATE TRIGGER slow BEFORE INSERT ON storage BEGIN SELECT slow(); END")
    raw(store).create_function("slow", 0, lambda: time.sleep(0.006))

    async def work() -> None:
        said = traced(store)
        await asyncio.gather(*(store.set(f"k{number}", number) for number in range(8)))
        assert said.count("COMMIT") == said.count("BEGIN") >= 4

    run(work())


@pytest.mark.parametrize("name", ["get", "set"])
def test_a_thread_that_shares_a_store_gets_in_between_tasks(name: str, file: Path) -> None:
    """However many tasks there are, and whatever they do all the time."""
    with storage.SqliteStorage(file) as base:
        store: Any = storage.aio.adapt(base)
        said, passed, served = 0, [], threading.Event()

        def slow(_: str) -> None:
            nonlocal said
            said += 1
            time.sleep(0.001)

        raw(store).set_trace_callback(slow)

        async def tasks() -> None:
            async def one(number: int) -> None:
                while not served.is_set():
                    await (store.get("k") if name == "get" else store.set("k", number))

            await asyncio.gather(*(one(number) for number in range(2 * MOST)))
            await store.aclose()

        def thread() -> None:
            try:
                until(lambda: said)
                for _ in range(9):
                    before = said
                    base.get("k")
                    passed.append(said - before)
            finally:
                served.set()
                raw(store).set_trace_callback(None)

        together(lambda: run(tasks()), thread)

        assert sorted(passed)[4] <= 40, passed


def test_a_step_that_loses_the_transaction_writes_nothing_outside_of_one(
    store: Any, file: Path
) -> None:
    """Of what is done anew, nothing has been done."""
    refuse(file, "ROLLBACK")
    backend = store._backend._room._inner

    class Step:
        def function(self) -> None:
            """What it is called."""

        def __init__(self, *names: str) -> None:
            self.names = names

        def run(self) -> None:
            self.added = []
            for name in self.names:
                try:
                    self.added.append(backend.add(name, b"1", None))
                except StorageError:
                    pass

        def keep(self) -> None:
            pass

    steps = [Step("a"), Step("bad", "b"), Step("c")]
    backend.together(steps)

    assert [step.added for step in steps] == [[True]] * 3


def test_what_may_take_long_is_done_by_itself(store: Any) -> None:
    async def work() -> None:
        await store.set("k", 0)
        said = traced(store)
        await asyncio.gather(store.set("a", 1), store.sweep(), store.set("b", 1))
        assert said[:4] == ["BEGIN", "INSERT", "COMMIT", "DELETE"]
        assert said[-2:] == ["COMMIT", "INSERT"]
        assert await store.get_many(["a", "b"]) == {"a": 1, "b": 1}

    run(work())


def test_what_a_thread_is_told_is_in_the_file_whatever_tasks_do_together(file: Path) -> None:
    with storage.SqliteStorage(file) as base:
        store = storage.aio.adapt(base)
        slow = "SELECT slow(); END"
        script(file, f"CREATE TRIGGER s BEFORE INSERT ON storage WHEN NEW.key <> 'n' BEGIN {slow}")
        raw(store).create_function("slow", 0, lambda: (begun.set(), time.sleep(0.001))[1])
        begun, counted = threading.Event(), threading.Event()

        async def tasks() -> None:
            async def one(number: int) -> None:
                while not counted.is_set():
                    await store.set(f"k{number}", number)

            await asyncio.gather(*(one(number) for number in range(TASKS)))
            await store.aclose()

        def thread() -> None:
            try:
                assert begun.wait(PATIENCE)
                for number in range(1, 31):
                    assert base.incr("n") == number
                    kept = rows(file, "SELECT value FROM storage WHERE key = 'n'")
                    assert kept == [(b"%d" % number,)]
            finally:
                counted.set()

        together(lambda: run(tasks()), thread)


def test_a_file_that_is_gone_takes_nothing(file: Path) -> None:
    store = storage.aio.SqliteStorage(file)

    async def work() -> None:
        asked = [store.set(f"k{number}", number) for number in range(TASKS)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(one) for one in found} == {CorruptStoreError}
        await store.aclose()

    file.unlink()
    run(work())


def test_a_transaction_of_the_callers_stays_the_callers(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as mine:
        store = storage.aio.SqliteStorage(mine)

        async def work() -> None:
            await store.set("k", 1)
            mine.execute("BEGIN")
            await asyncio.gather(*(store.set(f"k{number}", number) for number in range(TASKS)))
            assert await store.get("k7") == 7
            mine.execute("ROLLBACK")
            found = await asyncio.gather(*(store.get(f"k{number}") for number in range(TASKS)))
            assert found == [None] * TASKS
            await store.aclose()

        run(work())


def test_threads_and_tasks_share_a_store_and_lose_nothing(file: Path) -> None:
    with storage.SqliteStorage(file, durability="full") as base:
        store = storage.aio.adapt(base)

        async def tasks() -> None:
            for _ in range(8):
                await asyncio.gather(*(store.incr("n") for _ in range(TASKS)))
            await store.aclose()

        def thread() -> None:
            for _ in range(100):
                base.incr("n")

        together(lambda: run(tasks()), *[thread] * 3)

        assert base.get("n") == 8 * TASKS + 3 * 100


def test_what_was_asked_before_the_end_is_done_and_what_comes_after_it_is_refused(
    store: Any, file: Path
) -> None:
    async def work() -> None:
        asked = [asyncio.ensure_future(store.set(f"k{n}", n)) for n in range(TASKS)]
        await asyncio.sleep(0)
        end = asyncio.ensure_future(store.aclose())
        await asyncio.sleep(0)
        late = [asyncio.ensure_future(store.set(f"late{n}", n)) for n in range(TASKS)]
        assert await asyncio.gather(*asked) == [None] * TASKS
        await end
        found = await asyncio.gather(*late, return_exceptions=True)
        assert {type(one) for one in found} == {ClosedError}
        with pytest.raises(ClosedError):
            await store.get("k1")

    run(work())

    assert len(rows(file, "SELECT key FROM storage")) == TASKS


def test_what_was_asked_before_a_borrowed_store_is_let_go_is_done(file: Path) -> None:
    with storage.SqliteStorage(file) as base:
        store = storage.aio.adapt(base)

        async def work() -> None:
            asked = [store.set(f"k{number}", number) for number in range(TASKS)]
            assert await asyncio.gather(*asked, store.aclose()) == [None] * (TASKS + 1)

        run(work())

        assert len(list(base.keys())) == TASKS


def test_a_store_that_is_closed_in_one_loop_keeps_no_other_waiting(file: Path) -> None:
    with storage.SqliteStorage(file) as base:
        for _ in range(20 if IS_LONG else 5):
            store = storage.aio.adapt(base)
            written = threading.Event()

            async def write(store: Any = store, written: threading.Event = written) -> None:
                async def one(number: int) -> None:
                    try:
                        while True:
                            await store.set(f"k{number}", number)
                            written.set()
                    except ClosedError:
                        pass

                await asyncio.gather(*(one(number) for number in range(TASKS)))

            async def end(store: Any = store, written: threading.Event = written) -> None:
                assert await asyncio.to_thread(written.wait, PATIENCE)
                await store.aclose()

            together(lambda write=write: run(write()), lambda end=end: run(end()))  # type: ignore[misc]
        assert base.get("k1") == 1


def test_a_store_that_is_not_closed_in_time_is_closed_all_the_same(store: Any, file: Path) -> None:
    async def work() -> None:
        with locked(file) as other:
            asked = asyncio.ensure_future(store.set("k", 1))
            await asyncio.sleep(0.01)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(store.aclose(), 0.05)
            other.execute("ROLLBACK")
            await asked

    run(work())

    until(lambda: not open_files(file), "the end of the file")
    assert rows(file, "SELECT key FROM storage") == [(b"k",)]


def test_what_an_interrupt_has_left_open_fails_nothing_that_comes_after_it(store: Any) -> None:
    async def work() -> None:
        raw(store).execute("BEGIN IMMEDIATE")
        await asyncio.gather(*(store.set(f"k{number}", 1) for number in range(TASKS)))

    run(work())


def test_an_interrupt_while_the_thread_is_begun_leaves_one_thread(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of them would do in any order what is asked."""
    begin, begun = threading.Thread.start, []

    def strike(thread: threading.Thread) -> None:
        begin(thread)
        begun.append(thread)
        if len(begun) == 1:
            raise KeyboardInterrupt

    async def work() -> None:
        with pytest.raises(KeyboardInterrupt):
            await store.set("k", 1)
        await store.set("k", 2)
        assert await store.get("k") == 2
        until(lambda: sum(thread.is_alive() for thread in begun) == 1, "one thread")
        await store.set("k", 3)

    monkeypatch.setattr(threading.Thread, "start", strike)
    asyncio.run(work())


def test_two_loops_get_each_its_own_answers(store: Any) -> None:
    counted: list[int] = []

    async def work(name: str) -> None:
        async def one(number: int) -> None:
            for turn in range(4):
                counted.append(await store.incr("n"))
                key = f"{name}{number}"
                await store.set(key, [key, turn])
                assert await store.get(key) == [key, turn]

        await asyncio.gather(*(one(number) for number in range(TASKS)))

    together(lambda: run(work("a")), lambda: run(work("b")))

    assert sorted(counted) == list(range(1, 2 * 4 * TASKS + 1))


def test_a_child_that_is_forked_in_the_middle_goes_on(store: Any, file: Path) -> None:
    async def work() -> None:
        asked = [asyncio.ensure_future(store.incr("n")) for _ in range(TASKS)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        in_child(lambda: asyncio.run(use(store)))
        assert sorted(await asyncio.gather(*asked)) == list(range(1, TASKS + 1))
        await use(store)

    run(work())

    assert rows(file, "SELECT value FROM storage WHERE key = 'used'") == [(b"%d" % (2 * TASKS),)]
    assert healthy(file)


async def use(store: Any) -> None:
    await asyncio.gather(*(store.incr("used") for _ in range(TASKS)))


@pytest.mark.parametrize("before", ["COMMIT", "BEGIN"])
@pytest.mark.parametrize("durability", ["normal", "full"])
def test_a_process_that_is_killed_loses_nothing_that_it_acknowledged(
    durability: Any, before: str, file: Path
) -> None:
    """Nor is there anything of what it had not."""

    def work(says: Callable[[bytes], object]) -> None:
        asyncio.run(write(says))

    async def write(says: Callable[[bytes], object]) -> None:
        store = storage.aio.SqliteStorage(file, durability=durability)
        await store.set("first", 1)
        turns = iter(range(3))

        def strike(statement: str) -> None:
            if statement.startswith(before) and next(turns, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        raw(store).set_trace_callback(strike)

        async def one(number: int) -> None:
            for turn in range(100):
                await store.set(f"{turn}:{number}", turn)
                says(f"{turn}:{number}\n".encode())

        await asyncio.gather(*(one(number) for number in range(TASKS)))

    child = Child(work)
    said = b"".join(iter(lambda: child.read(65536), b"")).decode().split()
    child.kill()
    child.close()

    kept = {key.decode() for (key,) in rows(file, "SELECT key FROM storage")} - {"first"}
    assert len(said) >= TASKS
    assert set(said) == kept
    assert healthy(file)


FULL_DISK = """
import asyncio, resource, sys
import storage, storage.aio

path, durability = sys.argv[1:]

async def main():
    store = storage.aio.SqliteStorage(path, durability=durability)
    await store.set("kept", "safe")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    written, failed = [], []

    async def one(number):
        for turn in range(20):
            key = f"{number}:{turn}"
            try:
                await store.set(key, "x" * (100_000 if number == 7 else 300))
                written.append(key)
            except storage.StorageError as error:
                failed.append(error)
                assert error.key == key

    await asyncio.gather(*(one(number) for number in range(50)))
    print(*{type(error).__name__ for error in failed})
    assert len(written) > 50, len(written)
    assert not [key for key in written if key.startswith("7:1")]
    assert {key async for key in store.keys()} == {"kept", *written}
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await asyncio.gather(*(store.incr("room again") for _ in range(50)))
    assert await store.get("room again") == 50
    await store.aclose()

asyncio.run(main())
"""


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_a_disk_that_has_no_room_for_one_has_room_for_others(durability: str, file: Path) -> None:
    ended = python(FULL_DISK, file, durability)

    assert ended.returncode == 0, ended.stderr
    # Python 3.10 does not tell why the disk refused.
    expected = "StorageFullError" if sys.version_info >= (3, 11) else "UnavailableError"
    assert ended.stdout.split() == [expected]
    assert healthy(file)


LEFT_OPEN = """
import asyncio, sys
import storage.aio

async def main(store):
    await asyncio.gather(*(store.set(f"k{n}", n) for n in range(50)))
    for n in range(50):
        asyncio.ensure_future(store.set(f"l{n}", n))
    await asyncio.sleep(0)

store = storage.aio.SqliteStorage(sys.argv[1])
asyncio.run(main(store))
print("well", end="")
"""


def test_python_ends_with_a_store_that_was_left_open(file: Path) -> None:
    ended = python(LEFT_OPEN, file)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "well", "")
    assert len(rows(file, "SELECT key FROM storage WHERE key LIKE 'k%'")) == 50
    assert healthy(file)


@pytest.mark.parametrize("turns", [0, 1, 2, None])
def test_a_store_that_is_forgotten_leaves_no_thread_and_what_was_asked_is_done(
    turns: int | None, file: Path
) -> None:
    """Without any help of the collector, whenever its loop ended."""
    before = threading.active_count()

    async def work() -> None:
        store = storage.aio.SqliteStorage(file)
        asked = [asyncio.ensure_future(store.set(f"k{number}", number)) for number in range(TASKS)]
        del store
        if turns is None:
            assert await asyncio.gather(*asked) == [None] * TASKS
        for _ in range(turns or 0):
            await asyncio.sleep(0)

    gc.collect()
    gc.disable()
    try:
        run(work())
        until(lambda: threading.active_count() == before, "the thread is still there")
    finally:
        gc.enable()

    assert turns is not None or len(rows(file, "SELECT key FROM storage")) == TASKS


class Over:
    """A backend of somebody's over another one, with an end of its own."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def close(self) -> None:
        self._backend.close()


def test_steps_of_a_backend_that_stands_over_a_file_share_nothing(file: Path) -> None:
    base = storage.SqliteStorage(file, sweep_interval=0.01)
    store: Any = storage.aio.Storage(storage.aio.lift(Over(base._backend._room)))  # type: ignore[arg-type]

    async def work() -> None:
        asked = [asyncio.ensure_future(store.set(f"k{n}", n)) for n in range(TASKS)]
        await asyncio.sleep(0)
        end = asyncio.ensure_future(store.aclose())
        late = asyncio.ensure_future(store.set("late", 1))
        assert await asyncio.gather(*asked, end) == [None] * (TASKS + 1)
        with pytest.raises(ClosedError):
            await late

    run(work())

    assert len(rows(file, "SELECT key FROM storage")) == TASKS


class Dict:
    """An object of somebody's, which reads and writes."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self._kept.get(key)

    def set(self, key: str, value: Any) -> None:
        self._kept[key] = value

    def delete(self, key: str) -> None:
        self._kept.pop(key, None)


@pytest.mark.parametrize(
    "layered",
    [
        lambda file: storage.enhance_storage(Dict(), ttl=60),
        lambda file: storage.enhance_storage(
            storage.SqliteStorage(file), millisecond_precision=True
        ),
        lambda file: storage.tiered(storage.SqliteStorage(file)),
        lambda file: storage.fallback(storage.SqliteStorage(file), Dict(), on_error=print),
    ],
    ids=["object", "ends", "tiered", "fallback"],
)
def test_a_blocking_store_of_any_layers_has_tasks_at_once(layered: Any, file: Path) -> None:
    with layered(file) as base:
        store = storage.aio.adapt(base)

        async def work() -> None:
            await asyncio.gather(*(store.set(f"k{number}", number) for number in range(TASKS)))
            found = await asyncio.gather(*(store.get(f"k{number}") for number in range(TASKS)))
            assert found == list(range(TASKS))
            await store.aclose()

        run(work())

        assert base.get("k7") == 7


class Slow:
    """A backend of somebody's, which takes its time over one key."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self._backend: Any = storage.MemoryStorage()._backend._room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def read(self, name: str) -> Any:
        assert name != "slow" or self.go_on.wait(PATIENCE)
        return self._backend.read(name)


@pytest.mark.parametrize("threads", [1, 2])
def test_calls_of_any_backend_are_answered_when_they_are_done(threads: int) -> None:
    """What comes after a slow one waits for it, unless there are more threads."""
    backend = Slow()
    store: Any = storage.aio.Storage(storage.aio.lift(backend, threads))  # type: ignore[arg-type]

    async def work() -> None:
        await store.set("k", 1)
        first, slow, last = (asyncio.ensure_future(store.get(key)) for key in ("k", "slow", "k"))
        assert await first == 1
        if threads > 1:
            assert await last == 1
        assert not slow.done()
        assert last.done() is (threads > 1)
        backend.go_on.set()
        assert await asyncio.gather(slow, last) == [None, 1]
        await store.aclose()

    run(work())
