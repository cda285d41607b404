"""A call that is cut off in the middle, by a signal handler or a cancellation: no other call gets
its answer, and nothing of it is left."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

import storage
import storage.aio
from storage import OutcomeUnknownError, StorageError, WrongTypeError
from tests.fault.ground import Crew, disarm, in_child
from tests.fault.redis.ground import clients, raw, url
from tests.leaks import FOLDER
from tests.servers import Server, states
from tests.waiting import until

CALLS = 6000
KEYS = 50
LIMIT = 3


class Stop(BaseException):
    """A time limit that no `except Exception` catches."""


class SoftLimit(Exception):
    """One that it does, as task queues have it."""


def value(key: int) -> str:
    return f"the value of {key}"


def check(store: Any, number: int) -> None:
    """One call, whose answer must be the right one."""
    key = number % KEYS
    kind = number % 5
    if kind < 3:
        assert store.get(str(key)) == value(key), "somebody else's answer"
    elif kind == 3:
        pair = [str(key), str((key + 1) % KEYS)]
        assert store.get_many(pair) == {one: value(int(one)) for one in pair}
    else:
        store.incr("n")


@pytest.fixture
def store(valkey: Server) -> Iterator[Any]:
    with storage.RedisStorage(url(valkey, connections=LIMIT, timeout=5)) as store:
        store.set_many({str(key): value(key) for key in range(KEYS)})
        store.set("n", 0)
        yield store


Strike = Callable[[float, Callable[[], object]], bool]


@pytest.fixture
def kind() -> type[BaseException]:
    """What strikes."""
    return Stop


@pytest.fixture
def struck(kind: type[BaseException]) -> Iterator[Strike]:
    """Runs a call in the main thread that is cut off after so many seconds; says whether it was."""

    def strike(*_: object) -> None:
        raise kind

    def run(seconds: float, call: Callable[[], object]) -> bool:
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                call()
            finally:
                disarm()
        except kind:
            return True
        except UnboundLocalError:
            return True  # what strikes an old redis-py while it makes a connection
        except StorageError as error:
            if "in use" in str(error):
                raise
            return True
        return False

    gc.collect()
    gc.disable()  # what strikes in a `__del__` is lost there
    usual = signal.signal(signal.SIGALRM, strike)
    yield run
    signal.signal(signal.SIGALRM, usual)
    gc.enable()


# What is struck before anybody has the new socket is closed by the interpreter, which says so.
from_the_middle_of_connecting = pytest.mark.filterwarnings("ignore:unclosed <socket")


@from_the_middle_of_connecting
@pytest.mark.parametrize("kind", [Stop, SoftLimit])
def test_a_signal_handler_that_raises_crosses_no_answers_and_leaves_nothing(
    store: Any, struck: Strike, valkey: Server
) -> None:
    chance = random.Random(11)
    files = len(list(FOLDER.iterdir()))
    hits = 0
    for number in range(CALLS // 2):
        hits += struck(chance.uniform(1e-5, 2.5e-4), partial(check, store, number))

    assert hits > CALLS // 40, "it hardly ever struck"
    for number in range(KEYS * 2):
        check(store, number)
    assert len(list(FOLDER.iterdir())) <= files + LIMIT
    until(lambda: clients(valkey) <= LIMIT, "the end of what was cut off")


@from_the_middle_of_connecting
def test_after_many_strikes_as_many_calls_go_on_at_once_as_before(
    store: Any, struck: Strike, valkey: Server
) -> None:
    """A connection of a call that was cut off does not count against the limit."""
    chance = random.Random(13)
    for number in range(600):
        struck(chance.uniform(1e-5, 3e-4), partial(check, store, number))

    with states.paused(valkey, writes=True):
        crew = Crew(*[lambda: store.set("n", 1)] * LIMIT)
        until(lambda: clients(valkey, "flags=b ") == LIMIT, "as many calls as are allowed")
    crew.join()
    assert clients(valkey) == LIMIT


@from_the_middle_of_connecting
@pytest.mark.parametrize(
    "kind", [Stop, TimeoutError, InterruptedError, ConnectionResetError, ValueError]
)
def test_a_change_that_is_struck_is_done_once_or_not_at_all(
    store: Any, struck: Strike, valkey: Server
) -> None:
    """Many a handler raises what a socket raises too."""
    chance = random.Random(17)
    done = hits = 0

    def change() -> None:
        nonlocal done
        store.incr("n")
        done += 1

    for _ in range(CALLS // 2):
        store.has("n")  # or nearly all that is struck connects anew
        hits += struck(chance.uniform(1e-5, 1.5e-4), change)

    assert hits
    assert done <= int(raw(valkey, "n") or 0) <= done + hits


@pytest.mark.parametrize("asked", ["a list", "a number"])
def test_what_a_server_refuses_leaves_nothing_to_the_collector(
    asked: str, store: Any, valkey: Server
) -> None:
    """What waits for it may hold a connection, which counts against the limit meanwhile."""
    valkey.call("DEL", "storage:a list")
    valkey.call("RPUSH", "storage:a list", "x")

    def refused() -> None:
        if asked == "a list":
            with suppress(WrongTypeError):
                store.get(asked)
        else:
            valkey.call("SCRIPT", "FLUSH")
            store.incr(asked)

    refused()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            refused()
        assert gc.collect() < 20
    finally:
        gc.enable()


@from_the_middle_of_connecting
def test_a_strike_while_a_number_is_said_is_one_like_any_other(
    struck: Strike, valkey: Server
) -> None:
    """The client library says the protocol and the database by themselves, as numbers."""
    numbered = f"{valkey.url[:-1]}1?protocol=3"
    with storage.RedisStorage(numbered) as store:
        make = store._backend._room._door.maker.connection
        connection = make((valkey.host, valkey.port))

        def say() -> None:
            for _ in range(20):
                said = connection.pack_command("HELLO", 3)
                assert b"".join(said) == b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"

        chance = random.Random(31)

        def say_often() -> None:
            hits = sum(struck(chance.uniform(1e-6, 3e-5), say) for _ in range(CALLS))
            assert hits > CALLS // 40

        in_child(say_often)  # where it crashes, that is the end of the process
        store.set("n", 1)
        for number in range(CALLS // 20):
            struck(chance.uniform(1e-5, 1e-3), partial(store.incr, "n"))
            if number % 2:
                store._backend._room._door._links.forget((valkey.host, valkey.port))
        assert store.get("n") >= 1
        store.clear(everything=True)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_cancelled_call_crosses_no_answers(protocol: int, valkey: Server) -> None:
    chance = random.Random(19)

    async def one(store: Any, number: int) -> None:
        key = number % KEYS
        if number % 5 == 4:
            await store.incr("n")
        elif number % 5 == 3:
            assert await store.get_many([str(key)]) == {str(key): value(key)}
        else:
            assert await store.get(str(key)) == value(key), "somebody else's answer"

    async def main() -> None:
        place = url(valkey, connections=LIMIT, timeout=20, protocol=protocol)
        async with storage.aio.RedisStorage(place) as store:
            await store.set_many({str(key): value(key) for key in range(KEYS)})
            cut = 0
            for begin in range(0, CALLS // 2, 20):
                tasks = [asyncio.ensure_future(one(store, begin + n)) for n in range(20)]
                for task in chance.sample(tasks, 8):
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                    task.cancel()
                for done in await asyncio.gather(*tasks, return_exceptions=True):
                    assert done is None or isinstance(done, asyncio.CancelledError), done
                    cut += done is not None
            assert cut > CALLS // 40
            for number in range(KEYS):
                await one(store, number)
            assert clients(valkey) <= LIMIT
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    gc.collect()
    until(lambda: clients(valkey) == 0)


def test_a_call_with_a_time_limit_of_ones_own_crosses_no_answers(valkey: Server) -> None:
    chance = random.Random(23)

    async def one(store: Any, number: int) -> bool:
        key = str(number % KEYS)
        # How many answers come later than that depends on the machine; for some no answer is quick
        # enough on any.
        limit = 1e-9 if number % 8 == 7 else chance.uniform(1e-5, 5e-4)
        try:
            found = await asyncio.wait_for(store.get(key), limit)
        except asyncio.TimeoutError:
            return False
        assert found == value(number % KEYS), "somebody else's answer"
        return True

    async def main() -> None:
        async with storage.aio.RedisStorage(url(valkey, connections=LIMIT, timeout=20)) as store:
            await store.set_many({str(key): value(key) for key in range(KEYS)})
            late = 0
            for begin in range(0, CALLS // 3, 8):
                done = await asyncio.gather(*(one(store, begin + n) for n in range(8)))
                late += done.count(False)
            assert late > CALLS // 100
            assert await store.get("0") == value(0)
            assert clients(valkey) <= LIMIT

    asyncio.run(main())
    gc.collect()
    until(lambda: clients(valkey) == 0)


def test_a_cancelled_change_is_done_once_or_not_at_all(valkey: Server) -> None:
    chance = random.Random(29)

    async def main() -> None:
        done = 0
        async with storage.aio.RedisStorage(url(valkey, connections=LIMIT, timeout=20)) as store:
            await store.set("n", 0)
            for number in range(600):
                task = asyncio.ensure_future(store.update("n", lambda n: n + 1))
                for _ in range(chance.randrange(12)):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    await task
                    done += 1
                except asyncio.CancelledError:
                    pass
                except OutcomeUnknownError:
                    pytest.fail(f"number {number}: nothing was lost")
            assert done <= await store.get("n") <= 600
            assert await store.update("n", lambda _: 0) == 0

    asyncio.run(main())
