"""After `close` nothing works, everything says so, and the server sees nobody any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import redis
import redis.asyncio

import storage
from storage import ClosedError
from tests.fault import faults
from tests.fault.conftest import Open
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import AGAIN, LONG_TEXT, NAME, ONCE, clients, kind_of, prepared
from tests.servers import Server
from tests.waiting import until

KV: dict[str, Callable[[Any], object]] = {
    **{name: call for name, (_, call, *_) in ONCE.items()},
    **{name: call for name, (_, call, _) in AGAIN.items()},
    "get_or_set": lambda store: store.get_or_set("made", lambda: 1),
    "values": lambda store: list(store.values()),
    "items": lambda store: list(store.items()),
    "clear": lambda store: store.clear(everything=True),
}
LEASES: dict[str, Callable[[Any], object]] = {
    "acquire": lambda room: room.acquire("k", "a", 1000, 1000),
    "wait": lambda room: room.wait("k", "a", 10),
    "renew": lambda room: room.renew("k", "a", 1000),
    "release": lambda room: room.release("k", "a"),
    "claim": lambda room: room.claim("k", "a", 1000),
    "done": lambda room: room.done("k", "a", 1000),
}


def test_every_method_says_that_the_store_is_closed(at: At, half: Any, valkey: Server) -> None:
    store = prepared(at(valkey), valkey)
    room = store.room(half.LeaseStore)
    part = store.namespace("part")
    store.close()

    for name, call in KV.items():
        assert kind_of(lambda call=call: call(store)) is ClosedError, name
        assert kind_of(lambda call=call: call(part)) is ClosedError, name
    for name, call in LEASES.items():
        assert kind_of(lambda call=call: call(room)) is ClosedError, name
    until(lambda: clients(valkey) == 0, "the end of its connections")


def test_closing_ends_all_connections_at_once_and_twice_is_fine(
    at: At, half: Any, valkey: Server
) -> None:
    store = at(valkey)
    start = threading.Barrier(5)

    def work() -> None:
        start.wait()
        for _ in range(20):
            store.incr("n")
            store.set("long", LONG_TEXT)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clients(valkey) > 1
    store.room(half.LeaseStore).acquire("k", "a", 1000, 0)
    store.close()
    store.close()
    until(lambda: clients(valkey) == 0, "the end of its connections")


def test_a_call_that_is_under_way_goes_on_and_its_connection_ends_after_it(
    at: At, proxy: Proxy, valkey: Server
) -> None:
    store = at(proxy, timeout=20)
    store.set("n", 1)
    proxy.next(faults.Delay(reply=0.1), "GET")
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(store.get("n")))
    thread.start()
    until(lambda: "GET" in proxy.forwarded)
    store.close()
    assert kind_of(lambda: store.get("n")) is ClosedError
    thread.join()

    assert answers == [1]
    until(lambda: clients(valkey) == 0, "the end of its connection")


def test_a_store_that_was_forgotten_leaves_no_connection(valkey: Server) -> None:
    store = storage.RedisStorage(f"{valkey.url}?client_name={NAME}")
    store.set("n", 1)
    assert clients(valkey) == 1
    del store
    until(lambda: clients(valkey) == 0, "the end of its connection")


def test_a_client_that_was_passed_in_stays_open(opened: Open, half: Any, valkey: Server) -> None:
    library = redis if half is storage else redis.asyncio
    client = library.Redis.from_url(valkey.url, client_name=NAME)
    store = opened("RedisStorage", client)
    store.set("n", 1)
    assert clients(valkey) == 1
    store.close()
    until(lambda: clients(valkey) == 0)

    if library is redis:
        assert client.get("storage:n") == b"1"
        client.close()
