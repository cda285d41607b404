"""Who waits until something may pass: in the order of asking, and no longer than is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import RateLimitStore
from storage.records import Ask, Meter
from tests.day import IS_LONG
from tests.fault.ground import Crew, locked, striking, until
from tests.leases.ground import run, until_in_loop
from tests.limits.conftest import CROSSED
from tests.limits.standing import Ground, Noting, noting, passed

pytestmark = pytest.mark.timed

BRIEF = 0.2
LATE = 0.3
"""By how many seconds a busy machine may be late."""


def moment(verdict: Any) -> int:
    """When it passes, in microseconds."""
    at: int = verdict._decision.at
    return at


@contextmanager
def takes(seconds: float) -> Iterator[None]:
    """The block takes so long, and not much longer."""
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    assert seconds - 0.002 <= took <= seconds + LATE


def test_who_may_pass_does_not_wait(real: Ground) -> None:
    limiter = real.limiter("2/h")

    with takes(0):
        verdicts = [limiter.acquire("k"), limiter.acquire("k", timeout=0)]
    assert [(bool(one), one.remaining) for one in verdicts] == [(True, 1), (True, 0)]
    assert not limiter.hit("k")


def test_who_has_to_wait_passes_when_that_is_over(real: Ground) -> None:
    limiter = real.limiter(real.limit(1, BRIEF))
    first = limiter.hit("k")
    second = limiter.acquire("k")

    assert second
    assert moment(second) == moment(first) + BRIEF * 1_000_000
    assert time.time() >= moment(second) / 1_000_000 - 0.005
    assert not limiter.hit("k")


def test_waiters_are_served_in_the_order_of_asking(real: Ground) -> None:
    inner = real.inner(real.limit(2, BRIEF / 2))
    limiter, room = real.bridge.driven(inner), noting(inner)
    order: list[int] = []

    def work(number: int) -> None:
        assert limiter.acquire("k")
        order.append(number)

    crews = []
    for number in range(6):
        crews.append(Crew(lambda number=number: work(number)))
        until(lambda number=number: len(room.answered) == number + 1)
    for crew in crews:
        crew.join()

    # Two pass at the same moment.
    assert [sorted(order[start : start + 2]) for start in (0, 2, 4)] == [[0, 1], [2, 3], [4, 5]]
    assert room.answered == ["reserve"] * 6


ALGORITHMS = ("log", "gcra", "leaky", "window", "counter", "aligned")


@pytest.mark.parametrize(
    ("real", "algorithm"),
    [
        pytest.param(*place.values, algorithm, marks=place.marks, id=f"{place.id}-{algorithm}")
        for row, place in enumerate(CROSSED)
        for column, algorithm in enumerate(ALGORITHMS)
        if IS_LONG or (row + column) % 2 == 0
    ],
    indirect=["real"],
)
def test_of_forty_nobody_waits_longer_than_needed_and_none_passes_too_early(
    real: Ground, algorithm: Any
) -> None:
    """By the moments that were given, and by when they went on."""
    window, count = BRIEF, 10
    limiter = real.limiter(real.limit(count, window, algorithm=algorithm))
    verdicts: list[Any] = []
    late: list[float] = []

    def work() -> None:
        verdict = limiter.acquire("k")
        late.append(time.time() - moment(verdict) / 1_000_000)
        verdicts.append(verdict)

    Crew(*[work] * 40).join()

    moments = sorted(map(moment, verdicts))
    ideal = {
        "gcra": 3 * window,
        "leaky": 3.9 * window,
        "counter": 6 * window,
        "aligned": 3.5 * window,
    }
    last = (moments[-1] - moments[0]) / 1_000_000
    assert last <= ideal.get(algorithm, 3 * window) + 0.1
    assert min(late) >= -0.005
    assert max(late) <= LATE
    if algorithm == "log":
        span = window * 1_000_000
        assert all(later - one >= span for one, later in zip(moments, moments[count:]))
    if algorithm == "leaky":
        assert all(later - one >= 19_000 for one, later in pairwise(moments))


def test_who_would_have_to_wait_too_long_hears_no_at_once_and_nothing_is_counted(
    real: Ground,
) -> None:
    limiter = real.limiter("2/10s")
    passed(limiter, 2, "k")
    with takes(0):
        refused = [limiter.acquire("k", timeout=seconds) for seconds in (0, 1, 9)]
    assert not any(refused)
    assert [one.retry_after for one in refused] == [pytest.approx(10, abs=LATE)] * 3
    assert refused[0].refused_by == real.limit(2, 10)
    room = real.bridge.driven(real.place.base.room(real.half.RateLimitStore))
    meters = refused[0]._target.meters
    decision = room.reserve(meters, Ask(), 60_000_000)
    assert decision.readings[0].wait <= 10_000_000


def test_who_may_wait_long_enough_waits(real: Ground) -> None:
    limiter = real.limiter(real.limit(1, BRIEF))
    with takes(BRIEF):
        limiter.hit("k")
        assert limiter.acquire("k", timeout=BRIEF + 0.05)
    assert not limiter.acquire("k", timeout=BRIEF / 2)


@pytest.mark.parametrize(
    ("timeout", "error"),
    [(-1, ValueError), (float("nan"), ValueError), (float("inf"), ValueError), ("1", TypeError)],
)
def test_a_timeout_that_is_none_is_refused(
    memory: Ground, timeout: Any, error: type[Exception]
) -> None:
    limiter = memory.limiter("1/min")

    with pytest.raises(error, match="timeout"):
        limiter.acquire("k", timeout=timeout)
    assert limiter.hit("k")


def test_nobody_hits_before_who_waits(real: Ground) -> None:
    limiter = real.limiter(real.limit(1, BRIEF), remember=0)
    limiter.hit("k")
    waiting = Crew(lambda: limiter.acquire("k"))
    until(lambda: limiter.peek("k").retry_after > BRIEF)
    refused = limiter.hit("k")
    waiting.join()

    assert not refused
    assert not limiter.hit("k")


def test_a_cost_waits_until_all_of_it_may_pass(real: Ground) -> None:
    limiter = real.limiter(real.limit(3, BRIEF))
    first = limiter.hit("k", cost=2)
    second = limiter.acquire("k", cost=3)

    assert (bool(second), second.cost, second.remaining) == (True, 3, 0)
    assert moment(second) == moment(first) + BRIEF * 1_000_000


def test_a_block_is_waited_for(real: Ground) -> None:
    limiter = real.limiter("5/s")
    with takes(BRIEF):
        limiter.block("k", BRIEF)
        assert not limiter.acquire("k", timeout=BRIEF / 4)
        assert limiter.acquire("k")


def test_limits_over_several_keys_are_waited_for_together(real: Ground) -> None:
    limiter = real.limiter(
        real.limit(1, BRIEF, key="chat:{chat}"), real.limit(2, 2 * BRIEF, key="all")
    )
    with takes(2 * BRIEF):
        limiter.hit(chat=1)
        limiter.hit(chat=2)
        assert not limiter.acquire(chat=1, timeout=BRIEF)
        assert limiter.acquire(chat=1)
    assert not limiter.acquire(chat=1, timeout=0)
    assert limiter.acquire(chat=2, timeout=BRIEF)


def test_where_several_keys_are_waited_for_the_limits_hold(real: Ground) -> None:
    window = real.limit(3, BRIEF, key="all")
    limiter = real.limiter(window, real.limit(2, BRIEF, key="{chat}"))
    moments: list[int] = []

    def work(chat: int) -> None:
        moments.append(moment(limiter.acquire(chat=chat)))

    Crew(*[lambda chat=chat: work(chat) for chat in (1, 1, 1, 2, 2, 2, 3, 3)]).join()

    moments.sort()
    assert all(later - one >= BRIEF * 1_000_000 for one, later in zip(moments, moments[3:]))


# Who gives up.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "bot.db"


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, file: Path) -> Callable[[], Any]:
    make = {"memory": storage.aio.MemoryStorage, "sqlite": lambda: storage.aio.SqliteStorage(file)}
    made: Callable[[], Any] = make[request.param]
    return made


async def reserved(limiter: Any, room: Noting, count: int) -> list[asyncio.Task[Any]]:
    """So many who wait, one after the other."""
    tasks = []
    for _ in range(count):
        before = len(room.answered)
        tasks.append(asyncio.ensure_future(limiter.acquire("k")))
        await until_in_loop(lambda before=before: len(room.answered) > before)
    return tasks


def next_moment(store: Any, limiter: Any) -> Callable[..., Any]:
    """Reserves as `acquire` does, and says when; nobody waits for it."""
    room = store.room(storage.aio.RateLimitStore)
    meters = limiter._targets.of("k", {}).meters

    async def reserve() -> int:
        decision = await room.reserve(meters, Ask(), 10**12)
        return int(decision.at)

    return reserve


def test_the_place_of_a_cancelled_waiter_goes_to_who_asks_next(opened: Any) -> None:
    async def work() -> None:
        async with opened() as store:
            limiter = storage.aio.RateLimiter(store, "1/min")
            room, reserve = noting(limiter), next_moment(store, limiter)
            first = moment(await limiter.hit("k"))
            tasks = await reserved(limiter, room, 3)
            tasks[1].cancel()
            await asyncio.wait(tasks[1:2])
            assert tasks[1].cancelled()

            assert await reserve() == first + 2 * 60_000_000
            assert await reserve() == first + 4 * 60_000_000
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    run(work())


def test_the_last_waiter_that_is_cancelled_leaves_nothing(opened: Any) -> None:
    async def work() -> None:
        async with opened() as store:
            limiter = storage.aio.RateLimiter(store, "1/min")
            room, reserve = noting(limiter), next_moment(store, limiter)
            first = moment(await limiter.hit("k"))
            tasks = await reserved(limiter, room, 2)
            for task in reversed(tasks):
                task.cancel()
                await asyncio.wait([task])

            assert [await reserve() for _ in range(3)] == [
                first + number * 60_000_000 for number in (1, 2, 3)
            ]

    run(work())


def test_a_waiter_that_is_cancelled_again_and_again_gives_its_place_back_once(file: Path) -> None:
    """Also while that is being done, and takes its time: else two would pass at once."""

    async def work() -> None:
        async with storage.aio.SqliteStorage(file) as store:
            limiter = storage.aio.RateLimiter(store, "1/min")
            room, reserve = noting(limiter), next_moment(store, limiter)
            first = moment(await limiter.hit("k"))
            tasks = await reserved(limiter, room, 2)
            with locked(file):
                for _ in range(5):
                    tasks[0].cancel()
                    await asyncio.sleep(0.01)
                assert not tasks[0].done()
            await asyncio.wait(tasks[:1])
            assert tasks[0].cancelled()

            assert [await reserve() for _ in range(3)] == [
                first + number * 60_000_000 for number in (1, 3, 4)
            ]
            tasks[1].cancel()
            await asyncio.wait(tasks[1:])

    run(work())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_an_interrupt_gives_the_place_back(kind: str, file: Path) -> None:
    with storage.MemoryStorage() if kind == "memory" else storage.SqliteStorage(file) as store:
        limiter = storage.RateLimiter(store, "1/min")
        room = noting(limiter)
        first = moment(limiter.hit("k"))

        with striking() as strike:
            striker = Crew(lambda: (until(lambda: "reserve" in room.answered), strike()))
            with pytest.raises(KeyboardInterrupt):
                limiter.acquire("k")
            striker.join()

        meters = limiter._targets.of("k", {}).meters
        decision = store.room(RateLimitStore).reserve(meters, Ask(), 10**12)
        assert decision.at == first + 60_000_000


def test_a_place_that_can_not_be_given_back_is_lost_and_that_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        store = storage.aio.MemoryStorage()
        limiter = storage.aio.RateLimiter(store, "1/min")
        room = noting(limiter)
        await limiter.hit("k")
        (task,) = await reserved(limiter, room, 1)
        await store.aclose()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(work())
    assert "a reserved moment was not given back" in caplog.text


def test_a_loop_goes_on_while_a_task_waits() -> None:
    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            limiter = storage.aio.RateLimiter(store, "1/min")
            await limiter.hit("k")
            waiting = asyncio.ensure_future(limiter.acquire("k"))
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not waiting.done()
            waiting.cancel()
            await asyncio.wait([waiting])

    run(work())


def test_what_was_waited_for_can_be_given_back(real: Ground) -> None:
    limiter = real.limiter(real.limit(1, BRIEF))
    limiter.hit("k")
    limiter.refund(limiter.acquire("k"))

    assert limiter.hit("k")


def test_who_gives_up_after_a_reset_hands_out_nothing(real: Ground) -> None:
    """Nothing counts at that moment, whoever waits then for the same limits in another order."""
    limits = [real.limit(1, BRIEF), real.limit(2, BRIEF)]
    room = real.bridge.driven(real.inner(*limits)._room)
    meters = [Meter(limit.rule, "k") for limit in limits]
    moments = [room.reserve(meters, Ask(), 10**9).at for _ in range(4)]
    room.reset(meters)
    for at in moments[1:-1]:
        room.refund(meters, 1, at)
    others = [room.reserve(meters[::-1], Ask(), 10**9).at for _ in range(6)]
    taken = room.reserve(meters, Ask(), 10**9).at

    assert min(abs(taken - at) for at in others) >= BRIEF * 1_000_000


def test_a_place_goes_with_a_reset_of_one_of_its_limits(real: Ground) -> None:
    limits = [real.limit(1, BRIEF), real.limit(2, BRIEF)]
    room = real.bridge.driven(real.inner(*limits)._room)
    meters = [Meter(limit.rule, "k") for limit in limits]
    moments = [room.reserve(meters, Ask(), 10**9).at for _ in range(4)]
    for at in moments[1:-1]:
        room.refund(meters, 1, at)
    room.reset(meters[:1])
    moments = [room.reserve(meters, Ask(), 10**9).at for _ in range(2)]
    moments += [room.reserve(meters[:1], Ask(), 10**9).at for _ in range(4)]

    between = [after - before for before, after in pairwise(sorted(moments))]
    assert min(between) >= BRIEF * 1_000_000


def test_a_task_that_is_cancelled_while_it_asks_keeps_no_place(tasks: Ground) -> None:
    inner = tasks.inner(tasks.limit(1, 0.05), remember=0)

    async def work() -> float:
        await inner.hit("k")
        for ticks in range(12):
            task = asyncio.create_task(inner.acquire("k"))
            for _ in range(ticks):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        begun = time.monotonic()
        assert await inner.acquire("k")
        return time.monotonic() - begun

    assert tasks.bridge.call(work) < 0.3
