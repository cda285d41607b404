"""One at a time: in the order of asking, for as long as the lease is held, or not at all."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
import storage.aio
from storage import (
    ConfigurationError,
    LeaseLostError,
    LeaseTimeoutError,
    ReentryError,
    UnsupportedError,
)
from storage.memory.kv import MemoryBackend
from storage.testing import Bridge, Clock
from storage.testing.threads import crowd
from tests.fault.ground import Crew, until
from tests.leases.ground import run, until_in_loop
from tests.sessions.ground import HALVES, Ground

pytestmark = pytest.mark.timed

HOUR = 3600.0
WAYS: list[dict[str, Any]] = [{}, {"lock": "process"}]


def lengthened(sessions: Any, number: int) -> None:
    """Add *number* to the list of the session."""
    with sessions.open("k") as session:
        session.setdefault("order", []).append(number)


def hindered(inner: Any) -> None:
    """From now on nobody renews the leases of these sessions."""
    for lease in inner._leases._alive():
        lease._due = float("inf")


def test_no_update_is_lost_between_threads(ground: Ground) -> None:
    sessions = ground.sessions(initial=lambda: {"n": 0})

    def bump() -> None:
        for _ in range(5):
            with sessions.open("k") as session:
                session["n"] += 1

    crowd([bump] * 4)

    assert ground.kept() == {"n": 20}


@pytest.mark.parametrize("options", WAYS, ids=["auto", "process"])
def test_twelve_updates_of_one_user_run_in_the_order_of_asking(
    memory: Ground, options: Any
) -> None:
    inner = memory.inner(**options)
    sessions, board = memory.bridge.driven(inner), _board(inner)
    with sessions.open("k"):
        crews = []
        for number in range(12):
            crews.append(Crew(lambda number=number: lengthened(sessions, number)))
            until(lambda number=number: board() == number + 1)
    for crew in crews:
        crew.join()

    assert memory.kept() == {"order": list(range(12))}
    assert board() == 0


def _board(inner: Any) -> Callable[[], int]:
    """How many wait for a turn."""
    room = inner._leases._base._backend._room
    board = getattr(room, "_inner", room)._board
    return lambda: sum(len(line.waiting) for line in board.lines.values())


def test_twelve_updates_that_wait_at_a_file_or_a_server_run_one_after_the_other(
    lasting: Ground,
) -> None:
    sessions = lasting.sessions()
    crowd([lambda number=number: lengthened(sessions, number) for number in range(12)])

    assert sorted(lasting.kept()["order"]) == list(range(12))


def test_who_waited_long_enough_gives_up(clocked: Ground) -> None:
    lasting, sessions = clocked, clocked.sessions(wait=0)
    patient = lasting.sessions(wait=0.02)
    with sessions.open("k") as session:
        session["a"] = 1
        for other in (sessions, patient):
            with pytest.raises(LeaseTimeoutError) as caught:
                crowd([lambda other=other: lengthened(other, 1)])
            assert caught.value.key == "k"
        with pytest.raises(LeaseTimeoutError):
            crowd([lambda: sessions.delete("k")])

    assert lasting.kept() == {"a": 1}


def test_the_next_one_finds_what_the_one_before_stored(ground: Ground) -> None:
    one, other = ground.sessions(), ground.sessions()
    if not ground.place.native:
        other = one
    with one.open("k") as session:
        crew = Crew(lambda: lengthened(other, 2))
        session["order"] = [1]
    crew.join()

    assert ground.kept() == {"order": [1, 2]}


def test_to_delete_waits_for_who_works_on_it(lasting: Ground) -> None:
    sessions = lasting.sessions()
    removed = []
    with sessions.open("k") as session:
        crew = Crew(lambda: removed.append(sessions.delete("k")))
        session["a"] = 1
    crew.join()

    assert removed == [True]
    assert lasting.kept() is None


def test_an_untouched_session_gives_its_turn_back(ground: Ground) -> None:
    sessions = ground.sessions(wait=0)
    for _ in range(3):
        with sessions.open("k"):
            pass
        crowd([lambda: lengthened(sessions, 1)])

    assert ground.kept() == {"order": [1, 1, 1]}


def test_the_lease_is_one_on_the_key_in_the_namespace(lasting: Ground) -> None:
    sessions = lasting.sessions()
    leases = lasting.bridge.driven(lasting.half.Leases(lasting.place.base.namespace("sessions")))
    with sessions.open("k"), pytest.raises(LeaseTimeoutError):
        crowd([lambda: leases.hold("k", wait=0).__enter__()])
    with leases.hold("k", wait=0):
        pass


def test_no_lease_is_left_behind(lasting: Ground) -> None:
    sessions = lasting.sessions()
    with sessions.open("k") as session:
        session["a"] = 1
    with pytest.raises(LookupError), sessions.open("k"):
        raise LookupError

    assert sorted(lasting.plain().keys()) == ["k"]
    assert list(lasting.place.plain.keys()) == []
    base = lasting.place.base.namespace("sessions")
    room = lasting.bridge.driven(base.room(lasting.half.LeaseStore))
    assert room.acquire("k", "somebody", 1000, 0).granted
    assert room.release("k", "somebody")


@pytest.mark.parametrize("handler_fails", [False, True])
def test_who_has_lost_the_lease_stores_nothing(
    lasting: Ground, handler_fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """And who came in meanwhile keeps what that one stored."""
    inner = lasting.inner(lease=60)
    sessions, opened = lasting.bridge.driven(inner), None
    expected: Any = LookupError if handler_fails else LeaseLostError
    with pytest.raises(expected) as caught:  # noqa: PT012
        opened = sessions.open("k")
        with opened as session:
            session["late"] = 1
            hindered(inner)
            lasting.pass_by(61)
            crowd([lambda: lengthened(sessions, 1)])
            if handler_fails:
                raise LookupError

    assert lasting.kept() == {"order": [1]}
    assert ("after a handler that failed" in caplog.text) is handler_fails
    if not handler_fails:
        assert caught.value.key == "k"


def test_a_save_in_the_middle_that_comes_too_late_stores_nothing(lasting: Ground) -> None:
    inner = lasting.inner(lease=60)
    sessions = lasting.bridge.driven(inner)
    opened = sessions.open("k")
    with pytest.raises(LeaseLostError), opened as session:  # noqa: PT012
        session["late"] = 1
        hindered(inner)
        lasting.pass_by(61)
        crowd([lambda: lengthened(sessions, 1)])
        opened.save()

    assert lasting.kept() == {"order": [1]}


def test_a_late_one_does_not_take_the_lease_from_who_came_in(lasting: Ground) -> None:
    inner = lasting.inner(lease=60, wait=0)
    sessions, other = lasting.bridge.driven(inner), lasting.sessions(lease=600, wait=0)
    inside, done = threading.Event(), threading.Event()

    def meanwhile() -> None:
        with other.open("k") as session:
            inside.set()
            assert done.wait(20)
            session["n"] = 1

    with pytest.raises(LeaseLostError), sessions.open("k") as session:  # noqa: PT012
        session["late"] = 1
        hindered(inner)
        lasting.pass_by(61)
        crew = Crew(meanwhile)
        assert inside.wait(20)
    with pytest.raises(LeaseTimeoutError), sessions.open("k"):
        pytest.fail("somebody else has it")
    done.set()
    crew.join()

    assert lasting.kept() == {"n": 1}


def test_a_lease_that_is_known_to_be_lost_is_told_before_the_end(
    memory: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    inner = memory.inner(lease=60)
    opened = memory.bridge.driven(inner).open("k")
    with pytest.raises(LeaseLostError), opened as session:  # noqa: PT012
        session["late"] = 1
        assert not opened.lost
        (lease,) = inner._leases._alive()
        memory.clock.tick(61)
        lease._due = 0.0
        memory.bridge.call(inner._leases._tend)
        assert opened.lost
    assert memory.kept() is None

    caplog.clear()
    with caplog.at_level(logging.WARNING), pytest.raises(LookupError), opened:  # noqa: PT012
        (lease,) = inner._leases._alive()
        memory.clock.tick(61)
        lease._due = 0.0
        memory.bridge.call(inner._leases._tend)
        raise LookupError
    assert "after a handler that failed" in caplog.text
    assert "lost" in caplog.text


def test_a_lease_is_renewed_while_the_handler_works(memory: Ground) -> None:
    inner = memory.inner(lease=60, wait=0)
    sessions = memory.bridge.driven(inner)
    with sessions.open("k") as session:
        for _ in range(3):
            memory.clock.tick(50)
            (lease,) = inner._leases._alive()
            lease._due = 0.0
            memory.bridge.call(inner._leases._tend)
            with pytest.raises(LeaseTimeoutError):
                crowd([lambda: lengthened(sessions, 1)])
        session["a"] = 1

    assert memory.kept() == {"a": 1}


def test_where_there_are_no_leases_the_remedies_are_named(memory: Ground) -> None:
    half, values = memory.half, {"k": {"a": 1}}
    with pytest.raises(ConfigurationError, match=r"locks=.*process.*lock=False") as caught:
        half.Sessions(half.adapt(values))
    assert caught.value.store == "adapted dict"
    with pytest.raises(ConfigurationError, match="leave lock= as it is"):
        half.Sessions(half.adapt(values), locks=memory.place.base, lock="process")
    with pytest.raises(UnsupportedError, match="memory, SQLite or Redis"):
        half.Sessions(half.adapt(values), locks=half.adapt({}))
    assert values == {"k": {"a": 1}}


def test_leases_may_be_kept_elsewhere(memory: Ground) -> None:
    """Two stores of one dict, as two processes have them."""
    half, values = memory.half, {}  # type: ignore[var-annotated]
    two = [memory.sessions(half.adapt(values), locks=memory.place.base, wait=0) for _ in range(2)]
    with two[0].open("k") as session:
        with pytest.raises(LeaseTimeoutError):
            crowd([lambda: lengthened(two[1], 1)])
        session["a"] = 1
    lengthened(two[1], 1)

    assert list(values.values()) == [{"a": 1, "order": [1]}]
    leases = memory.bridge.driven(half.Leases(memory.place.base.namespace("sessions")))
    with (
        leases.hold("k"),
        pytest.raises(LeaseTimeoutError),
    ):
        crowd([lambda: lengthened(two[1], 2)])
    assert list(memory.place.plain.keys()) == []


def test_a_lease_elsewhere_that_is_lost_refuses_the_late_write(memory: Ground) -> None:
    values: dict[str, Any] = {}
    inner = memory.inner(memory.half.adapt(values), locks=memory.place.base, lease=60)
    sessions = memory.bridge.driven(inner)
    with pytest.raises(LeaseLostError), sessions.open("k") as session:  # noqa: PT012
        session["late"] = 1
        hindered(inner)
        memory.clock.tick(61)
        crowd([lambda: lengthened(sessions, 1)])

    assert list(values.values()) == [{"order": [1]}]


class WithoutLeases:
    """A shared backend of a stranger, which offers no rooms."""

    capabilities = storage.Capabilities("shared", 1, iteration=True, durable=True)

    def __init__(self) -> None:
        self._inner = MemoryBackend(Clock())

    def __getattr__(self, name: str) -> Any:
        if name == "room":
            raise AttributeError(name)
        return getattr(self._inner, name)


def test_all_sessions_of_a_store_take_turns_and_know_who_is_inside(ground: Ground) -> None:
    """However many were made, a handler that would wait for itself is told so."""
    sessions, again = ground.sessions(wait=0), ground.sessions(wait=0)
    with sessions.open("k"):
        with pytest.raises(ReentryError, match="open here already"), again.open("k"):
            pytest.fail("it is open")
        with pytest.raises(LeaseTimeoutError, match="open somewhere else"):
            crowd([lambda: lengthened(again, 1)])

    lengthened(again, 2)
    assert sessions.get("k") == {"order": [2]}


@pytest.mark.parametrize("half", HALVES, ids=["storage", "aio"])
def test_a_shared_backend_without_leases_has_turns_in_the_process(half: Any) -> None:
    """And what other processes change is merged."""
    plain: Any = WithoutLeases()

    def made() -> Any:
        """A store as another process would make it, of the same data."""
        if half is storage:
            return storage.Storage(plain)
        return storage.aio.Storage(storage.aio.lift(plain))

    with Bridge() as bridge:
        store, elsewhere = made(), made()
        sessions = bridge.driven(half.Sessions(store, wait=0))
        again = bridge.driven(half.Sessions(store, wait=0))
        others = bridge.driven(half.Sessions(elsewhere, wait=0))
        with sessions.open("k") as session:
            with pytest.raises(LeaseTimeoutError):
                crowd([lambda: lengthened(sessions, 1)])
            with pytest.raises(LeaseTimeoutError):
                crowd([lambda: lengthened(again, 1)])
            crowd([lambda: lengthened(others, 2)])
            session["a"] = 1

        assert sessions.get("k") == {"order": [2], "a": 1}
        for one in (store, elsewhere):
            bridge.driven(one).close()


def test_without_a_lock_nobody_waits(ground: Ground) -> None:
    sessions = ground.sessions(lock=False)
    with sessions.open("k") as one, sessions.open("k") as other:
        one["a"] = 1
        other["b"] = 2

    assert ground.kept() == {"a": 1, "b": 2}


def test_sessions_that_are_thrown_away_leave_nothing_behind() -> None:
    before = threading.active_count()
    with storage.MemoryStorage() as store:
        sessions = storage.Sessions(store)
        opened = sessions.open("k")
        opened.begin()
        del opened
        gc.collect()
        until(lambda: threading.active_count() == before)


@pytest.fixture
def loop_store() -> Iterator[Any]:
    store = storage.aio.MemoryStorage()
    yield store
    asyncio.run(store.aclose())


def test_tasks_take_turns_and_a_loop_goes_on(loop_store: Any) -> None:
    sessions = storage.aio.Sessions(loop_store, initial=lambda: {"order": []})

    async def handler(number: int, session: dict[str, Any]) -> None:
        before = list(session["order"])
        await asyncio.sleep(0)
        session["order"] = [*before, number]

    async def work() -> None:
        await asyncio.gather(*(sessions.open("k", n).run(handler) for n in range(12)))
        assert await sessions.get("k") == {"order": list(range(12))}

    run(work())


def test_a_task_that_gives_up_waiting_lets_the_others_come(loop_store: Any) -> None:
    sessions = storage.aio.Sessions(loop_store)
    board = _board(sessions)

    async def bump() -> None:
        async with sessions.open("k") as session:
            session["n"] = session.get("n", 0) + 1

    async def work() -> None:
        async with sessions.open("k"):
            tasks = [asyncio.ensure_future(bump()) for _ in range(3)]
            await until_in_loop(lambda: board() == 3)
            tasks[0].cancel()
            await asyncio.wait(tasks[:1])
        await asyncio.gather(*tasks[1:])
        assert await sessions.get("k") == {"n": 2}

    run(work())
