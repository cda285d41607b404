"""A server is in a bad state for the length of a block, and well after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests import servers
from tests.servers import ReplyError, Server, states
from tests.servers.states import refused

State = Callable[[Server], AbstractContextManager[None]]

REFUSALS: dict[str, tuple[State, str | None, str]] = {
    "full": (states.full, None, "OOM"),
    "read only": (states.read_only, None, "READONLY"),
    "stale": (lambda server: states.read_only(server, stale=False), "MASTERDOWN", "READONLY"),
    "lonely": (states.lonely, None, "NOREPLICAS"),
    "unsaved": (states.unsaved, None, "MISCONF"),
    "busy": (states.busy, "BUSY", "BUSY"),
}
"""The states, and what a read and a write get in each."""


@pytest.fixture
def server(server: Server) -> Iterator[Server]:
    yield server
    server.call("FLUSHALL")


@pytest.mark.parametrize("name", REFUSALS)
def test_a_state_refuses_what_it_must_and_ends(name: str, server: Server) -> None:
    state, reading, writing = REFUSALS[name]
    server.call("SET", "k", "v")
    with state(server), server.connect() as wire:
        assert refused(wire, "GET", "k") == reading
        assert refused(wire, "SET", "k", "w") == writing

    assert server.call("GET", "k") == b"v"
    assert server.call("SET", "k", "w") == b"OK"


@pytest.mark.parametrize("name", REFUSALS)
def test_a_state_ends_when_its_block_fails(name: str, server: Server) -> None:
    state, _, _ = REFUSALS[name]
    with pytest.raises(ZeroDivisionError), state(server):
        raise ZeroDivisionError

    assert server.call("SET", "k", "w") == b"OK"


def test_a_state_leaves_the_settings_as_they_were(server: Server) -> None:
    before = server.call("CONFIG", "GET", "*")
    for state, _, _ in REFUSALS.values():
        with state(server):
            pass
    with states.crowded(server):
        pass

    assert server.call("CONFIG", "GET", "*") == before
    assert list(server.folder.glob("*.rdb")) == []


def test_a_full_server_still_deletes(server: Server) -> None:
    server.call("SET", "k", "v")
    with states.full(server):
        assert server.call("DEL", "k") == 1


def test_a_crowded_server_lets_nobody_in(server: Server) -> None:
    with server.connect() as before, states.crowded(server):
        with server.connect() as late, pytest.raises((ReplyError, ConnectionError)) as caught:
            late.call("PING")
        assert before.call("PING") == b"PONG"

    assert "max number of clients" in str(caught.value) or caught.type is not ReplyError
    assert server.call("PING") == b"PONG"


def test_who_is_sent_away_does_not_get_in_again(server: Server) -> None:
    with server.connect() as before, states.crowded(server, drop=True):
        with pytest.raises(ConnectionError):
            before.call("PING")
        with pytest.raises((ReplyError, ConnectionError)):
            server.call("PING")

    assert server.call("PING") == b"PONG"


@pytest.mark.parametrize("writes", [True, False])
def test_a_pause_holds_commands_back_until_it_ends(server: Server, writes: bool) -> None:
    with server.connect() as wire:
        with states.paused(server, writes=writes):
            if writes:
                assert wire.call("GET", "k") is None
            wire.send("SET", "k", "v")
            with servers.Wire(*server.address, patience=0.05) as other:
                other.send("SET", "k", "w")
                with pytest.raises(TimeoutError):
                    other.read()

        assert wire.read() == b"OK"


def test_dropped_clients_are_closed_at_the_servers_end(server: Server) -> None:
    with server.connect() as wire:
        wire.call("PING")
        states.drop_clients(server)

        with pytest.raises(ConnectionError):
            wire.call("PING")


def test_dropping_clients_ends_no_state_and_no_count(server: Server) -> None:
    with states.full(server), server.counted() as calls:
        states.drop_clients(server)
        with server.connect() as wire:
            assert refused(wire, "SET", "k", "v") == "OOM"
            wire.call("DEL", "k")

    assert calls.names == ["DEL"]
    assert server.call("SET", "k", "v") == b"OK"


@pytest.mark.parametrize("kind", ["valkey", "redis8"])
def test_a_loading_server_answers_when_it_is_done(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(kind)
    with states.loading(server.binary, tmp_path) as late:
        with late.connect() as wire:
            assert refused(wire, "GET", "key:0") == "LOADING"
        states.finish_loading(late)

        assert late.call("STRLEN", "key:0") == states.EVENT_BYTES
        assert late.call("DBSIZE") == states.KEYS
