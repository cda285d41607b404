"""So many at the same time: slots are taken, waited for, renewed, lost and given back."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
from storage import ConfigurationError, LeaseLostError, RateLimitedError, ReentryError
from tests.fault.ground import PATIENCE, Child, Crew, in_child, until
from tests.leases.ground import run, until_in_loop
from tests.limits.standing import Ground, near

pytestmark = pytest.mark.timed

HOUR = 3600
BRIEF = 0.3


def slots(half: Any, count: int = 2, per: float = HOUR, **options: Any) -> Any:
    return half.Limit(count, per, algorithm="slots", **options)


def test_so_many_are_in_at_the_same_time_and_no_more(ground: Ground) -> None:
    limiter = ground.limiter(slots(ground.half))
    with limiter.slot("k", wait=0), limiter.slot("k", wait=0):
        with pytest.raises(RateLimitedError) as told, limiter.slot("k", wait=0):
            pytest.fail("there are two")
        with limiter.slot("other", wait=0):
            pass
        assert limiter.peek("k").remaining == 0
        with pytest.raises(RateLimitedError), limiter.slot("k", wait=0):
            pytest.fail("there are two")
    assert limiter.peek("k").remaining == 2

    error = told.value
    assert error.retry_after == near(HOUR)
    assert error.verdict.refused_by == slots(ground.half)
    assert "2 at once is the limit, and no slot was free in time" in str(error)


def test_of_a_crowd_so_many_are_in_and_all_get_in(real: Ground) -> None:
    limiter = real.limiter(slots(real.half, 3))
    lock, inside, seen = threading.Lock(), [0], []

    def work() -> None:
        with limiter.slot("k"):
            with lock:
                inside[0] += 1
                seen.append(inside[0])
            time.sleep(0.005)
            with lock:
                inside[0] -= 1

    Crew(*[work] * 12).join()

    assert (len(seen), max(seen)) == (12, 3)


def test_who_waits_gets_the_slot_that_is_given_back(real: Ground) -> None:
    limiter = real.limiter(slots(real.half, 1))
    entered = threading.Event()

    def wait() -> None:
        with limiter.slot("k", wait=PATIENCE):
            entered.set()

    with limiter.slot("k"):
        waiting = Crew(wait)
        assert not entered.wait(0.05)
    waiting.join()
    assert entered.is_set()


def test_who_waits_too_long_hears_no(real: Ground) -> None:
    limiter = real.limiter(slots(real.half, 1))
    with limiter.slot("k"):
        begun = time.monotonic()
        with pytest.raises(RateLimitedError), limiter.slot("k", wait=0.1):
            pytest.fail("it is taken")
        assert 0.1 <= time.monotonic() - begun < 0.5
    with limiter.slot("k", wait=0):
        pass


def test_an_error_of_the_block_frees_the_slot(ground: Ground) -> None:
    limiter = ground.limiter(slots(ground.half, 1))
    for _ in range(2):
        with pytest.raises(LookupError), limiter.slot("k", wait=0):
            raise LookupError
    assert limiter.peek("k").remaining == 1


def test_one_thread_may_have_several_slots_for_one_key(ground: Ground) -> None:
    limiter = ground.limiter(slots(ground.half, 3))
    first, second = limiter.slot("k", wait=0), limiter.slot("k", wait=0)
    with first:
        with second:
            assert limiter.peek("k").remaining == 1
        assert limiter.peek("k").remaining == 2
        with second:
            assert limiter.peek("k").remaining == 1
    assert limiter.peek("k").remaining == 3


def test_one_holding_is_not_entered_twice_at_once(ground: Ground) -> None:
    limiter = ground.limiter(slots(ground.half, 3))
    slot = limiter.slot("k", wait=0)
    with slot:
        with pytest.raises(ReentryError), slot:
            pytest.fail("it is entered")
        assert limiter.peek("k").remaining == 2


def test_slots_and_rates_are_all_or_nothing(ground: Ground) -> None:
    """A slot that is refused costs no hit, and a hit that is refused takes no slot."""
    rate = ground.limit(2, 60)
    limiter = ground.limiter(slots(ground.half, 1), rate)
    with limiter.slot("k", wait=0):
        for _ in range(3):
            with pytest.raises(RateLimitedError) as told, limiter.slot("k", wait=0):
                pytest.fail("it is taken")
            assert told.value.verdict.refused_by == slots(ground.half, 1)
    with limiter.slot("k", wait=0):
        pass
    with pytest.raises(RateLimitedError) as told, limiter.slot("k", wait=0):
        pytest.fail("there were two in this minute")
    assert told.value.verdict.refused_by == rate
    ground.clock.tick(61)
    with limiter.slot("k", wait=0):
        pass


def test_slots_of_a_template_are_for_what_fills_it(ground: Ground) -> None:
    limiter = ground.limiter(
        slots(ground.half, 1, key="{user}"), slots(ground.half, 2, name="all", key="all")
    )
    with limiter.slot(user=1, wait=0), limiter.slot(user=2, wait=0):
        for user, name in ((1, "{user}"), (3, "all")):
            with pytest.raises(RateLimitedError) as told, limiter.slot(user=user, wait=0):
                pytest.fail("there are two")
            assert told.value.verdict.refused_by.key == name
    with limiter.slot(user=3, wait=0):
        pass


def test_without_slots_there_is_none_to_take(memory: Ground) -> None:
    limiter = memory.limiter("5/min")

    with pytest.raises(ConfigurationError, match="no limit here has slots"):
        limiter.slot("k")


@pytest.mark.parametrize(
    ("wait", "error"), [(-1, ValueError), (float("inf"), ValueError), ("1", TypeError)]
)
def test_a_wait_that_is_none_is_refused(memory: Ground, wait: Any, error: type[Exception]) -> None:
    limiter = memory.limiter(slots(memory.half))

    with pytest.raises(error, match="wait"):
        limiter.slot("k", wait=wait)


# What keeps a slot, and what becomes of it when nothing does.


def test_a_slot_is_renewed_while_it_is_used(real: Ground) -> None:
    limiter = real.limiter(slots(real.half, 1, BRIEF))
    with limiter.slot("k") as slot:
        end = time.monotonic() + 2.5 * BRIEF
        while time.monotonic() < end:
            assert not limiter.peek("k")
            time.sleep(0.01)
        slot.check()
        assert slot.lost is False
    assert limiter.peek("k")


def test_all_slots_of_a_holding_are_renewed(real: Ground) -> None:
    """Each for its own time, as often as the shortest needs it."""
    limiter = real.limiter(slots(real.half, 1, BRIEF), slots(real.half, 1, 5 * BRIEF), "9/h")
    with limiter.slot("k"):
        time.sleep(2.5 * BRIEF)
        with pytest.raises(RateLimitedError) as told, limiter.slot("k", wait=0):
            pytest.fail("it is taken")
        assert all(reading.wait > 0 for reading in told.value.verdict._decision.readings[:2])


def test_a_slot_that_was_not_renewed_is_lost_and_free_for_others(ground: Ground) -> None:
    limiter = ground.limiter(slots(ground.half, 1))
    entered = []

    def late() -> None:
        with limiter.slot("k", wait=0):
            ground.clock.tick(HOUR + 1)
            with limiter.slot("k", wait=0):
                entered.append(1)

    with pytest.raises(LeaseLostError):
        late()
    assert entered == [1]
    assert limiter.peek("k").remaining == 1


def test_who_is_late_gives_back_nothing_of_the_next_holder(ground: Ground) -> None:
    limiter = ground.limiter(slots(ground.half, 1))
    first, second = limiter.slot("k", wait=0), limiter.slot("k", wait=0)
    first.__enter__()
    ground.clock.tick(HOUR + 1)
    with second:
        with pytest.raises(LeaseLostError):
            first.__exit__(None, None, None)
        assert limiter.peek("k").remaining == 0


def test_a_slot_that_was_reset_is_lost(ground: Ground) -> None:
    limiter = ground.limiter(slots(ground.half, 1))

    def work() -> None:
        with limiter.slot("k", wait=0):
            limiter.reset("k")
            assert limiter.peek("k").remaining == 1

    with pytest.raises(LeaseLostError):
        work()


def test_a_slot_lost_is_told_while_the_block_runs(
    real: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = real.limiter(slots(real.half, 1, BRIEF))
    lost = []

    def work() -> None:
        with limiter.slot("k", wait=0) as slot:
            limiter.reset("k")
            until(lambda: "the lease on 'k' is lost" in caplog.text)
            assert slot.lost
            lost.append(slot)

    with pytest.raises(LeaseLostError), caplog.at_level(logging.WARNING):
        work()
    assert lost[0].token not in caplog.text


def test_the_slot_of_a_process_that_dies_comes_free_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "bot.db"

    def child(tell: Callable[[bytes], object]) -> None:
        with storage.SqliteStorage(file) as store:
            limiter = storage.RateLimiter(store, slots(storage, 1, BRIEF))
            with limiter.slot("k"):
                tell(b"in")
                time.sleep(PATIENCE)

    holder = Child(child)
    assert holder.read(2) == b"in"
    with storage.SqliteStorage(file) as store:
        limiter = storage.RateLimiter(store, slots(storage, 1, BRIEF))
        time.sleep(1.5 * BRIEF)
        with pytest.raises(RateLimitedError), limiter.slot("k", wait=0):
            pytest.fail("the other process has it")
        holder.kill()
        holder.close()
        died = time.monotonic()
        with limiter.slot("k", wait=PATIENCE):
            assert time.monotonic() - died < 2 * BRIEF + 0.5


def test_a_child_does_not_have_the_slot_of_its_parent(tmp_path: Path) -> None:
    with storage.SqliteStorage(tmp_path / "bot.db") as store:
        limiter = storage.RateLimiter(store, slots(storage, 1))

        def child() -> None:
            assert slot.lost
            with pytest.raises(LeaseLostError):
                slot.__exit__(None, None, None)
            with pytest.raises(RateLimitedError), limiter.slot("k", wait=0):
                pytest.fail("the parent has it")

        with limiter.slot("k") as slot:
            in_child(child)
            slot.check()
            assert limiter.peek("k").remaining == 0


def test_a_cancelled_task_frees_its_slot() -> None:
    async def work() -> None:
        async with storage.aio.MemoryStorage() as store:
            limiter = storage.aio.RateLimiter(store, slots(storage.aio, 1))
            inside = []

            async def hold() -> None:
                async with limiter.slot("k"):
                    inside.append(1)
                    await asyncio.sleep(PATIENCE)

            holder = asyncio.ensure_future(hold())
            await until_in_loop(lambda: inside)
            waiter = asyncio.ensure_future(hold())
            await asyncio.sleep(0.01)
            for task in (waiter, holder):
                task.cancel()
                await asyncio.wait([task])
            assert inside == [1]
            async with limiter.slot("k", wait=0):
                pass

    run(work())


def test_an_interrupt_while_waiting_takes_no_slot() -> None:
    class Stop(BaseException):
        pass

    with storage.MemoryStorage() as store:
        limiter = storage.RateLimiter(store, slots(storage, 1))
        waiting = limiter.slot("k")
        with limiter.slot("k"):

            def strike(seconds: float) -> None:
                raise Stop

            waiting._room._runtime.sleep = strike  # type: ignore[method-assign, attr-defined]
            with pytest.raises(Stop), waiting:
                pytest.fail("it is taken")
        assert limiter.peek("k").remaining == 1


def test_slots_are_in_the_place_of_one_store_whichever_limiter_takes_them(real: Ground) -> None:
    first, second = (real.limiter(slots(real.half, 1)) for _ in range(2))
    with first.slot("k"), pytest.raises(RateLimitedError), second.slot("k", wait=0):
        pytest.fail("the other limiter has it")
    with second.slot("k", wait=0):
        pass
