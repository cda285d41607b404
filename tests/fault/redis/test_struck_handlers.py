"""What a signal handler raises is the caller's: it ends his call, whatever it looks like."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AioRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

import storage
import storage.aio
from storage import StorageError, UnavailableError
from storage.redis.punctual import punctual
from tests.fault import faults
from tests.fault.ground import in_child
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import Port, failure, url
from tests.servers import Server
from tests.servers.tls import Certificates

pytestmark = pytest.mark.timed

PATIENT = 20
SOON = 0.1
ENOUGH = 5
STRIKES = 4000

CALLS: dict[str, Callable[[Any], object]] = {
    "get": lambda store: store.get("n"),
    "incr": lambda store: store.incr("n"),
    "get_many": lambda store: store.get_many(["n", "m"]),
    "a hit": lambda store: storage.RateLimiter(store, "20/min").hit("n"),
    "hits": lambda store: storage.RateLimiter(store, "20/min").hit_many(["n", "m"]),
}

KINDS = [TimeoutError, ConnectionResetError, OSError, ValueError, AttributeError]
"""What a handler may raise, and a connection too."""


class OwnConnection(redis.Connection):
    """A connection of the caller's making."""

    def read_response(self, *args: Any, **options: Any) -> Any:
        return super().read_response(*args, **options)


class Tracing(redis.Connection):
    """It looks at who calls it, as what watches a program does."""

    def read_response(self, *args: Any, **options: Any) -> Any:
        caller = sys._getframe(1)
        assert caller.f_code.co_name
        return super().read_response(*args, **options)


class OwnClient(redis.Redis):
    """It runs commands in a way of its own."""

    def execute_command(self, *words: Any, **options: Any) -> Any:
        return super().execute_command(*words, **options)


class OwnAioClient(redis.asyncio.Redis):
    """The same for asyncio; a signal comes while it runs a command."""

    async def execute_command(self, *words: Any, **options: Any) -> Any:
        signal.raise_signal(signal.SIGALRM)
        return await super().execute_command(*words, **options)


@pytest.fixture(params=["plain", "TLS", "the caller's"])
def store(
    request: pytest.FixtureRequest, valkey: Server, certificates: Certificates
) -> Iterator[tuple[Any, Proxy]]:
    """A store of each kind of connections, and what it goes through."""
    with ExitStack() as stack:
        is_tls = request.param == "TLS"
        proxy = stack.enter_context(Proxy(valkey.address, certificates.right if is_tls else None))
        target: Any = url(proxy, timeout=PATIENT)
        if is_tls:
            target += f"&ssl_ca_certs={certificates.ca}"
        elif request.param == "the caller's":
            pool = stack.enter_context(
                redis.ConnectionPool.from_url(
                    proxy.url, connection_class=OwnConnection, socket_timeout=PATIENT
                )
            )
            target = redis.Redis(connection_pool=pool)
        yield stack.enter_context(storage.RedisStorage(target, timeout=PATIENT)), proxy


def strikes(
    kind: type[BaseException], call: Callable[[], object], soon: float = SOON
) -> BaseException:
    """What *call* ends with when a handler that raises this *kind* strikes it, *soon* or never."""

    def strike(*_: object) -> None:
        raise kind("the caller's own")

    usual = signal.signal(signal.SIGALRM, strike)
    begin = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, soon)
    try:
        with pytest.raises((kind, StorageError)) as caught:
            call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)
    assert time.monotonic() - begin < ENOUGH, "it went on"
    return caught.value


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, TimeoutError) for name in CALLS), *(("get", kind) for kind in KINDS[1:])],
)
def test_a_handler_ends_a_call_that_waits_for_its_answer(
    name: str, kind: type[Exception], store: tuple[Any, Proxy]
) -> None:
    """A time limit of the caller's often raises `TimeoutError`, as a socket does."""
    stored, proxy = store
    CALLS[name](stored)
    proxy.always(faults.Blackhole())

    ended = strikes(kind, lambda: CALLS[name](stored))

    assert (type(ended), str(ended)) == (kind, "the caller's own")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["get", "get_many"])
def test_a_handler_ends_a_call_of_a_client_that_does_things_its_way(
    name: str, kind: type[Exception], proxy: Proxy
) -> None:
    """Such a client makes errors of its own of what a connection raises."""
    with (
        OwnClient.from_url(proxy.url, retry=Retry(NoBackoff(), 0)) as client,
        storage.RedisStorage(client) as store,
    ):
        CALLS[name](store)
        proxy.always(faults.Blackhole())

        ended = strikes(kind, lambda: CALLS[name](store))

    assert (type(ended), str(ended)) == (kind, "the caller's own")


def test_who_looks_at_his_caller_is_no_handler(proxy: Proxy) -> None:
    with (
        redis.ConnectionPool.from_url(proxy.url, connection_class=Tracing) as pool,
        storage.RedisStorage(redis.Redis(connection_pool=pool), timeout=SOON) as store,
    ):
        proxy.always(faults.Blackhole())
        assert type(failure(lambda: store.get("n"))) is UnavailableError


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_ends_a_call_of_a_task_by_a_client_that_does_things_its_way(
    kind: type[Exception], valkey: Server
) -> None:
    async def get() -> object:
        async with (
            OwnAioClient.from_url(url(valkey), retry=AioRetry(NoBackoff(), 0)) as client,
            storage.aio.RedisStorage(client) as store,
        ):
            return await store.get("n")

    ended = strikes(kind, lambda: asyncio.run(get()), soon=0)

    assert (type(ended), str(ended)) == (kind, "the caller's own")


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_ends_a_call_that_connects(kind: type[Exception]) -> None:
    held: list[socket.socket] = []
    with Port(held.append) as silent:
        with storage.RedisStorage(url(silent, timeout=PATIENT)) as store:
            ended = strikes(kind, lambda: store.get("n"))
        for one in held:
            one.close()

    assert (type(ended), str(ended)) == (kind, "the caller's own")


class Signalling(socket.socket):
    """A signal comes when somebody asks for an option of it, or sets one."""

    def setsockopt(self, *words: Any) -> None:
        signal.raise_signal(signal.SIGALRM)
        super().setsockopt(*words)

    def getsockopt(self, *words: Any) -> Any:
        signal.raise_signal(signal.SIGALRM)
        return super().getsockopt(*words)


class SignallingLater(Signalling):
    setsockopt = socket.socket.setsockopt


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only sockets of Linux are asked what they have"
)
@pytest.mark.parametrize("kind", [Signalling, SignallingLater])
def test_a_handler_ends_a_look_at_what_a_socket_has(kind: type[socket.socket]) -> None:
    as_the_systems_own = type("socket", (kind,), {"__module__": "socket"})

    def look() -> None:
        with as_the_systems_own() as one:
            punctual(one, time.monotonic())

    assert str(strikes(TimeoutError, look)) == "the caller's own"


def test_a_handler_may_be_any_callable_that_takes_its_name_off(store: tuple[Any, Proxy]) -> None:
    stored, proxy = store
    stored.get("n")
    proxy.always(faults.Blackhole())

    class Once:
        def __call__(self, number: int, frame: object) -> None:
            signal.signal(signal.SIGALRM, usual)
            self.end()

        def end(self) -> None:
            raise TimeoutError("the caller's own")

    usual = signal.signal(signal.SIGALRM, Once())
    signal.setitimer(signal.ITIMER_REAL, SOON)
    with pytest.raises(TimeoutError, match="own"):
        stored.get("n")


@pytest.mark.parametrize("what", ["refused", "late", "down"])
def test_an_error_that_the_caller_handles_keeps_its_calls(
    what: str, valkey: Server, proxy: Proxy
) -> None:
    """A call to a store inside `except` may fail as well, and what it handles is raised on."""
    with storage.RedisStorage(url(proxy, timeout=SOON)) as store:
        store.get("n")
        if what == "refused":
            valkey.call("DEL", "storage:n")
            valkey.call("RPUSH", "storage:n", "x")
        elif what == "late":
            proxy.always(faults.Blackhole())
        else:
            proxy.refuse()
            proxy.cut()
        try:
            raise ValueError("the caller's own")
        except ValueError as error:
            before, handled = error.__traceback__, error
            failure(lambda: store.get("n"))
        assert before is not None
        assert handled.__traceback__ is before


def test_what_the_caller_handles_may_come_of_itself(valkey: Server) -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    valkey.call("DEL", "storage:n")
    valkey.call("RPUSH", "storage:n", "x")
    with storage.RedisStorage(url(valkey)) as store:
        try:
            raise one
        except ValueError:
            failure(lambda: store.get("n"))


def test_what_the_caller_handles_does_not_end_a_call(proxy: Proxy) -> None:
    """He gave up one call for his time limit, and makes another while he handles that."""
    with storage.RedisStorage(url(proxy, timeout=SOON * 2)) as store:
        store.get("n")
        proxy.always(faults.Blackhole())

        def again() -> None:
            try:
                store.get("n")
            except TimeoutError:
                store.get("n")

        assert type(strikes(TimeoutError, again)) is UnavailableError


def test_a_handler_may_use_the_store(valkey: Server) -> None:
    """Whichever step of a call it strikes, be it one that nobody else may take meanwhile."""
    place = (valkey.host, valkey.port)
    chance = random.Random(7)

    def use() -> None:
        used = 0
        with storage.RedisStorage(url(valkey, timeout=PATIENT)) as store:

            def strike(*_: object) -> None:
                nonlocal used
                used += store.get("n") == "x"

            store.set("n", "x")
            links = store._backend._room._door._links
            signal.signal(signal.SIGALRM, strike)
            for _ in range(STRIKES):
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 6e-4))
                links.forget(place)  # as after a failure: the next call connects
                assert store.get("n") == "x"
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert used

    in_child(use)
