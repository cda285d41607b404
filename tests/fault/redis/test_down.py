"""A server that is not there: calls wait for it within their time, fail fast while it is known to
be down, work at once when it is back, and ten thousand failures leave nothing behind."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import storage
import storage.aio
from storage import OutcomeUnknownError, UnavailableError
from tests.fault import faults
from tests.fault.ground import together
from tests.fault.link import RESET
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import Port, clients, ends_by, failure, kind_of, raw, url
from tests.leaks import FOLDER
from tests.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.timed

SECONDS = 0.25
FAILURES = 5000
"""In each of the two halves."""
TIMEOUTS = 200
AT_ONCE = 20
SHORT = 0.05
KINDS = (UnavailableError, OutcomeUnknownError)

Call = Callable[[Any], Any]


def incr(store: Any) -> Any:
    return store.incr("n")


def get(store: Any) -> Any:
    return store.get("n")


def set_(store: Any) -> Any:
    return store.set("n", 1)


@pytest.mark.parametrize("call", [get, set_, incr])
def test_a_server_that_refuses_is_waited_for_until_the_deadline(
    call: Call, at: At, proxy: Proxy
) -> None:
    proxy.refuse()

    stores = iter([at(proxy, timeout=SECONDS) for _ in range(3)])
    begin = time.monotonic()
    error = ends_by(SECONDS, lambda: failure(lambda: call(next(stores))))

    assert type(error) is UnavailableError
    assert time.monotonic() - begin >= SECONDS * 0.8


def test_a_server_that_is_known_to_be_down_is_not_waited_for(at: At, proxy: Proxy) -> None:
    store = at(proxy, timeout=SECONDS)
    proxy.refuse()
    failure(lambda: store.get("n"))

    begin = time.monotonic()
    for _ in range(5):
        for call in (get, set_, incr):
            assert kind_of(lambda call=call: call(store)) is UnavailableError

    assert time.monotonic() - begin < 5 * SECONDS, "each of the 15 calls waited"


@pytest.mark.parametrize("call", [get, set_, incr])
def test_a_server_that_is_back_is_asked_at_once(
    call: Call, at: At, proxy: Proxy, valkey: Server
) -> None:
    store = at(proxy, timeout=SECONDS)
    store.set("n", 1)
    proxy.refuse()
    proxy.cut()
    for _ in range(3):
        failure(lambda: store.get("n"))
    proxy.mend()

    begin = time.monotonic()
    call(store)
    assert time.monotonic() - begin < SECONDS
    assert raw(valkey, "n") == (b"2" if call is incr else b"1")


def test_a_server_that_comes_within_the_time_of_a_call_is_not_missed(at: At, proxy: Proxy) -> None:
    store = at(proxy, timeout=20)
    for number in (1, 2):
        proxy.refuse()
        proxy.cut()
        comes = threading.Timer(0.1, proxy.mend)
        comes.start()
        assert store.incr("n") == number
        comes.join()


def test_after_it_was_back_a_server_is_waited_for_again(at: At, proxy: Proxy) -> None:
    store = at(proxy, timeout=SECONDS)
    for _ in range(2):
        proxy.refuse()
        proxy.cut()
        begin = time.monotonic()
        failure(lambda: store.get("n"))
        assert time.monotonic() - begin >= SECONDS * 0.8, "it did not wait"
        proxy.mend()
        until(lambda: kind_of_answer(store) is None)


def kind_of_answer(store: Any) -> type[Exception] | None:
    """What kind of error a call ends with, if any; a busy machine may need some attempts."""
    try:
        store.get("n")
    except UnavailableError as error:
        return type(error)
    return None


def held(server: Server) -> tuple[int, int, int]:
    """Descriptors and threads of this process, and connections at the server."""
    return len(list(FOLDER.iterdir())), threading.active_count(), clients(server)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


def fail_many(half: Any, place: Any, times: int, workers: int) -> int:
    """Call *times* in vain, *workers* at once; how many calls failed as they must."""
    if half is storage:
        return _in_threads(place, times, workers)
    return asyncio.run(_in_tasks(place, times, workers))


def _in_threads(place: Any, times: int, workers: int) -> int:
    failed = [0] * workers

    def work(worker: int) -> None:
        for number in range(times // workers):
            failed[worker] += kind_of(lambda: _call(store, number)) in KINDS  # noqa: B023

    with storage.RedisStorage(url(place, timeout=SHORT)) as store:
        failure(lambda: store.clear(everything=True))
        together(*(partial(work, worker) for worker in range(workers)))
    return sum(failed)


async def _in_tasks(place: Any, times: int, workers: int) -> int:
    failed = 0

    async def work() -> None:
        nonlocal failed
        for number in range(times // workers):
            try:
                await _call(store, number)
            except KINDS:
                failed += 1

    async with storage.aio.RedisStorage(url(place, timeout=SHORT)) as store:
        with pytest.raises(KINDS):
            await store.clear(everything=True)
        await asyncio.gather(*(work() for _ in range(workers)))
        assert asyncio.all_tasks() == {asyncio.current_task()}
    return failed


def _call(store: Any, number: int) -> Any:
    return store.incr("n") if number % 2 else store.get("n")


def flat(server: Server, before: tuple[int, int, int]) -> None:
    """Nothing more is held than *before*, as soon as the other side has closed what it had."""
    until(lambda: all(now <= then for now, then in zip(held(server), before)), "nothing held")


@pytest.mark.slow
def test_ten_thousand_refused_calls_leave_nothing_behind(
    half: Any, proxy: Proxy, valkey: Server
) -> None:
    proxy.refuse()
    before = held(valkey)

    assert fail_many(half, proxy, FAILURES, 1) == FAILURES
    flat(valkey, before)


@pytest.mark.slow
def test_ten_thousand_resets_leave_nothing_behind(half: Any, valkey: Server) -> None:
    before = held(valkey)

    with Port(reset) as place:
        assert fail_many(half, place, FAILURES, 1) == FAILURES
    flat(valkey, before)


def test_calls_that_time_out_leave_nothing_behind(half: Any, proxy: Proxy, valkey: Server) -> None:
    before = held(valkey)
    proxy.always(faults.Blackhole())

    assert fail_many(half, proxy, TIMEOUTS, AT_ONCE) == TIMEOUTS
    flat(valkey, before)
