"""The proxy does to a connection what a test asks for, and nothing else."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator

import pytest
import redis

from tests.fault import faults
from tests.fault.faults import End
from tests.fault.proxy import Proxy
from tests.servers import Server, Wire
from tests.servers.tls import Certificates
from tests.waiting import until

pytestmark = pytest.mark.timed

SHORT = 0.05


@pytest.fixture(params=["plain", "tls"])
def proxy(
    request: pytest.FixtureRequest, valkey: Server, certificates: Certificates
) -> Iterator[Proxy]:
    with Proxy(valkey.address, certificates.right if request.param == "tls" else None) as proxy:
        yield proxy
    valkey.call("FLUSHALL")


@pytest.fixture
def plain(valkey: Server) -> Iterator[Proxy]:
    with Proxy(valkey.address) as proxy:
        yield proxy
    valkey.call("FLUSHALL")


@pytest.fixture
def wire(plain: Proxy) -> Iterator[Wire]:
    """A connection through the proxy."""
    with Wire(*plain.address) as wire:
        wire.call("PING")  # now the proxy has taken it
        yield wire


def through(proxy: Proxy, certificates: Certificates, **options: object) -> redis.Redis:
    """A client that tries everything once."""
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    trust = {"ssl_ca_certs": str(certificates.ca)} if proxy.url.startswith("rediss") else {}
    return redis.Redis.from_url(proxy.url, retry=retry, socket_timeout=5, **trust, **options)


@pytest.mark.parametrize("protocol", [2, 3])
def test_everything_passes(proxy: Proxy, certificates: Certificates, protocol: int) -> None:
    with through(proxy, certificates, protocol=protocol) as client:
        assert client.set("k", b"v" * 300_000)
        assert client.get("k") == b"v" * 300_000
        assert client.hset("h", mapping={"a": 1}) == 1
        assert client.hgetall("h") == {b"a": b"1"}
        with client.pipeline() as pipe:
            assert pipe.incr("n").incr("n").execute() == [1, 2]


def test_what_passes_is_counted(proxy: Proxy, certificates: Certificates) -> None:
    with through(proxy, certificates) as client:
        client.set("k", "v")
        client.get("k")
        with client.pipeline(transaction=False) as pipe:
            pipe.rpush("l", 1).rpush("l", 2).execute()

    assert proxy.connections == 1
    assert proxy.commands == ["SET", "GET", "RPUSH", "RPUSH"]
    assert proxy.trips == 3
    assert "CLIENT" in proxy.forwarded


@pytest.mark.parametrize("how", End)
def test_a_command_that_was_not_sent_is_not_done(
    proxy: Proxy, certificates: Certificates, how: End, valkey: Server
) -> None:
    proxy.next(faults.Unsent(how))
    with through(proxy, certificates) as client, pytest.raises(redis.ConnectionError):
        client.incr("n")

    assert valkey.call("GET", "n") is None
    assert proxy.commands == []


@pytest.mark.parametrize("how", End)
def test_a_command_without_an_answer_is_done_once(
    proxy: Proxy, certificates: Certificates, how: End, valkey: Server
) -> None:
    proxy.next(faults.Unanswered(how))
    with through(proxy, certificates) as client:
        with pytest.raises(redis.ConnectionError):
            client.incr("n")
        assert valkey.call("GET", "n") == b"1"
        assert client.incr("n") == 2


def test_a_reset_is_a_reset_and_an_end_is_an_end(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.Unanswered(End.RST))
    with pytest.raises(ConnectionResetError):
        wire.call("PING")

    for how in (End.FIN, End.HALF):
        with Wire(*plain.address) as other:
            plain.next(faults.Unanswered(how))
            with pytest.raises(ConnectionError, match="has closed"):
                other.call("PING")


def test_after_half_an_end_commands_are_done(plain: Proxy, wire: Wire, valkey: Server) -> None:
    plain.next(faults.Unanswered(End.HALF))
    wire.send("INCR", "n")
    wire.send("INCR", "n")

    until(lambda: valkey.call("GET", "n") == b"2")


def test_a_reply_ends_in_the_middle(plain: Proxy, wire: Wire, valkey: Server) -> None:
    valkey.call("SET", "k", "value")
    plain.next(faults.Truncate(keep=7))
    wire.send("GET", "k")

    assert received(wire) == b"$5\r\nval"


def test_one_byte_of_a_reply_is_another(plain: Proxy, wire: Wire, valkey: Server) -> None:
    valkey.call("SET", "k", "value")
    plain.next(faults.Corrupt(at=4))

    reply = wire.call("GET", "k")
    assert reply != b"value"
    assert reply[1:] == b"alue"
    assert wire.call("GET", "k") == b"value"


def test_a_reply_comes_twice(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.Duplicate())

    assert wire.call("INCR", "n") == 1
    assert wire.call("ECHO", "next") == 1
    assert wire.read() == b"next"


def test_a_reply_is_lost_and_the_next_one_is_not(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.Swallow())
    wire.send("INCR", "n")

    assert wire.call("PING") == b"PONG"
    assert wire.call("GET", "n") == b"1"


def test_a_black_hole_swallows_commands(plain: Proxy, wire: Wire, valkey: Server) -> None:
    plain.next(faults.Blackhole())
    wire.send("INCR", "n")

    assert wire.call("PING") == b"PONG"
    assert valkey.call("GET", "n") is None


def test_a_reply_comes_late(plain: Proxy, wire: Wire, valkey: Server) -> None:
    plain.next(faults.Delay(reply=SHORT))
    begin = time.monotonic()
    wire.send("INCR", "n")
    until(lambda: valkey.call("GET", "n") == b"1")

    assert wire.read() == 1
    assert time.monotonic() - begin >= SHORT


def test_a_command_comes_late_even_when_nobody_waits(valkey: Server) -> None:
    with Proxy(valkey.address) as proxy:
        proxy.next(faults.Delay(command=SHORT))
        with Wire(*proxy.address) as wire:
            wire.send("INCR", "late")
            until(lambda: proxy.connections == 1)

        until(lambda: valkey.call("GET", "late") == b"1")
    valkey.call("DEL", "late")


def test_what_comes_byte_by_byte_comes_whole(proxy: Proxy, certificates: Certificates) -> None:
    proxy.always(faults.Drip(pause=0), handshake=True)
    with through(proxy, certificates) as client:
        client.set("k", "value\r\n")

        assert client.get("k") == b"value\r\n"


def test_a_fault_is_for_one_command(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.Swallow(), "INCR")
    wire.send("INCR", "n")

    assert [wire.call("INCR", "n") for _ in range(3)] == [2, 3, 4]


def test_a_fault_waits_for_its_command(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.Corrupt(at=1), "GET", after=1)

    assert wire.call("ECHO", "1") == b"1"
    assert wire.call("GET", "n") is None
    assert wire.call("INCR", "n") == 1
    wire.send("GET", "n")
    with pytest.raises(ValueError, match="invalid literal"):
        wire.read()


def test_a_handshake_is_left_alone_unless_it_is_named(
    proxy: Proxy, certificates: Certificates
) -> None:
    proxy.next(faults.Unsent())
    with through(proxy, certificates, protocol=3, client_name="c") as client:
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert proxy.forwarded[0] == "HELLO"
        proxy.next(faults.Unsent(), "CLIENT")
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert client.ping()


def test_a_lasting_fault_lasts_until_it_is_mended(proxy: Proxy, certificates: Certificates) -> None:
    proxy.always(faults.Unsent())
    with through(proxy, certificates) as client:
        for _ in range(3):
            with pytest.raises(redis.ConnectionError):
                client.ping()
        proxy.mend()

        assert client.ping()
    assert proxy.commands == ["PING"]


def test_a_dead_network_swallows_the_handshake_too(valkey: Server) -> None:
    with Proxy(valkey.address) as proxy, Wire(*proxy.address, patience=SHORT) as wire:
        proxy.always(faults.Blackhole(), handshake=True)
        with pytest.raises(TimeoutError):
            wire.call("HELLO", 2)

    assert proxy.forwarded == []


def test_connections_are_refused_and_taken_again(plain: Proxy, wire: Wire) -> None:
    with Wire(*plain.address) as early:
        plain.refuse()
        with pytest.raises(ConnectionRefusedError):
            Wire(*plain.address)
        assert early.call("PING") == wire.call("PING") == b"PONG"
    plain.mend()

    with Wire(*plain.address) as other:
        assert other.call("PING") == b"PONG"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems queue more")
def test_who_is_ignored_waits_for_a_connection(plain: Proxy, wire: Wire) -> None:
    plain.ignore()
    with pytest.raises(TimeoutError):
        socket.create_connection(plain.address, timeout=SHORT)
    assert wire.call("PING") == b"PONG"
    plain.mend()

    with Wire(*plain.address) as other:
        assert other.call("PING") == b"PONG"


def test_a_connection_is_reset_as_soon_as_it_is_taken(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.ResetAtOnce())
    with pytest.raises(ConnectionError), Wire(*plain.address) as other:
        other.call("PING")

    assert wire.call("PING") == b"PONG"


def test_a_connection_is_taken_and_forgotten(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.Forgotten())
    with Wire(*plain.address, patience=SHORT) as other, pytest.raises(TimeoutError):
        other.call("PING")

    assert wire.call("PING") == b"PONG"


@pytest.mark.parametrize("how", [End.RST, End.FIN])
def test_all_connections_are_cut(proxy: Proxy, certificates: Certificates, how: End) -> None:
    with through(proxy, certificates) as client:
        client.ping()
        proxy.cut(how)

        assert client.ping()
    assert proxy.connections == 2


def test_a_server_that_closes_is_passed_on(wire: Wire, valkey: Server) -> None:
    wire.call("PING")
    valkey.call("CLIENT", "KILL", "TYPE", "normal")

    with pytest.raises(ConnectionError):
        wire.call("PING")


def test_a_server_that_is_not_there_ends_the_connection() -> None:
    with (
        Proxy(("127.0.0.1", 1)) as proxy,
        Wire(*proxy.address) as wire,
        pytest.raises(ConnectionError),
    ):
        wire.call("PING")


def test_the_end_is_quick_whatever_is_under_way(valkey: Server, certificates: Certificates) -> None:
    begin = time.monotonic()
    with Proxy(valkey.address) as plain, Proxy(valkey.address, certificates.right) as tls:
        plain.next(faults.Delay(reply=60))
        plain.next(faults.Delay(command=60))
        waiting = [Wire(*plain.address) for _ in range(3)] + [Wire(*tls.address)]
        for one in waiting:
            one.send("INCR", "n")
        until(lambda: plain.connections == 3 and tls.connections == 1)
    for one in waiting:
        one.close()
    valkey.call("DEL", "n")

    assert time.monotonic() - begin < 10


def received(wire: Wire) -> bytes:
    """Everything until the end of a connection."""
    return b"".join(iter(lambda: wire._socket.recv(4096), b""))


def chunk(wire: Wire, *words: str) -> None:
    """Ask for the echo of all *words* in one piece."""
    wire.send_all(*(("ECHO", word) for word in words))


def heard(wire: Wire, count: int) -> list[str]:
    return [wire.read().decode() for _ in range(count)]


def test_replies_that_come_together_come_twice_as_a_whole(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.AllTwice())
    chunk(wire, "a", "b", "c")

    assert heard(wire, 6) == ["a", "b", "c", "a", "b", "c"]
    assert wire.call("ECHO", "d") == b"d"


@pytest.mark.parametrize(("number", "left"), [(0, "bc"), (1, "ac"), (-1, "ab")])
def test_one_of_several_replies_is_lost(number: int, left: str, plain: Proxy, wire: Wire) -> None:
    plain.next(faults.Without(number))
    chunk(wire, "a", "b", "c")

    assert heard(wire, 2) == [*left]
    assert wire.call("ECHO", "d") == b"d"


def test_replies_come_after_those_that_come_next(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.AfterNext(1))
    chunk(wire, "a", "b", "c")
    assert heard(wire, 1) == ["a"]

    chunk(wire, "d", "e")
    assert heard(wire, 4) == ["d", "e", "b", "c"]


def test_the_connection_ends_among_several_replies(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.EndAmong(2))
    chunk(wire, "a", "b", "c")

    assert received(wire) == b"$1\r\na\r\n$1\r\nb\r\n"


def test_several_replies_have_the_name_of_the_last(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.AllTwice(), "PING")
    chunk(wire, "a", "b")
    assert heard(wire, 2) == ["a", "b"]

    wire.send_all(("ECHO", "a"), ("PING",))
    assert heard(wire, 4) == ["a", "PONG", "a", "PONG"]


def test_a_fault_meets_the_reply_of_its_number_among_several(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.Duplicate(), "ECHO", after=1)
    plain.next(faults.Instead(b"+other\r\n"), "ECHO", after=1)
    wire.send_all(("ECHO", "a"), ("ECHO", "b"), ("ECHO", "c"), ("PING",))

    assert heard(wire, 5) == ["a", "b", "b", "other", "PONG"]


def test_a_stray_comes_among_several_replies(plain: Proxy, wire: Wire) -> None:
    plain.next(faults.Among(-1, b"+stray\r\n"))
    chunk(wire, "a", "b")

    assert heard(wire, 3) == ["a", "stray", "b"]
