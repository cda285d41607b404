"""Tasks of one loop share a connection: what they ask in one turn goes out at once, and each gets
his own answer, in his own time."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

import storage
import storage.aio
from storage import AccessDeniedError, OutcomeUnknownError, StorageError
from storage.core.limits import Limit
from storage.records import Ask, Meter
from tests.day import IS_LONG
from tests.fault import faults
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import LONG_TEXT, clients, raw, url
from tests.servers import Server, states, user
from tests.servers.resp import MARK
from tests.waiting import until

pytestmark = pytest.mark.timed

CALLS = 10_000
MANY = 60
AT_ONCE = 512
"""So many commands a batch has."""

OWED = 2048
"""So many answers a connection owes at the most."""

HIT = [Meter(Limit(10, algorithm="gcra").rule, "k")]
SHORT, LONG = 0.15, 20

Test = Callable[[Any], Coroutine[Any, Any, None]]


def run(place: Any, test: Test, **options: object) -> None:
    """Run *test* with a store that is connected."""

    async def main() -> None:
        async with storage.aio.RedisStorage(url(place, **{"timeout": LONG, **options})) as store:
            await store.set("n", 0)
            await test(store)

    asyncio.run(main())


def value(key: object) -> str:
    return f"the value of {key}"


async def fill(store: Any, count: int) -> list[str]:
    keys = [str(number) for number in range(count)]
    await store.set_many({key: value(key) for key in keys})
    return keys


def batches(forwarded: list[str]) -> list[int]:
    """How many commands stand before each mark."""
    ends = [place for place, name in enumerate(forwarded) if name == MARK]
    return [end - begin - 1 for begin, end in zip([-1, *ends], ends)]


async def every(calls: Any) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


def test_what_is_asked_in_one_turn_is_one_trip(proxy: Proxy) -> None:
    async def test(store: Any) -> None:
        keys = await fill(store, 100)
        trips, marks = proxy.trips, proxy.forwarded.count(MARK)

        assert await every(store.get(key) for key in keys) == [value(key) for key in keys]

        assert proxy.trips == trips + 1
        assert proxy.forwarded.count(MARK) == marks + 1
        assert proxy.connections == 1

    run(proxy, test)


def test_what_many_ask_again_and_again_goes_out_in_two_halves(proxy: Proxy) -> None:
    async def test(store: Any) -> None:
        keys = await fill(store, 100)
        for halves in (1, 2, 2):
            before = len(proxy.forwarded)

            assert await every(store.get(key) for key in keys) == [value(key) for key in keys]

            sizes = batches(proxy.forwarded[before:])
            assert sizes == [100 // halves] * halves
        assert proxy.connections == 1

    run(proxy, test)


def test_halves_stay_halves_where_answers_come_before_the_end_of_a_turn(proxy: Proxy) -> None:
    async def test(store: Any) -> None:
        keys = await fill(store, 100)
        loop = asyncio.get_running_loop()
        (pool,) = store._backend._room._door._links._pools.values()
        for lane in pool.lanes.values():
            lane._soon = partial(loop.call_later, 0.05)  # a turn that is long
        for halves in (1, 2, 2):
            before = len(proxy.forwarded)
            await every(store.get(key) for key in keys)
            assert batches(proxy.forwarded[before:]) == [100 // halves] * halves

    run(proxy, test)


def test_a_server_works_while_others_ask(valkey: Server) -> None:
    async def test(store: Any) -> None:
        await asyncio.gather(*[store.incr("n") for _ in range(MANY)])
        tasks = [asyncio.ensure_future(store.incr("n")) for _ in range(MANY)]
        tasks.append(asyncio.ensure_future(in_this_turn()))
        await asyncio.gather(*tasks)

    async def in_this_turn() -> None:
        with storage.RedisStorage(url(valkey)) as other:
            until(lambda: other.get("n") > MANY)
            assert other.get("n") == MANY + MANY // 2

    run(valkey, test)


def test_what_many_ask_of_a_server_that_has_work_is_not_sent_in_parts(
    proxy: Proxy, valkey: Server
) -> None:
    async def test(store: Any) -> None:
        keys = await fill(store, MANY)
        await every(store.get(key) for key in keys)
        before = len(proxy.forwarded)
        calls = []
        with states.paused(valkey):
            for _ in range(2):
                calls += [asyncio.ensure_future(store.get(key)) for key in keys]
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        await asyncio.gather(*calls)
        assert batches(proxy.forwarded[before:]) == [MANY // 2, MANY // 2, MANY]

    run(proxy, test)


def test_a_batch_is_bounded(proxy: Proxy) -> None:
    async def test(store: Any) -> None:
        for count, size, batches in ((AT_ONCE, 1, 1), (AT_ONCE + 1, 1, 2), (8, 20_000, 3)):
            marks = proxy.forwarded.count(MARK)
            await every(store.set(str(number), "x" * size) for number in range(count))
            assert proxy.forwarded.count(MARK) == marks + batches

    run(proxy, test)


def test_ten_thousand_calls_at_once_need_two_connections(valkey: Server) -> None:
    async def test(store: Any) -> None:
        keys = await fill(store, 500)
        calls = [store.get(keys[number % 500]) for number in range(CALLS)]
        answers = await asyncio.gather(*calls, store.incr("n"))

        assert answers[:CALLS] == [value(keys[number % 500]) for number in range(CALLS)]
        assert clients(valkey) == 2

    run(valkey, test)


def test_there_is_no_third_connection_for_what_two_can_not_take(valkey: Server) -> None:
    async def test(store: Any) -> None:
        with states.paused(valkey, writes=True):
            calls = [asyncio.ensure_future(store.set("n", 1)) for _ in range(3 * OWED)]
            await asyncio.to_thread(
                until, lambda: clients(valkey, "flags=b ") == 2, seconds=LONG / 4
            )
            calls.append(asyncio.ensure_future(store.set("n", 1)))
            for _ in range(20):
                assert await asyncio.to_thread(clients, valkey) == 2
        await asyncio.gather(*calls)

    run(valkey, test)


def test_commands_that_belong_together_stay_so(valkey: Server) -> None:
    async def test(store: Any) -> None:
        room = store.room(storage.aio.protocols.RateLimitStore)
        meters = [[Meter(Limit(1000, name=name).rule, "k")] for name in ("a", "b", "c")]
        found = await asyncio.gather(
            *[room.hit_many(meters, Ask()) for _ in range(200)],
            *[store.get("n") for _ in range(300)],
        )
        left = [[one.readings[0].left for one in decisions] for decisions in found[:200]]
        assert sorted(left) == [[number] * 3 for number in range(800, 1000)]
        assert found[200:] == [0] * 300

    run(valkey, test)


def test_who_is_cancelled_before_it_is_sent_is_not_sent(valkey: Server) -> None:
    async def test(store: Any) -> None:
        await store.incr("n")  # by a script, which the server knows from now on
        tasks = [asyncio.ensure_future(store.incr("n")) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await every(tasks)
        assert await store.get("n") == 11

    run(valkey, test)


def test_who_is_cancelled_later_takes_nobodys_answer(
    valkey: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(store: Any) -> None:
        complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        keys = await fill(store, 50)
        chance = random.Random(11)
        for _ in range(200 if IS_LONG else 40):
            tasks = [asyncio.ensure_future(store.get(key)) for key in keys]
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(0)
            for task in chance.sample(tasks, 20):
                task.cancel()
            for key, answer in zip(keys, await every(tasks)):
                assert answer == value(key) or isinstance(answer, asyncio.CancelledError)
        assert clients(valkey) == 1
        assert not complaints

    with caplog.at_level(logging.WARNING):
        run(valkey, test)
    assert not caplog.records


def test_each_has_a_deadline_of_its_own(proxy: Proxy, valkey: Server) -> None:
    async def test(store: Any) -> None:
        room = store.room(storage.aio.protocols.RateLimitStore)
        await room.hit(HIT, Ask())
        await store.incr("n")
        proxy.next(faults.Delay(reply=4 * SHORT), "EVALSHA")
        patient = asyncio.ensure_future(store.incr("n"))
        begin = time.monotonic()
        with pytest.raises(OutcomeUnknownError):
            await room.hit(HIT, Ask(within=SHORT))
        assert time.monotonic() - begin < 3 * SHORT
        assert not patient.done()
        # Who comes after it does not stand behind what is late.
        assert await asyncio.wait_for(store.incr("n"), 2 * SHORT) == 3
        assert await patient == 2

    run(proxy, test)


def test_what_has_come_when_a_deadline_passes_is_taken(valkey: Server) -> None:
    async def test(store: Any) -> None:
        room = store.room(storage.aio.protocols.RateLimitStore)
        await room.hit(HIT, Ask())
        begin = time.monotonic()
        hit = asyncio.ensure_future(room.hit(HIT, Ask(within=SHORT)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        while time.monotonic() < begin + 2 * SHORT:
            pass  # the loop computes until it is too late, and then asks for something more
        assert (await room.hit(HIT, Ask())).readings[0].left == 7
        assert (await hit).readings[0].left == 8

    run(valkey, test)


def test_what_waits_for_room_and_is_late_is_never_sent(proxy: Proxy, valkey: Server) -> None:
    async def test(store: Any) -> None:
        room = store.room(storage.aio.protocols.RateLimitStore)
        await room.hit(HIT, Ask())
        sent = proxy.forwarded.count("EVALSHA")
        proxy.next(faults.Delay(command=3 * SHORT), "GET")
        gets = [asyncio.ensure_future(store.get("n")) for _ in range(4 * AT_ONCE)]
        await asyncio.sleep(0)
        hits = [room.hit(HIT, Ask(within=SHORT)) for _ in range(3)]
        # A second connection is not to be had.
        errors = await every(hits)
        assert [type(error) for error in errors] == [storage.UnavailableError] * 3
        assert await every(gets) == [0] * 4 * AT_ONCE
        assert proxy.forwarded.count("EVALSHA") == sent

    run(proxy, test, connections=1)


class Lost(faults.Swallow):
    """The reply is lost, and what comes after it is not."""

    silent = False


BROKEN: dict[str, Callable[[], faults.Fault]] = {
    "a lost one": Lost,
    "a second one": faults.Duplicate,
    "a damaged one": lambda: faults.Corrupt(at=0),
    "a half one": faults.Truncate,
    "a late one": lambda: faults.Delay(reply=0.05),
    "none": faults.Unanswered,
}


@pytest.mark.parametrize("name", ["GET", MARK])
@pytest.mark.parametrize("way", BROKEN)
@pytest.mark.parametrize("protocol", [2, 3])
def test_nobody_gets_the_answer_of_another(
    protocol: int, way: str, name: str, proxy: Proxy
) -> None:
    chance = random.Random(f"{way} {name}")
    answered = 0

    async def test(store: Any) -> None:
        nonlocal answered
        keys = await fill(store, 30)
        proxy.next(BROKEN[way](), name, after=chance.randrange(20) if name == "GET" else 0)
        for _ in range(3):
            for key, answer in zip(keys, await every(store.get(key) for key in keys)):
                assert answer == value(key) or isinstance(answer, StorageError)
                answered += answer == value(key)

    for _ in range(12 if IS_LONG else 2):
        run(proxy, test, protocol=protocol, timeout=1)
    assert answered


@pytest.mark.parametrize("way", ["a lost one", "a second one"])
def test_where_an_answer_is_missing_or_too_much_a_change_is_an_unknown_outcome(
    way: str, proxy: Proxy, valkey: Server
) -> None:
    async def test(store: Any) -> None:
        await store.incr("n")
        proxy.next(BROKEN[way](), "EVALSHA")
        begin = time.monotonic()
        errors = await every(store.incr("n") for _ in range(5))
        assert [type(error) for error in errors] == [OutcomeUnknownError] * 5
        assert time.monotonic() - begin < LONG / 2
        assert raw(valkey, "n") == b"6"
        assert await store.incr("n") == 7

    run(proxy, test)


class Unasked(faults.Fault):
    """Behind the reply comes another one, late or at once, which looks like it."""

    def reply(self, way: faults.Way, reply: bytes) -> None:
        way.to_client(reply + b"$5\r\nwrong\r\n")


def test_what_comes_unasked_is_nobodys_answer(proxy: Proxy, valkey: Server) -> None:
    async def test(store: Any) -> None:
        proxy.next(Unasked(), MARK)
        assert await store.get("n") == 0
        await asyncio.to_thread(until, lambda: clients(valkey) == 0, "the end of a connection")
        assert await store.incr("n") == 1

    run(proxy, test)


def test_a_mark_is_said_once(proxy: Proxy) -> None:
    marks = faults.Heard()
    proxy.always(marks, MARK)

    async def test(store: Any) -> None:
        for _ in range(20):
            await store.get("n")

    for _ in range(2):
        run(proxy, test)

    assert len(set(marks.words)) == len(marks.words) == 44


def test_who_reads_while_connections_are_killed_hears_nothing_of_it(valkey: Server) -> None:
    async def test(store: Any) -> None:
        keys = await fill(store, 50)

        async def read(key: str) -> None:
            for _ in range(20):
                assert await store.get(key) == value(key)

        reading = asyncio.gather(*(read(key) for key in keys))
        for _ in range(3):
            await asyncio.to_thread(states.drop_clients, valkey)
        await reading

    run(valkey, test)


def test_those_who_fail_together_connect_once(proxy: Proxy) -> None:
    async def test(store: Any) -> None:
        keys = await fill(store, 50)
        proxy.next(faults.Unanswered(), "GET")
        assert await every(store.get(key) for key in keys) == [value(key) for key in keys]
        assert proxy.connections == 2

    run(proxy, test)


class LateEnd(faults.Fault):
    """The connection ends some time after the command has come to the server."""

    def reply(self, way: faults.Way, reply: bytes) -> None:
        way.wait(SHORT)
        way.end(faults.End.RST)


def test_who_failed_before_does_not_give_up_what_was_opened_since(proxy: Proxy) -> None:
    async def test(store: Any) -> None:
        keys = await fill(store, 10)
        asked = proxy.forwarded.count("GET")
        proxy.next(faults.Unanswered(), "GET")
        twice = asyncio.gather(*(store.get(key) for key in keys[:5]))
        await asyncio.to_thread(until, lambda: proxy.forwarded.count("GET") > asked)
        proxy.next(LateEnd(), "GET")
        await asyncio.to_thread(until, lambda: proxy.connections == 2)
        await asyncio.to_thread(until, lambda: proxy.forwarded.count("GET") >= asked + 10)
        once = asyncio.gather(*(store.get(key) for key in keys[5:]))
        # Those who failed twice pause, and the others open the third one meanwhile.
        assert await once + await twice == [value(key) for key in [*keys[5:], *keys[:5]]]
        assert proxy.connections == 3

    run(proxy, test)


def test_those_who_come_together_connect_once(proxy: Proxy) -> None:
    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy)) as store:
            await every(store.incr("n") for _ in range(50))
            assert await store.get("n") == 50
        assert proxy.connections == 1

    asyncio.run(main())


def test_one_connection_is_enough_for_short_and_long(valkey: Server) -> None:
    async def test(store: Any) -> None:
        async def work(name: str) -> None:
            for number in range(3):
                text = f"{number} {LONG_TEXT}"
                await store.set(name, text)
                assert await store.get(name) == text
                await store.incr("n")

        await asyncio.gather(*(work(f"name {number}") for number in range(12)))
        assert await store.get("n") == 36
        assert clients(valkey) == 1

    run(valkey, test, connections=1)


def test_a_connection_that_is_busy_gives_way_to_who_needs_one(proxy: Proxy) -> None:
    async def test(store: Any) -> None:
        proxy.next(faults.Delay(reply=SHORT), "GET")
        reading = asyncio.ensure_future(store.get("n"))
        await asyncio.to_thread(until, lambda: "GET" in proxy.forwarded)
        await asyncio.wait_for(store.set("long", LONG_TEXT), LONG / 4)
        assert await reading == 0

    run(proxy, test, connections=1)


def test_who_waits_for_a_connection_gets_one_that_was_shared_meanwhile(valkey: Server) -> None:
    async def test(store: Any) -> None:
        calls = []
        for call in (store.set("a", LONG_TEXT), store.get("n"), store.set("b", LONG_TEXT)):
            calls.append(asyncio.ensure_future(call))
            await asyncio.sleep(0)
        assert await asyncio.wait_for(asyncio.gather(*calls), LONG / 4) == [None, 0, None]

    async def main() -> None:
        valkey.call("SET", "storage:n", 0)
        place = url(valkey, timeout=LONG, connections=1)
        async with storage.aio.RedisStorage(place) as store:
            await test(store)

    asyncio.run(main())


def test_who_is_closed_while_it_connects_leaves_no_connection(proxy: Proxy, valkey: Server) -> None:
    async def main() -> None:
        proxy.next(faults.Delay(reply=SHORT), MARK)
        store = storage.aio.RedisStorage(url(proxy, timeout=LONG))
        reading = asyncio.ensure_future(store.get("n"))
        await asyncio.to_thread(until, lambda: MARK in proxy.forwarded)
        await store.aclose()
        await asyncio.wait([reading])
        assert reading.exception() is None or isinstance(reading.exception(), StorageError)
        await asyncio.to_thread(until, lambda: clients(valkey) == 0, "the end of its connection")

    asyncio.run(main())


def test_what_is_long_does_not_keep_what_is_short(proxy: Proxy) -> None:
    async def test(store: Any) -> None:
        proxy.next(faults.Delay(command=4 * SHORT), "SET")
        writing = asyncio.ensure_future(store.set("long", LONG_TEXT))
        await asyncio.to_thread(until, lambda: proxy.connections == 2)
        assert await asyncio.wait_for(store.incr("n"), 3 * SHORT) == 1
        await writing

    run(proxy, test)


def test_who_may_not_say_marks_has_connections_of_its_own(valkey: Server) -> None:
    async def work(place: Any) -> int:
        async with storage.aio.RedisStorage(f"{place.url}?timeout={LONG}") as store:
            await asyncio.gather(*(store.incr("n") for _ in range(50)))
            found: int = await store.get("n")
            return found

    with user(valkey, "silent", "secret", "~storage:*", "+@all", "-echo") as place:
        assert asyncio.run(work(place)) == 50


def test_whose_right_to_marks_is_taken_away_goes_on(valkey: Server) -> None:
    async def work(place: Any) -> None:
        async with storage.aio.RedisStorage(f"{place.url}?timeout={LONG}") as store:
            await store.incr("n")
            valkey.call("ACL", "SETUSER", "silent", "-echo")
            errors = await every(store.incr("n") for _ in range(3))
            assert [type(error) for error in errors] == [OutcomeUnknownError] * 3
            assert await store.incr("n") == 5
            valkey.call("ACL", "SETUSER", "silent", "-get")
            with pytest.raises(AccessDeniedError):
                await store.get("n")

    with user(valkey, "silent", "secret", "~storage:*", "+@all") as place:
        asyncio.run(work(place))


def test_a_refusal_of_one_is_no_refusal_of_others(valkey: Server) -> None:
    async def test(store: Any) -> None:
        valkey.call("LPUSH", "storage:list", "one")
        calls = [store.get("list" if number % 2 else "n") for number in range(20)]
        answers = await every(calls)
        assert answers[::2] == [0] * 10
        assert [type(answer) for answer in answers[1::2]] == [storage.WrongTypeError] * 10
        assert clients(valkey) == 1

    run(valkey, test)
