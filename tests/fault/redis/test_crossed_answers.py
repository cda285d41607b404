"""Nobody gets the answer to somebody else's question: not a late one, a damaged one or a second
one. The value under each key tells the key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import storage
from storage import StorageError
from tests.fault import faults
from tests.fault.ground import together
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.servers import Server

pytestmark = pytest.mark.timed

KEYS = 20
CALLS = 90
PROTOCOLS = [2, 3]


def value(key: object) -> str:
    return f"the value of {key}"


@pytest.fixture(params=PROTOCOLS)
def store(request: pytest.FixtureRequest, at: At, proxy: Proxy) -> Any:
    store = at(proxy, timeout=10, connections=2, protocol=request.param)
    store.set_many({str(key): value(key) for key in range(KEYS)})
    return store


def read(store: Any, number: int) -> bool:
    """Ask for one key or two; whether there was an answer, which is right then."""
    one, other = str(number % KEYS), str((number * 7 + 3) % KEYS)
    try:
        if number % 3:
            assert store.get(one) == value(one)
        else:
            found = store.get_many([one, other])
            assert found == {one: value(one), other: value(other)}
    except StorageError:
        return False
    return True


@pytest.mark.parametrize("fault", [faults.Duplicate, faults.Corrupt, faults.Truncate])
def test_what_disturbs_one_answer_disturbs_no_other_one(
    fault: Callable[[], faults.Fault], store: Any, proxy: Proxy
) -> None:
    answered = 0
    for number in range(CALLS):
        if number % 2:
            proxy.next(fault(), "GET", "MGET")
        answered += read(store, number)

    assert answered == CALLS


def test_an_answer_that_comes_twice_is_not_taken_for_the_next_one(store: Any, proxy: Proxy) -> None:
    proxy.always(faults.Duplicate())

    assert all(read(store, number) for number in range(CALLS))
    assert store.incr("n") == 1
    assert store.incr("n") == 2
    assert store.add("new", 1)
    assert not store.add("new", 1)


def test_of_many_at_once_each_gets_its_own(store: Any, proxy: Proxy) -> None:
    proxy.always(faults.Duplicate(), "GET")

    def work() -> None:
        assert all(read(store, number) for number in range(CALLS // 4))

    together(*[work] * 8)


@pytest.mark.parametrize("at_byte", [0, 1, -1, -2])
def test_a_damaged_length_or_end_of_an_answer_ends_its_connection(
    at_byte: int, store: Any, proxy: Proxy
) -> None:
    for number in range(KEYS):
        proxy.next(faults.Corrupt(at=at_byte), "GET", "MGET")
        read(store, number)
        assert read(store, number + 1)


@pytest.mark.parametrize("call", ["incr", "swap"])
def test_a_damaged_answer_to_a_change_is_an_unknown_outcome(
    call: str, store: Any, proxy: Proxy, valkey: Server
) -> None:
    store.set("n", 1)
    store.incr("n")
    store.swap("n", 2, 1)
    proxy.next(faults.Corrupt(at=0), "EVALSHA")

    with pytest.raises(storage.OutcomeUnknownError):
        store.incr("n") if call == "incr" else store.swap("n", 1, 2)
    assert valkey.call("GET", "storage:n") == b"2"


def test_what_comes_one_byte_at_a_time_comes_whole(store: Any, proxy: Proxy) -> None:
    proxy.always(faults.Drip(pause=0), handshake=True)
    proxy.cut()

    assert all(read(store, number) for number in range(10))
    assert store.incr("n") == 1


def test_an_answer_that_comes_too_late_reaches_nobody(at: At, store: Any, proxy: Proxy) -> None:
    hasty = at(proxy, timeout=0.05, connections=1)
    late = 0
    for number in range(8):
        # Now and then it is just in time, and now and then the machine is too busy for the next.
        proxy.next(faults.Delay(reply=0.05), "GET", "MGET")
        late += not read(hasty, number)
        read(hasty, number + 1)

    assert late
