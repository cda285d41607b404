"""Who waits on Redis: one of each queue is asleep at the server, the others in their process."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
import storage.aio
from storage.redis.vigils import GRACE_SECONDS, MOST_ASLEEP, Vigil, Vigils
from storage.runtime import Bell
from tests.fault.redis.ground import clients, url
from tests.leases.ground import lined_up, run, until_in_loop
from tests.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.timed

TASKS, KEYS = 3000, 30
ASLEEP = "flags=b "
QUEUE = "storage:~lease~{storage:k}:queue"
LATE = 5.0
"""Far more seconds than a queue takes that is called without a pause, and far less than one where
each looks once a second."""


@pytest.fixture(autouse=True)
def _no_keys_are_left(valkey: Server) -> Iterator[None]:
    yield
    valkey.call("FLUSHALL")


Hold = Callable[[Any, str], Any]
HOLDS: dict[str, Callable[[Any], Hold]] = {
    "leases": lambda store: storage.aio.Leases(store).hold,
    "sessions": lambda store: storage.aio.Sessions(store, initial=dict, wait=60).open,
}


@pytest.fixture(params=HOLDS)
def hold(request: pytest.FixtureRequest) -> Callable[[Any], Hold]:
    return HOLDS[request.param]


def test_thousands_wait_and_each_has_its_turn(hold: Any, valkey: Server) -> None:
    async def work() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=20)) as store:
            held, inside, most = hold(store), [0] * KEYS, 0

            async def visit(number: int) -> None:
                key = number % KEYS
                async with held(str(key)):
                    inside[key] += 1
                    assert inside[key] == 1
                    await asyncio.sleep(0.001)
                    inside[key] -= 1

            tasks = [asyncio.ensure_future(visit(number)) for number in range(TASKS)]
            while not all(task.done() for task in tasks):
                most = max(most, await asyncio.to_thread(clients, valkey))
            await asyncio.gather(*tasks)
            assert most <= 2 * KEYS + 2

    run(work())


def test_of_those_who_wait_for_one_thing_one_is_asleep_at_the_server(valkey: Server) -> None:
    with storage.RedisStorage(url(valkey, timeout=20)) as store:
        leases = storage.Leases(store)
        with leases.hold("k"):
            crews, order = lined_up(leases, 10, lambda: int(valkey.call("ZCARD", QUEUE)))
            until(lambda: clients(valkey, ASLEEP) == 1)
            assert clients(valkey) <= 4
            begun = time.monotonic()
        for crew in crews:
            crew.join()

    assert order == list(range(10))
    assert time.monotonic() - begun < LATE


def test_who_looks_again_keeps_the_place(hold: Any, valkey: Server) -> None:
    """All have looked once more, as they do each second, when the first is called."""

    async def work() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=20)) as store:
            held, order = hold(store), []

            async def visit(number: int) -> None:
                async with held("k"):
                    order.append(number)

            async with held("k"):
                tasks = []
                for number in range(40):
                    tasks.append(asyncio.ensure_future(visit(number)))
                    await asyncio.sleep(0.001)
                await asyncio.sleep(1.3)
                begun = time.monotonic()
            await asyncio.gather(*tasks)
            assert order == list(range(40))
            assert time.monotonic() - begun < LATE

    run(work())


def test_who_gives_up_lets_the_next_one_be_called(valkey: Server) -> None:
    async def work() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=20)) as store:
            leases = storage.aio.Leases(store)

            async def visit() -> None:
                async with leases.hold("k"):
                    pass

            async with leases.hold("k"):
                tasks = [asyncio.ensure_future(visit()) for _ in range(20)]
                await until_in_loop(lambda: clients(valkey, ASLEEP) == 1)
                begun = time.monotonic()
                for task in tasks[:-1]:
                    task.cancel()
                    await asyncio.wait([task])
                    await until_in_loop(lambda: clients(valkey, ASLEEP) == 1)
            await tasks[-1]
            assert time.monotonic() - begun < LATE

    run(work())


def test_nothing_is_kept_of_who_waited(hold: Any, valkey: Server) -> None:
    async def work() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=20)) as store:
            held = hold(store)

            async def visit(number: int) -> None:
                async with held(str(number % 3)):
                    await asyncio.sleep(0.001)

            tasks = [asyncio.ensure_future(visit(number)) for number in range(60)]
            await until_in_loop(lambda: clients(valkey, ASLEEP) > 1)
            for task in tasks[::7]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            vigils = store._backend._room._door.vigils
            kept = [vigils._places, vigils._lines, vigils._firsts, vigils._asleep]
            assert not any(kept)

    run(work())


def test_so_many_are_asleep_at_the_server_at_the_most(valkey: Server) -> None:
    count = MOST_ASLEEP + 20

    async def work() -> None:
        place = url(valkey, timeout=20)
        async with (
            storage.aio.RedisStorage(place) as store,
            storage.aio.RedisStorage(place) as other,
        ):
            leases = storage.aio.Leases(store)
            holding = [storage.aio.Leases(other).hold(str(number)) for number in range(count)]
            await asyncio.gather(*(lease.__aenter__() for lease in holding))

            async def visit(number: int) -> None:
                async with leases.hold(str(number)):
                    pass

            tasks = [asyncio.ensure_future(visit(number)) for number in range(count)]
            await until_in_loop(lambda: clients(valkey, ASLEEP) == MOST_ASLEEP)
            for _ in range(20):
                await asyncio.sleep(0.01)
                assert clients(valkey, ASLEEP) <= MOST_ASLEEP
            await asyncio.gather(*(lease.__aexit__(None, None, None) for lease in holding))
            await asyncio.gather(*tasks)

    run(work())


def _vigil(vigils: Vigils, queue: bytes, seconds: float = 60.0, place: int = 1) -> Vigil:
    vigils.stands("token", place)
    return vigils.of(queue, "token", time.monotonic() + seconds, lambda: None)


DEAD = -GRACE_SECONDS - 1


def test_the_dead_are_not_waited_for() -> None:
    vigils = Vigils()
    for place in (1, 2, 3):
        vigils.begin(_vigil(vigils, b"q", DEAD, place))
    late = _vigil(vigils, b"late", -1)
    vigils.begin(late)
    living = [_vigil(vigils, b"q", 60, 4), _vigil(vigils, b"late")]
    for one in living:
        vigils.begin(one)

    assert [one.is_due for one in living] == [True, False]
    assert vigils._asleep == {late, living[0]}


def test_the_dead_take_no_room() -> None:
    vigils = Vigils()
    for number in range(MOST_ASLEEP):
        vigils.begin(_vigil(vigils, b"%d" % number, DEAD))
    living = _vigil(vigils, b"q")
    vigils.begin(living)

    assert living.is_due
    vigils.end(living)
    assert not any((vigils._lines, vigils._firsts, vigils._asleep))


def test_a_signal_handler_may_wait_while_one_is_called() -> None:
    class Struck(set[Vigil]):
        def add(self, one: Vigil) -> None:
            super().add(one)
            if one is first and others.queue not in vigils._lines:
                vigils.begin(others)
                assert others.is_due
                vigils.end(others)

    vigils = Vigils()
    vigils._asleep = Struck()
    first, others = _vigil(vigils, b"q"), _vigil(vigils, b"of the handler")
    vigils.begin(first)
    assert first.is_due
    vigils.end(first)

    assert not any((vigils._lines, vigils._firsts, vigils._asleep))


def test_the_end_of_one_of_thousands_looks_at_few(monkeypatch: pytest.MonkeyPatch) -> None:
    vigils, count, looks = Vigils(), 4000, 0
    line = [_vigil(vigils, b"q", 60, place) for place in range(1, count + 1)]
    for one in line:
        vigils.begin(one)

    def is_same(one: Vigil, other: object) -> bool:
        nonlocal looks
        looks += 1
        return one is other

    monkeypatch.setattr(Vigil, "__eq__", is_same)
    vigils.end(line[count // 2])
    assert looks < 100
    assert len(vigils._lines[b"q"]) == count - 1


def test_of_several_at_one_place_each_can_end() -> None:
    vigils = Vigils()
    several = [_vigil(vigils, b"q") for _ in range(3)]
    for one in several:
        vigils.begin(one)
    for one in reversed(several):
        vigils.end(one)

    assert not any((vigils._lines, vigils._firsts, vigils._asleep))


def test_a_signal_handler_may_ring_where_somebody_rings_or_waits() -> None:
    """At each line, as a handler does that uses the same store."""

    def strike() -> None:
        for call in (Bell.ring, lambda bell: bell.wait(0.001)):
            bell = Bell()

            def struck(frame: Any, event: str, arg: object, bell: Bell = bell) -> Any:
                sys.settrace(None)
                bell.ring()
                sys.settrace(struck)
                return struck

            sys.settrace(struck)
            call(bell)
            sys.settrace(None)
        done.set()

    done = threading.Event()
    threading.Thread(target=strike, daemon=True).start()
    assert done.wait(LATE)
