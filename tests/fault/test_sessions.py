"""Bad days of sessions: whoever is late, cancelled, killed, struck or forked stores nothing that
somebody else would lose, and is in nobody's way."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import LeaseLostError, LeaseTimeoutError, UnavailableError
from storage.testing import Clock
from tests.fault.conftest import Open
from tests.fault.ground import Child, Crew, disarm, healthy, in_child, locked, rows
from tests.leases.ground import run
from tests.sessions.elsewhere import elsewhere

pytestmark = pytest.mark.timed

KEY = "100:7"
LEASE = 30.0
STORM = 400
SHORT = 0.3


class Stop(BaseException):
    """What strikes, like `KeyboardInterrupt`."""


def of(half: Any, store: Any, **options: Any) -> Any:
    """The sessions of a store that is driven, as a process of their own has them."""
    made = half.Sessions(elsewhere(half, getattr(store, "_thing", store)), **options)
    return made if half is storage else store._bridge.driven(made)


def stored(file: Path) -> bytes | None:
    """The record as somebody sees it who knows nothing of stores."""
    sql = "SELECT value FROM storage WHERE key LIKE '%100:7'"
    found = rows(file, sql)
    return found[0][0] if found else None


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["SqliteStorage", "MemoryStorage"])
def both(request: pytest.FixtureRequest, file: Path, opened: Open, clock: Clock) -> Any:
    place = [file] if request.param == "SqliteStorage" else []
    return opened(request.param, *place, clock=clock)


@pytest.fixture(params=["sqlite", "memory"])
def tasks(request: pytest.FixtureRequest, file: Path) -> Iterator[Any]:
    """A store for tasks, made before any loop runs."""
    made = storage.aio.SqliteStorage(file)
    store: Any = made if request.param == "sqlite" else storage.aio.MemoryStorage()
    yield store
    asyncio.run(made.aclose())
    asyncio.run(store.aclose())


# Who is late.


@pytest.mark.parametrize("change", ["set", "clear", "nothing"])
def test_who_outlives_the_lease_stores_nothing(
    change: str, half: Any, both: Any, clock: Clock
) -> None:
    """Nobody has told it; the store knows."""
    sessions, others = (of(half, both, initial=lambda: {"n": 0}) for _ in range(2))
    with sessions.open(KEY) as session:
        session["n"] = 1

    def work() -> None:
        with sessions.open(KEY) as session:
            clock.tick(LEASE + 1)
            with others.open(KEY) as other:
                other["n"] += 1
            if change == "set":
                session["n"] = 100
            elif change == "clear":
                session.clear()

    with pytest.raises(LeaseLostError):
        work()
    assert sessions.get(KEY) == {"n": 2}


def test_who_is_late_while_the_next_one_is_at_it_stores_nothing_and_is_in_nobodys_way(
    half: Any, both: Any, clock: Clock
) -> None:
    sessions, others = (of(half, both) for _ in range(2))
    late, following = sessions.open(KEY), others.open(KEY)
    late.begin()["late"] = 1
    clock.tick(LEASE + 1)
    following.begin()["following"] = 1

    for _ in range(2):
        with pytest.raises(LeaseLostError):
            late.save()
    with pytest.raises(LeaseLostError):
        late.end()
    with pytest.raises(LeaseTimeoutError), of(half, both, wait=0).open(KEY):
        pytest.fail("it is somebody's")
    following.end()
    assert sessions.get(KEY) == {"following": 1}


def test_the_error_of_a_late_handler_goes_before_the_lost_lease(
    half: Any, both: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = of(half, both, on_error="save")
    late = sessions.open(KEY)
    late.begin()["late"] = "hunter2-payload"
    clock.tick(LEASE + 1)
    late.end(ValueError("the handler's own"))

    assert sessions.get(KEY) is None
    assert "the lease was lost" in caplog.text
    assert "hunter2" not in caplog.text


def test_a_handler_that_failed_moves_none_of_the_ends_of_a_session(
    half: Any, both: Any, clock: Clock
) -> None:
    """It counts as a use all the same."""
    sessions = of(half, both, ttl=100, max_age=120, lease=1000)
    with sessions.open(KEY) as session:
        session["n"] = 1
    clock.tick(50)
    failed = sessions.open(KEY)
    failed.begin()
    failed.clear()
    failed.end(ValueError("the handler's own"))

    info = sessions.inspect(KEY)
    assert info.value == {"n": 1}
    assert (info.ends_at - clock.now).total_seconds() == pytest.approx(70, abs=0.001)
    assert info.expires_at == info.ends_at


def test_a_session_that_can_not_begin_is_in_nobodys_way(half: Any, both: Any) -> None:
    def fail() -> Any:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such"), of(half, both, initial=fail).open(KEY):
        pytest.fail("there is no session")
    both.namespace("sessions").set(KEY, "not a session")
    with pytest.raises(storage.CorruptValueError), of(half, both).open(KEY):
        pytest.fail("there is no session")
    with of(half, both, wait=0, on_corrupt="reset").open(KEY) as session:
        assert session == {}


# Who is cancelled.


def test_a_task_that_is_cancelled_in_the_handler_changes_nothing(tasks: Any) -> None:
    async def main() -> None:
        sessions = storage.aio.Sessions(tasks, on_error="save", wait=0)
        async with sessions.open(KEY) as session:
            session["n"] = 1
        inside = asyncio.Event()

        async def handler() -> None:
            async with sessions.open(KEY) as session:
                session["n"] = 100
                inside.set()
                await asyncio.sleep(60)

        task = asyncio.ensure_future(handler())
        await inside.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        async with sessions.open(KEY) as session:
            assert session == {"n": 1}

    run(main())


def test_a_task_that_is_cancelled_while_it_waits_gives_its_place_up(tasks: Any) -> None:
    async def main() -> None:
        sessions = storage.aio.Sessions(tasks)
        order = []

        async def handler(number: int) -> None:
            async with sessions.open(KEY) as session:
                order.append(number)
                session[f"n{number}"] = number

        holder = sessions.open(KEY)
        (await holder.begin())["holder"] = 1
        waiting = []
        for number in range(4):
            waiting.append(asyncio.ensure_future(handler(number)))
            await asyncio.sleep(0.02)
        waiting[0].cancel()
        waiting[2].cancel()
        await asyncio.wait([waiting[0], waiting[2]])
        await holder.end()
        await asyncio.gather(waiting[1], waiting[3])

        assert order == [1, 3]
        assert await sessions.get(KEY) == {"holder": 1, "n1": 1, "n3": 3}

    run(main())


def test_a_task_that_is_cancelled_while_it_stores_stores_all_and_frees_the_session(
    file: Path,
) -> None:
    async def main() -> None:
        async with storage.aio.SqliteStorage(file) as store:
            sessions = storage.aio.Sessions(store, wait=0)
            ending = asyncio.Event()

            async def handler(other: sqlite3.Connection) -> None:
                async with sessions.open(KEY) as session:
                    session.update(a=1, b=2)
                    other.execute("BEGIN IMMEDIATE")
                    ending.set()

            with locked(file) as other:
                other.execute("COMMIT")
                task = asyncio.ensure_future(handler(other))
                await ending.wait()
                for _ in range(5):
                    task.cancel()
                    await asyncio.sleep(0.005)
                assert not task.done()
            await asyncio.wait([task])

            assert task.cancelled()
            assert await sessions.get(KEY) == {"a": 1, "b": 2}
            async with sessions.open(KEY) as session:
                session["c"] = 3

    run(main())
    assert healthy(file)


def test_cancelling_tasks_at_random_loses_nothing_and_blocks_nobody(tasks: Any) -> None:
    chance = random.Random(23)
    done = begun = 0

    async def handler(sessions: Any) -> None:
        nonlocal done, begun
        for _ in range(6):
            begun += 1
            async with sessions.open(KEY) as session:
                session["n"] = session.get("n", 0) + 1
                session["twice"] = session["n"] * 2
            done += 1

    async def main() -> None:
        sessions = storage.aio.Sessions(tasks)
        works = [asyncio.ensure_future(handler(sessions)) for _ in range(30)]
        while not all(work.done() for work in works):
            await asyncio.sleep(chance.uniform(0, 0.002))
            chance.choice(works).cancel()
        await asyncio.gather(*works, return_exceptions=True)

        assert len(sessions._loading) == 0
        async with storage.aio.Sessions(tasks, wait=0).open(KEY) as session:
            found = session.get("n", 0)
            assert session == ({"n": found, "twice": found * 2} if found else {})
        assert done <= found <= begun

    run(main())


# Who is killed, or forked.


def killed(file: Path, half: Any) -> None:
    """A process that is killed in a handler which has changed the session."""

    def work(says: Callable[[bytes], object]) -> None:
        def changed(session: Any) -> None:
            session["n"] = 100
            says(b"x")
            threading.Event().wait(60)

        async def main() -> None:
            store = storage.aio.SqliteStorage(file)
            async with storage.aio.Sessions(store, lease=SHORT).open(KEY) as session:
                changed(session)

        if half is storage:
            store = storage.SqliteStorage(file)
            with storage.Sessions(store, lease=SHORT).open(KEY) as session:
                changed(session)
        asyncio.run(main())

    child = Child(work)
    assert child.read(1) == b"x"
    child.kill()
    child.close()


def test_after_a_process_that_was_killed_in_its_handler_the_next_one_comes_in(
    half: Any, file: Path, sqlite: Open
) -> None:
    """When the lease is over, and not before."""
    with storage.SqliteStorage(file) as before, storage.Sessions(before).open(KEY) as session:
        session["n"] = 1
    killed(file, half)

    store = sqlite(file)
    with pytest.raises(LeaseTimeoutError), of(half, store, wait=0).open(KEY):
        pytest.fail("the lease is not over yet")
    with of(half, store).open(KEY) as session:
        assert session == {"n": 1}
        session["n"] += 1
    assert of(half, store).get(KEY) == {"n": 2}


def test_a_child_that_is_forked_in_a_handler_stores_nothing(file: Path) -> None:
    with storage.SqliteStorage(file) as store:
        sessions = storage.Sessions(store)
        opened = sessions.open(KEY)
        session = opened.begin()
        session["n"] = 1

        def child() -> None:
            session["child"] = 1
            assert opened.lost
            with pytest.raises(LeaseLostError):
                opened.save()
            with pytest.raises(LeaseLostError):
                opened.end()
            with pytest.raises(LeaseTimeoutError), storage.Sessions(store, wait=0).open(KEY):
                pytest.fail("it is the parent's")
            with sessions.open("of the child") as own:
                own["n"] = 1

        in_child(child)
        assert stored(file) is None
        assert not opened.lost
        opened.end()

        assert stored(file) == b'{"n":1}'
        assert sessions.get("of the child") == {"n": 1}


def test_a_child_that_is_forked_in_a_handler_of_a_task_stores_nothing(file: Path) -> None:
    async def main() -> None:
        async with storage.aio.SqliteStorage(file) as store:
            opened = storage.aio.Sessions(store).open(KEY)
            session = await opened.begin()
            session["n"] = 1

            def child() -> None:
                session["child"] = 1
                with pytest.raises(LeaseLostError):
                    asyncio.run(opened.end())

            in_child(child)
            assert stored(file) is None
            await opened.end()
            assert stored(file) == b'{"n":1}'

    run(main())


# A store that does not answer.


def test_where_the_store_does_not_answer_the_handler_is_not_run(
    half: Any, sqlite: Open, file: Path, impatient: float
) -> None:
    sessions = of(half, sqlite(file))
    with sessions.open(KEY) as session:
        session["n"] = 1

    with locked(file), pytest.raises(UnavailableError), sessions.open(KEY):
        pytest.fail("there is no session")
    with of(half, sqlite(file), wait=0).open(KEY) as session:
        assert session == {"n": 1}


def test_what_could_not_be_stored_is_an_error_and_the_session_is_as_before(
    half: Any, sqlite: Open, file: Path, impatient: float
) -> None:
    """The lease runs out where it can not be given back."""
    sessions = of(half, sqlite(file), lease=SHORT)
    with sessions.open(KEY) as session:
        session["n"] = 1
    opened = sessions.open(KEY)
    opened.begin()["n"] = 100

    with locked(file), pytest.raises(UnavailableError):
        opened.end()
    assert stored(file) == b'{"n":1}'
    with sessions.open(KEY) as session:
        session["n"] += 1
    assert stored(file) == b'{"n":2}'


def test_what_could_not_be_stored_in_the_middle_is_stored_at_the_end(
    half: Any, sqlite: Open, file: Path, impatient: float
) -> None:
    opened = of(half, sqlite(file)).open(KEY)
    opened.begin()["n"] = 1

    with locked(file), pytest.raises(UnavailableError):
        opened.save()
    assert stored(file) is None
    opened.end()
    assert stored(file) == b'{"n":1}'


def test_a_store_that_does_not_answer_hides_no_error_of_a_handler(
    half: Any, sqlite: Open, file: Path, impatient: float, caplog: pytest.LogCaptureFixture
) -> None:
    opened = of(half, sqlite(file), on_error="save").open(KEY)
    opened.begin()["n"] = "hunter2-payload"

    with locked(file):
        opened.end(ValueError("the handler's own"))
    assert stored(file) is None
    assert "after a handler that failed" in caplog.text
    assert "hunter2" not in caplog.text


# An exception that strikes in the middle.


@pytest.fixture
def struck() -> Iterator[Callable[[float, Callable[[], object]], bool]]:
    """Runs work in the main thread that `Stop` strikes after so many seconds; says whether it
    did."""

    def strike(*_: object) -> None:
        raise Stop

    def struck_in(seconds: float, work: Callable[[], object]) -> bool:
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                work()
            finally:
                disarm()
        except Stop:
            return True
        return False

    gc.collect()
    gc.disable()  # what strikes in a `__del__` is lost there
    usual = signal.signal(signal.SIGALRM, strike)
    yield struck_in
    signal.signal(signal.SIGALRM, usual)
    gc.enable()


@pytest.mark.parametrize("kind", ["file", "memory"])
@pytest.mark.parametrize("lock", ["auto", False])
def test_wherever_a_time_limit_strikes_a_session_is_stored_once_or_not_at_all(
    kind: str, lock: Any, file: Path, clock: Clock, struck: Callable[..., bool]
) -> None:
    """It is free at once, or where the exception came around the block, when the lease is over."""
    chance, done, hits = random.Random(29), 0, 0
    options: dict[str, Any] = {"wait": 0, "on_error": "save"} if lock else {"lock": False}
    store: Any = (
        storage.SqliteStorage(file, clock=clock)
        if kind == "file"
        else storage.MemoryStorage(clock=clock)
    )
    sessions = storage.Sessions(store, initial=lambda: {"n": 0, "twice": 0}, **options)

    def work() -> None:
        nonlocal done
        for _ in range(5000):
            with sessions.open(KEY) as session:
                session["n"] += 1
                session["twice"] += 2
            done += 1

    # No thread is begun meanwhile: a struck `Thread.start` leaves it in the books of `threading`.
    with (sessions._leases or storage.Leases(store)).hold("other", ttl=1e6):
        for _ in range(STORM):
            hits += struck(chance.uniform(2e-5, 1e-3), work)
            clock.tick(LEASE + 1)
    assert hits > STORM / 2

    def look() -> None:
        with sessions.open(KEY) as session:
            assert session["twice"] == session["n"] * 2
            assert done <= session["n"] <= done + hits

    Crew(look).join()
    assert len(sessions._loading) == 0
    store.close()


def test_who_is_struck_in_the_handler_or_while_it_waits_is_in_nobodys_way(
    file: Path, struck: Callable[..., bool]
) -> None:
    with storage.SqliteStorage(file) as store:
        sessions = storage.Sessions(store, on_error="save")

        def stay() -> None:
            with sessions.open(KEY) as session:
                session["n"] = 100
                threading.Event().wait(60)

        assert struck(0.05, stay)

        def wait() -> None:
            with storage.Sessions(elsewhere(storage, store)).open(KEY):
                pytest.fail("it is somebody's")

        with storage.Sessions(store, wait=0).open(KEY) as session:
            assert session == {}
            assert struck(0.05, wait)
            session["n"] = 1
        with storage.Sessions(store, wait=0).open(KEY) as session:
            assert session == {"n": 1}
