"""What the system does for a blocking call, in the main thread and in others: an end and what
nobody asked for are seen before anything is sent, and no wait is longer than its call."""

from __future__ import annotations

import select
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis._parsers import _RESP2Parser

import storage
from storage import OutcomeUnknownError, StorageError, UnavailableError
from storage.redis.commands import READ, Command
from storage.redis.punctual import Late, Plain, Punctual, punctual
from storage.redis.whole import PARTED, whole
from tests.fault import faults
from tests.fault.faults import End
from tests.fault.ground import in_child, together
from tests.fault.proxy import Proxy
from tests.fault.redis.conftest import At
from tests.fault.redis.ground import Port, ends_by, failure, raw, url
from tests.servers import Server, states
from tests.servers.process import HOST
from tests.servers.resp import end_of
from tests.servers.tls import Certificates
from tests.waiting import until

SECONDS = 0.4
PATIENT = 20
A_LOT = "x" * 8_000_000

Where = Callable[[Callable[[], Any]], Any]
Pair = tuple[socket.socket, socket.socket]

pytestmark = [
    pytest.mark.timed,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others wait alike"),
]


def in_the_main_thread(work: Callable[[], Any]) -> Any:
    return work()


def in_another_thread(work: Callable[[], Any]) -> Any:
    answers = []
    together(lambda: answers.append(work()))
    return answers[0]


@pytest.fixture(params=[in_the_main_thread, in_another_thread])
def where(request: pytest.FixtureRequest) -> Where:
    """Runs work in a thread of one kind, which waits in its own way."""
    return request.param


@pytest.fixture
def at() -> Iterator[At]:
    """Makes a store of the blocking half, which is what this is about."""
    with ExitStack() as stack:
        yield lambda place, **options: stack.enter_context(
            storage.RedisStorage(url(place, connections=1, **options))
        )


@pytest.fixture
def store(at: At, proxy: Proxy) -> Any:
    return at(proxy, timeout=SECONDS)


def reads(store: Any) -> StorageError:
    return failure(lambda: store.get("n"))


class Trickle(faults.Fault):
    """A reply comes piece by piece, each long before the deadline."""

    def reply(self, way: faults.Way, reply: bytes) -> None:
        for byte in reply:
            way.to_client(bytes([byte]))
            way.wait(SECONDS / 4)


def test_an_answer_that_trickles_ends_with_the_call(where: Where, store: Any, proxy: Proxy) -> None:
    where(lambda: store.set("n", 1))
    proxy.always(Trickle())

    assert type(where(lambda: ends_by(SECONDS, lambda: reads(store)))) is UnavailableError


def test_so_it_is_beneath_tls(certificates: Certificates, valkey: Server) -> None:
    with Proxy(valkey.address, certificates.right) as proxy:
        place = f"{url(proxy, timeout=SECONDS)}&ssl_ca_certs={certificates.ca}"
        with storage.RedisStorage(place) as store:
            store.set("n", 1)
            proxy.always(Trickle())

            ends_by(SECONDS, lambda: reads(store))


def test_a_call_that_is_in_a_hurry_leaves_no_hurry_to_the_next(
    where: Where, at: At, proxy: Proxy, valkey: Server
) -> None:
    command = Command(READ, b"storage:n", (b"GET", b"storage:n"))
    valkey.call("SET", "storage:n", 1)
    store = at(proxy, timeout=PATIENT)
    door = store._backend._room._door
    store.get("n")
    connections = proxy.connections
    for _ in range(3):
        assert where(lambda: door.call(command, "n", SECONDS)) == b"1"
        proxy.next(faults.Delay(reply=2 * SECONDS), "GET")
        assert where(lambda: store.get("n")) == 1
    assert proxy.connections == connections


def test_a_call_that_may_take_long_leaves_no_time_to_the_next(
    where: Where, at: At, proxy: Proxy
) -> None:
    command = Command(READ, b"storage:n", (b"GET", b"storage:n"))
    store = at(proxy, timeout=PATIENT)
    door = store._backend._room._door
    store.get("n")
    proxy.always(faults.Blackhole())

    where(lambda: ends_by(SECONDS, lambda: failure(lambda: door.call(command, "n", SECONDS))))


@pytest.mark.parametrize("how", [End.FIN, End.RST])
def test_an_end_is_seen_before_anything_is_sent(
    how: End, where: Where, at: At, proxy: Proxy, valkey: Server
) -> None:
    store = at(proxy)
    for number in range(1, 20):
        assert where(lambda: store.incr("n")) == number
        proxy.cut(how)
    assert raw(valkey, "n") == b"19"


class Chatter(faults.Fault):
    """More than was asked for comes, and comes later."""

    def __init__(self) -> None:
        self.said = threading.Event()

    def reply(self, way: faults.Way, reply: bytes) -> None:
        way.to_client(reply)
        way.wait(0.01)
        way.to_client(b":77\r\n")
        way.wait(0.001)
        self.said.set()


def test_what_nobody_asked_for_is_nobodys_answer(
    where: Where, at: At, proxy: Proxy, valkey: Server
) -> None:
    store = at(proxy)
    store.incr("n", 0)  # the server knows the script from here on
    connections = []
    for number in range(1, 20):
        chatter = Chatter()
        proxy.next(chatter, "EVALSHA")
        assert where(lambda: store.incr("n")) == number
        assert chatter.said.wait(PATIENT)
        connections.append(proxy.connections)
    assert raw(valkey, "n") == b"19"
    assert len(set(connections)) == len(connections)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of a connection."""
    with socket.create_server((HOST, 0)) as server:
        here = socket.create_connection(server.getsockname())
        there, _ = server.accept()
        with here, there:
            yield here, there


def came(one: socket.socket) -> None:
    """Wait until something is there."""
    assert select.select([one], [], [], PATIENT)[0]


def far() -> float:
    return time.monotonic() + PATIENT


def late(one: Plain | Punctual, call: Callable[[], object]) -> Any:
    """How *call* on a socket ends that is given so many seconds."""
    one.begin(time.monotonic() + SECONDS)
    try:
        call()
    except OSError as error:
        return error
    raise AssertionError("it ended well")


def in_what_a_thread_has_forked(work: Callable[[], None]) -> None:
    """Whoever forks is the main thread over there, and gets the signals."""
    together(lambda: in_child(work))


@pytest.mark.parametrize("run", [in_the_main_thread, in_what_a_thread_has_forked])
def test_signals_that_come_all_the_time_make_no_call_longer(run: Where, pair: Pair) -> None:
    run(lambda: all_the_time_struck(pair))


def all_the_time_struck(pair: Pair) -> None:
    """Each of them makes the system begin a wait anew: as long as that takes, so late it is."""
    plain = punctual(pair[0], far())
    assert isinstance(plain, Plain)
    # On a busy machine a short wait of the system's ends between two signals all the same.
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 4, 0))
    left = 0

    def strike(*_: object) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def struck() -> Any:
        nonlocal left
        left = 800
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        return late(plain, plain.first)

    usual = signal.signal(signal.SIGALRM, strike)
    try:
        assert type(ends_by(SECONDS, struck)) is Late
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, usual)


def test_an_answer_that_is_there_is_taken_after_its_deadline(where: Where, pair: Pair) -> None:
    """A process that was stopped meanwhile finds it."""
    here, there = pair
    for plain in (Plain(here, far()), Punctual(here, far())):
        there.sendall(b"+OK\r\n" * 2)
        until(lambda: len(here.recv(10, socket.MSG_PEEK)) == 10)
        plain.begin(time.monotonic() - 1)
        assert where(lambda plain=plain: plain.recv(5)) == b"+OK\r\n"
        with pytest.raises(TimeoutError):  # it is a part of another one, or has no end
            where(lambda plain=plain: plain.recv(5))
        plain.begin(time.monotonic() - 1)
        take = plain.first if isinstance(plain, Plain) else lambda plain=plain: plain.recv(5)
        assert where(take) == b"+OK\r\n"
        with pytest.raises(TimeoutError):
            where(take)


class Endless(faults.Fault):
    """A reply goes on and on, without a pause."""

    def reply(self, way: faults.Way, reply: bytes) -> None:
        end = time.monotonic() + 5 * SECONDS
        way.to_client(b"*1000000000\r\n")
        while time.monotonic() < end:
            way.to_client(b":1\r\n" * 2000)
            way.wait(0)


@pytest.mark.parametrize("kind", ["plain", "TLS"])
def test_an_answer_without_an_end_ends_with_the_call(
    kind: str, where: Where, certificates: Certificates, valkey: Server
) -> None:
    tls: dict[str, Any] = {"ssl_ca_certs": str(certificates.ca)} if kind == "TLS" else {}
    with (
        Proxy(valkey.address, certificates.right if tls else None) as proxy,
        # The other parser has room for all of it at once, which takes time to give back.
        redis.Redis.from_url(proxy.url, protocol=2, parser_class=_RESP2Parser, **tls) as client,
        storage.RedisStorage(client, timeout=SECONDS) as store,
    ):
        where(lambda: store.set("n", 1))
        proxy.always(Endless())

        assert type(where(lambda: ends_by(SECONDS, lambda: reads(store)))) is UnavailableError


def test_who_takes_little_by_little_is_sent_to_until_the_deadline(
    certificates: Certificates, pair: Pair
) -> None:
    here, there = pair
    over = threading.Event()

    def take() -> None:
        with certificates.right.wrap_socket(there, server_side=True) as tls:
            end = time.monotonic() + 5 * SECONDS
            while not over.wait(SECONDS / 40) and time.monotonic() < end:
                tls.recv(16_384)

    taker = threading.Thread(target=take)
    taker.start()
    context = ssl.create_default_context(cafile=str(certificates.ca))
    with context.wrap_socket(here, server_hostname="localhost") as own:
        one = punctual(own, far())
        begin = time.monotonic()
        assert type(late(one, lambda: one.sendall(bytes(64_000_000)))) is TimeoutError
        assert time.monotonic() - begin < 3 * SECONDS
        over.set()
    taker.join()


def test_an_end_that_comes_with_the_answer_is_seen(where: Where, pair: Pair) -> None:
    here, there = pair
    plain = punctual(here, far())
    assert isinstance(plain, Plain)
    assert where(plain.is_quiet)
    there.sendall(b"+OK\r\n")
    there.close()
    until(lambda: here.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != b"\1")

    assert where(plain.first) == b"+OK\r\n"
    assert not where(plain.is_quiet)


@pytest.mark.parametrize("family", ["tcp", "unix"])
@pytest.mark.parametrize("what", ["an end", "a reset", "a byte"])
def test_an_idle_socket_tells_what_came(what: str, family: str, where: Where, pair: Pair) -> None:
    here, there = pair if family == "tcp" else socket.socketpair()
    with here, there:
        plain = punctual(here, far())
        assert isinstance(plain, Plain)
        there.sendall(b"+OK\r\n")
        assert where(plain.first) == b"+OK\r\n"
        assert where(plain.is_quiet)
        if what == "a byte":
            there.sendall(b":")
        else:
            if what == "a reset":
                there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            there.close()
        came(here)

        assert not where(plain.is_quiet)


def test_who_takes_nothing_is_waited_for_until_the_deadline(where: Where, pair: Pair) -> None:
    plain = punctual(pair[0], far())
    assert isinstance(plain, Plain)

    def sends() -> Any:
        return late(plain, lambda: plain.sendall(bytes(64_000_000)))

    assert type(where(lambda: ends_by(SECONDS, sends))) is Late


def test_what_was_not_handed_over_whole_by_the_deadline_is_known_not_to_be_done(
    where: Where,
) -> None:
    def meets(client: socket.socket) -> None:
        with client:
            while b"storage:n" not in client.recv(100):
                client.sendall(b"+OK\r\n")
            over.wait(PATIENT)

    over = threading.Event()
    with Port(meets) as port, storage.RedisStorage(url(port, timeout=SECONDS)) as store:
        error = where(lambda: failure(lambda: store.set("n", A_LOT)))
        over.set()

    assert type(error) is UnavailableError
    assert "does not answer in time" in str(error)


def test_what_does_not_fit_at_once_comes_whole(where: Where, at: At, valkey: Server) -> None:
    store = at(valkey, timeout=PATIENT)

    where(lambda: store.set("n", A_LOT))
    assert where(lambda: store.get("n")) == A_LOT
    assert where(lambda: store.get_many(["n", "m"])) == {"n": A_LOT}
    assert where(lambda: store.incr("m")) == 1


REFUSAL = "Protocol error: too big"


def test_what_a_server_says_that_hangs_up_while_it_is_sent_to_is_told(
    where: Where, at: At, valkey: Server
) -> None:
    store = at(valkey, timeout=PATIENT)
    store.set("n", 1)
    with states.configured(valkey, proto_max_bulk_len=1024 * 1024):
        for call in (store.set, store.add):
            error = where(lambda call=call: failure(lambda: call("m", A_LOT)))
            assert type(error) is StorageError
            assert "Protocol error" in str(error)
        assert where(lambda: store.get("n")) == 1
    assert raw(valkey, "m") is None


class Refusing:
    """It answers what is short, and hangs up where more comes, with a word or without."""

    def __init__(self, tls: ssl.SSLContext | None, word: bytes) -> None:
        self._tls = tls
        self._word = word
        self.refused = 0

    def met(self, client: socket.socket) -> None:
        with self._tls.wrap_socket(client, server_side=True) if self._tls else client as one:
            asked = bytearray()
            while received := one.recv(65_536):
                asked += received
                while (end := end_of(asked)) is not None:
                    del asked[:end]
                    one.sendall(b"+OK\r\n")
                if len(asked) > 8000:
                    self.refused += 1
                    one.sendall(self._word)
                    return


@pytest.mark.parametrize(
    "word", [b"-ERR %b\r\n" % REFUSAL.encode(), b"-ERR Proto", b"+OK\r\n", b""]
)
@pytest.mark.parametrize("kind", ["plain", "TLS"])
def test_only_a_whole_refusal_is_one(kind: str, word: bytes, certificates: Certificates) -> None:
    refusing = Refusing(certificates.right if kind == "TLS" else None, word)
    with Port(refusing.met) as port:
        place = url(port, timeout=SECONDS)
        if kind == "TLS":
            place = f"{place.replace('redis', 'rediss', 1)}&ssl_ca_certs={certificates.ca}"
        with storage.RedisStorage(place) as store:
            store.set("n", 1)
            error = failure(lambda: store.set("n", A_LOT))

    if REFUSAL.encode() in word:
        assert (type(error), refusing.refused) == (StorageError, 1)
        assert REFUSAL in str(error)
    else:
        # The last attempt may be cut off at the deadline, and TLS keeps a part to itself.
        known = (UnavailableError,) if kind == "plain" else (UnavailableError, OutcomeUnknownError)
        assert type(error) in known
        assert refusing.refused > 1


class Patched(socket.socket):
    """What a library puts in the place of a socket."""


def test_a_socket_of_somebody_elses_waits_in_its_own_way() -> None:
    with Patched() as own:
        assert type(punctual(own, far())) is Punctual


class Counting(redis.Connection):
    """A connection of the caller's own making, which sees what is sent and read."""

    sent = read = 0

    def send_packed_command(self, *words: Any, **more: Any) -> Any:
        Counting.sent += 1
        return super().send_packed_command(*words, **more)

    def read_response(self, *words: Any, **more: Any) -> Any:
        Counting.read += 1
        return super().read_response(*words, **more)


def test_a_connection_of_the_callers_making_sends_and_reads_itself(valkey: Server) -> None:
    pool = redis.ConnectionPool.from_url(valkey.url, connection_class=Counting)
    with storage.RedisStorage(redis.Redis(connection_pool=pool)) as store:
        store.get("n")
        before = Counting.sent, Counting.read
        for _ in range(3):
            store.get("n")
        assert (Counting.sent, Counting.read) == (before[0] + 3, before[1] + 3)
    pool.disconnect()


class Deciding(redis.Connection):
    """It has timeouts of its own, which it sets while it connects."""

    def connect(self) -> None:
        self.socket_timeout = self.socket_connect_timeout = PATIENT
        super().connect()


class Alone(redis.Connection):
    """It connects by itself, and waits for each reply as long as it says of itself."""

    def connect(self) -> None:
        self._sock = self._connect()
        self.on_connect()

    def read_response(self, *words: Any, **more: Any) -> Any:
        self._sock.settimeout(self.socket_timeout)
        return super().read_response(*words, **more)


@pytest.mark.parametrize("kind", [Deciding, Alone])
def test_a_connection_of_the_callers_making_connects_in_its_own_way(
    kind: type[redis.Connection], proxy: Proxy
) -> None:
    pool = redis.ConnectionPool.from_url(proxy.url, connection_class=kind)
    with storage.RedisStorage(redis.Redis(connection_pool=pool), timeout=SECONDS) as store:
        store.set("n", 1)
        time.sleep(SECONDS)  # what it had to connect is over
        proxy.next(faults.Delay(reply=SECONDS / 4), "GET")
        assert store.get("n") == 1
    assert proxy.connections == 1
    pool.disconnect()


def _written(reply: Any) -> bytes:
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, list):
        return b"*%d\r\n%b" % (len(reply), b"".join(map(_written, reply)))
    return b"$%d\r\n%b\r\n" % (len(reply), reply)


_ONE = st.none() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40)
REPLIES = _ONE | st.lists(_ONE, max_size=5)
TAILS = st.sampled_from([b"\r\n", b"$", b":1\r\n", b"$-1\r\n", b"+OK\r\n", b"x"])


@given(REPLIES, TAILS)
def test_a_reply_is_read_where_it_is_whole_and_alone(reply: Any, tail: bytes) -> None:
    data = _written(reply)

    assert whole(data) == reply
    assert whole(data + tail) is PARTED
    assert all(whole(data[:end]) is PARTED for end in range(len(data)))


@pytest.mark.parametrize(
    "data",
    [b"", b"+", b"\r\n", b"$-2\r\n", b"$-3\r\n\r\n", b"*-1\r\n", b"*1\r\n$-2\r\n", b"$5\r\nabc\r\n",
     b"*1\r\n*0\r\n", b"*1\r\n$1\r\nabc", b"-ERR no\r\n", b">1\r\n:1\r\n", b":\r\n", b"$x\r\n"],
)  # fmt: skip
def test_what_is_no_plain_reply_is_left_to_the_parser(data: bytes) -> None:
    assert whole(data) is PARTED


@pytest.mark.parametrize(
    ("data", "reply"), [(b"+OK\r\n", b"OK"), (b"_\r\n", None), (b"*0\r\n", [])]
)
def test_a_line_is_a_reply(data: bytes, reply: Any) -> None:
    assert whole(data) == reply
