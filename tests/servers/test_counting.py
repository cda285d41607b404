"""What a server was asked is counted by the server, to the last command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.servers import ReplyError, Server

SCRIPT = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])"


@pytest.fixture
def server(server: Server) -> Iterator[Server]:
    yield server
    server.call("FLUSHALL")


def test_one_trip_is_one_trip(server: Server) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("k", "v")
        with server.counted() as calls:
            client.get("k")

    assert calls.names == ["GET"]
    assert len(calls) == 1
    assert calls.everything[0].words == (b"GET", b"k")


def test_nothing_is_nothing(server: Server) -> None:
    with server.counted() as calls:
        pass

    assert calls.everything == []


def test_what_opens_a_connection_is_told_and_does_not_count(server: Server) -> None:
    with server.counted() as calls, redis.Redis.from_url(server.url, protocol=3) as client:
        client.ping()

    assert calls.names == ["PING"]
    assert "HELLO" in [call.name for call in calls.everything]


def test_what_a_script_does_is_told_apart(server: Server) -> None:
    with server.connect() as wire, server.counted() as calls:
        wire.call("EVAL", SCRIPT, 1, "k", "v")

    assert calls.names == ["EVAL"]
    assert calls.scripted == ["SET", "GET"]


def test_a_transaction_is_all_its_commands(server: Server) -> None:
    with server.connect() as wire, server.counted() as calls:
        for words in (("MULTI",), ("INCR", "k"), ("INCR", "k"), ("EXEC",)):
            wire.call(*words)

    assert calls.names == ["MULTI", "INCR", "INCR", "EXEC"]


def test_a_script_that_the_server_has_forgotten_counts_as_a_trip(server: Server) -> None:
    with server.connect() as wire, server.counted() as calls:
        with pytest.raises(ReplyError, match="NOSCRIPT"):
            wire.call("EVALSHA", "0" * 40, 0)
        wire.call("EVAL", "return 1", 0)

    assert calls.names == ["EVALSHA", "EVAL"]


def test_every_byte_of_a_command_is_told(server: Server) -> None:
    key, value = bytes(range(256)), '"\\\r\n\N{SNOWMAN}'.encode()
    with server.connect() as wire, server.counted() as calls:
        wire.call("SET", key, value)

    assert calls.everything[0].words == (b"SET", key, value)


def test_the_commands_of_others_count_too_and_say_whose_they_are(server: Server) -> None:
    with server.connect() as one, server.connect() as other, server.counted() as calls:
        for wire in (one, other, one) * 50:
            wire.call("INCR", "k")

    assert calls.names == ["INCR"] * 150
    assert len({call.origin for call in calls.everything}) == 2
