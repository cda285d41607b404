"""Every call ends by its deadline, whatever keeps the answer back: connecting, waiting and trying
again are a part of it."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest

import storage
import storage.aio
from storage import OutcomeUnknownError, StorageError, UnavailableError
from storage.core.limits import Limit
from storage.records import Ask, Meter
from tests.fault import faults
from tests.fault.proxy import Deaf, Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import LONG_TEXT, ends_by, failure, prepared, raw, stopped, url
from tests.servers import Server, states
from tests.waiting import until

SECONDS = 0.4
SHORT = 0.15
NAME = "many.example"

Call = Callable[[Any], StorageError]
Silence = Callable[[Proxy, Server], AbstractContextManager[Any]]


@contextmanager
def always(proxy: Proxy, fault: faults.Fault | faults.Forgotten, **more: bool) -> Iterator[None]:
    proxy.always(fault, **more)
    yield
    proxy.mend()


@contextmanager
def ignored(proxy: Proxy) -> Iterator[None]:
    """Who wants to connect gets no answer, and nobody is connected."""
    proxy.ignore()
    proxy.cut()
    yield
    proxy.mend()


@contextmanager
def taken_and_forgotten(proxy: Proxy) -> Iterator[None]:
    with always(proxy, faults.Forgotten()):
        proxy.cut()
        yield


@contextmanager
def cut_off(proxy: Proxy) -> Iterator[None]:
    """The network is dead, for new connections too."""
    with always(proxy, faults.Blackhole(), handshake=True):
        proxy.cut()
        yield


AFTER_SENDING: dict[str, Silence] = {
    "a black hole": lambda proxy, server: always(proxy, faults.Blackhole()),
    "a late reply": lambda proxy, server: always(proxy, faults.Delay(reply=60)),
    "replies that are lost": lambda proxy, server: always(proxy, faults.Swallow()),
    "a stopped process": lambda proxy, server: stopped(server),
    "a pause": lambda proxy, server: states.paused(server),
}
BEFORE_SENDING: dict[str, Silence] = {
    "no answer to who connects": lambda proxy, server: ignored(proxy),
    "accepting and then nothing": lambda proxy, server: taken_and_forgotten(proxy),
    "no answer to the handshake": lambda proxy, server: cut_off(proxy),
}

pytestmark = [
    pytest.mark.timed,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others queue more"),
]


@pytest.fixture
def store(at: At, proxy: Proxy, valkey: Server) -> Any:
    prepared(at(valkey), valkey)
    return at(proxy, timeout=SECONDS)


@pytest.fixture
def hasty(at: At, store: Any, proxy: Proxy) -> Any:
    """A store with less time, which is connected."""
    hasty = at(proxy, timeout=SHORT)
    assert answers(hasty)
    return hasty


def answers(store: Any) -> bool:
    """Whether it answers, if it is given some attempts on a busy machine."""

    def asked() -> bool:
        try:
            return bool(store.has("d"))
        except StorageError:
            return False

    until(asked)
    return True


def writes(store: Any) -> StorageError:
    return failure(lambda: store.incr("n"))


def overwrites(store: Any) -> StorageError:
    return failure(lambda: store.set("n", 5))


def overwrites_long(store: Any) -> StorageError:
    """On a connection of its own."""
    return failure(lambda: store.set("n", LONG_TEXT))


def reads(store: Any) -> StorageError:
    return failure(lambda: store.get("n"))


@pytest.mark.parametrize("silence", AFTER_SENDING)
@pytest.mark.parametrize(
    ("call", "kind"),
    [(reads, UnavailableError), (writes, OutcomeUnknownError)],
)
def test_an_answer_that_does_not_come_is_waited_for_until_the_deadline(
    call: Call, kind: type[StorageError], silence: str, hasty: Any, proxy: Proxy, valkey: Server
) -> None:
    with AFTER_SENDING[silence](proxy, valkey):
        error = ends_by(SHORT, lambda: call(hasty))

    assert type(error) is kind
    assert answers(hasty)


@pytest.mark.parametrize("silence", BEFORE_SENDING)
def test_who_can_not_connect_knows_by_the_deadline_that_nothing_was_done(
    silence: str, hasty: Any, proxy: Proxy, valkey: Server
) -> None:
    with BEFORE_SENDING[silence](proxy, valkey):
        for call in (reads, writes, overwrites_long):
            assert type(ends_by(SHORT, lambda call=call: call(hasty))) is UnavailableError
    assert raw(valkey, "n") == b"1"
    assert answers(hasty)


def test_the_time_to_connect_is_a_part_of_the_call(store: Any, proxy: Proxy) -> None:
    proxy.always(faults.Delay(reply=0.7 * SECONDS), "CLIENT")
    proxy.always(faults.Blackhole())

    for call in (reads, writes):
        proxy.cut()
        ends_by(SECONDS, lambda call=call: call(store))


METERS = [[Meter(Limit(10, name=name).rule, "k")] for name in ("a", "b")]


@pytest.mark.parametrize(
    ("connecting", "within", "whole"), [(0.7, None, 1.0), (0.2, 0.1, 0.3)], ids=["usual", "within"]
)
def test_several_that_tasks_ask_together_are_over_by_the_deadline_of_the_call(
    connecting: float, within: float | None, whole: float, proxy: Proxy
) -> None:
    """To connect is a part of it, but for those who ask for an answer within a shorter time."""
    proxy.always(faults.Blackhole())

    async def several() -> StorageError:
        proxy.next(faults.Delay(reply=connecting), "CLIENT")
        async with storage.aio.RedisStorage(url(proxy, timeout=1)) as store:
            room = store.room(storage.aio.protocols.RateLimitStore)
            with pytest.raises(StorageError) as caught:
                await room.hit_many(METERS, Ask(within=within))
            return caught.value

    ends_by(whole, lambda: asyncio.run(several()))


def test_the_time_to_wait_for_a_connection_is_a_part_of_the_call(at: At, proxy: Proxy) -> None:
    store = at(proxy, timeout=SECONDS, connections=1)
    store.get("n")
    proxy.always(faults.Delay(reply=0.8 * SECONDS), "EXISTS")
    proxy.always(faults.Blackhole(), "GET")

    def behind() -> StorageError:
        asked = proxy.forwarded.count("EXISTS")
        other = threading.Thread(target=lambda: store.has("n"))
        other.start()
        until(lambda: proxy.forwarded.count("EXISTS") > asked)
        try:
            return reads(store)
        finally:
            other.join()

    assert type(ends_by(SECONDS, behind)) is UnavailableError


def test_every_try_is_a_part_of_the_call(store: Any, proxy: Proxy) -> None:
    proxy.always(faults.Unanswered())

    error = ends_by(SECONDS, lambda: reads(store))

    assert type(error) is UnavailableError
    assert proxy.commands.count("GET") > 2


class LateEnd(faults.Fault):
    """The connection ends when most of the time is over."""

    def reply(self, way: faults.Way, reply: bytes) -> None:
        way.wait(0.8 * SECONDS)
        way.end(faults.End.RST)


def reads_several(store: Any) -> StorageError:
    return failure(lambda: [*store.items()])


@pytest.mark.parametrize(("call", "command"), [(reads, "GET"), (reads_several, "MGET")])
def test_a_try_has_the_time_that_the_one_before_it_has_left(
    call: Call, command: str, store: Any, proxy: Proxy
) -> None:
    store.get("n")
    proxy.always(faults.Blackhole(), command)

    def lost_late() -> StorageError:
        proxy.next(LateEnd(), command)
        return call(store)

    assert type(ends_by(SECONDS, lost_late)) is UnavailableError


class Trickle(faults.Fault):
    """A reply comes piece by piece, each within the time for an answer."""

    def reply(self, way: faults.Way, reply: bytes) -> None:
        for byte in reply:
            way.to_client(bytes([byte]))
            way.wait(SECONDS / 2)


@pytest.mark.parametrize("call", [reads, writes])
def test_an_answer_that_comes_in_pieces_does_not_make_the_call_longer(
    call: Call, store: Any, proxy: Proxy
) -> None:
    store.get("n")
    proxy.always(Trickle())

    ends_by(SECONDS, lambda: call(store))


def test_a_call_waits_for_a_server_that_comes_within_its_time(
    at: At, store: Any, proxy: Proxy
) -> None:
    patient = at(proxy, timeout=20, connect_timeout=0.05)
    proxy.ignore()
    comes = threading.Timer(0.2, proxy.mend)
    comes.start()

    assert patient.get("n") == 1
    comes.join()


class Named:
    """Servers that have one name."""

    def __init__(self, port: int, secure: bool = False) -> None:
        self.url = f"{'rediss' if secure else 'redis'}://{NAME}:{port}/0"


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those of a name, in their order."""
    found: list[str] = []
    ask = socket.getaddrinfo

    def asked(host: Any, *words: Any, **more: Any) -> Any:
        if host not in (NAME, NAME.encode()):
            return ask(host, *words, **more)
        return [info for one in found for info in ask(one, *words, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", asked)
    return found


@pytest.fixture
def deaf(addresses: list[str], proxy: Proxy) -> Iterator[None]:
    """Behind all addresses but the last one nobody answers who wants to connect."""
    with ExitStack() as stack:
        for host in ("127.0.0.2", "127.0.0.3"):
            stack.callback(Deaf((host, proxy.port)).close)
            addresses.append(host)
        addresses.append(proxy.host)
        yield


@pytest.mark.usefixtures("deaf")
def test_all_addresses_of_a_name_share_the_time_to_connect(at: At, proxy: Proxy) -> None:
    store = at(Named(proxy.port), timeout=SECONDS)

    for call in (reads, writes):
        assert type(ends_by(SECONDS, lambda call=call: call(store))) is UnavailableError


@pytest.mark.usefixtures("deaf")
def test_in_blocking_code_each_address_has_the_time_of_an_attempt(proxy: Proxy) -> None:
    place = url(Named(proxy.port), timeout=20, connect_timeout=SHORT)
    with storage.RedisStorage(place) as store:
        store.set("n", 1)
        assert store.get("n") == 1


class Slow(faults.Forgotten):
    """A connection is taken, and what begins like a handshake of TLS comes piece by piece."""

    def accepted(self, way: faults.Way) -> None:
        way.to_client(b"\x16\x03\x03\x3f\xff\x02\0\x3f\xfb")
        while True:
            way.wait(SECONDS / 4)
            way.to_client(b"\0")


@pytest.mark.usefixtures("deaf")
@pytest.mark.parametrize("hands", [faults.Forgotten(), Slow()], ids=["none", "slow"])
def test_shaking_hands_has_the_time_that_is_left(
    hands: Any, at: At, addresses: list[str], proxy: Proxy
) -> None:
    del addresses[0]
    proxy.always(hands)
    store = at(Named(proxy.port, secure=True), timeout=SECONDS, connect_timeout=0.7 * SECONDS)

    for call in (reads, writes):
        assert type(ends_by(SECONDS, lambda call=call: call(store))) is UnavailableError
