"""A service that Sentinels watch: the store finds its primary, and follows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import redis.asyncio.sentinel
import redis.sentinel

import storage
import storage.aio
from tests.day import by_turns, mostly
from tests.servers import Sentinel, Server, protected, user
from tests.servers.process import free_port
from tests.topology.conftest import Open
from tests.topology.ground import PREFIX, Load, sentinel_url
from tests.waiting import PATIENCE, until

PASSWORD = "p:@/ %ss"
LATELY = 1.0
"""How many seconds the word of a Sentinel counts."""

MANY = {f"key {number}": number for number in range(1200)}

DISASTERS: dict[str, Callable[[Sentinel, Server], object]] = {
    "killed": Sentinel.kill,
    "hanging": Sentinel.pause,
    "asked to make way": lambda sentinel, _: sentinel.failover(),
}


@pytest.fixture
def sentinel(sentinel: Sentinel) -> Iterator[Sentinel]:
    yield sentinel
    sentinel.restore()
    sentinel.master.call("FLUSHALL")


@pytest.fixture
def client(half: Any, sentinel: Sentinel) -> Iterator[Any]:
    """redis-py's own way to the Sentinels, in the colour of the test."""
    blocking = half is storage
    found = (redis if blocking else redis.asyncio).sentinel.Sentinel(sentinel.addresses)
    yield found
    for one in found.sentinels if blocking else ():
        one.close()


@pytest.mark.parametrize(("half", "disaster"), by_turns(DISASTERS))
def test_nobody_notices_that_the_primary_is_replaced(
    sentinel: Sentinel, opened: Open, client: Any, disaster: str
) -> None:
    """Sentinels who were wrong a moment ago, on a machine that is busy, wait for some seconds
    before they replace it: that is how the time of the call is chosen."""
    master = sentinel.master
    store = opened(client.master_for("bot", socket_timeout=1.0), timeout=PATIENCE)
    with Load(store, ["a", "b"]) as load:
        # An old primary that nobody has told takes writes that the new one never sees.
        load.loses = disaster == "asked to make way"
        load.turn()
        DISASTERS[disaster](sentinel, master)
        until(lambda: sentinel.master is not master, "another primary")
        load.turn()

    load.check()


@pytest.mark.parametrize("half", mostly(storage.aio))
def test_a_primary_that_was_replaced_is_left_before_it_knows(
    sentinel: Sentinel, opened: Open
) -> None:
    """It goes on taking writes for some ten seconds, all of which are lost then."""
    store = opened(sentinel_url(sentinel, query="?client_name=bot"))
    store.set_many(MANY)
    listing = iter(store.keys())
    next(listing)
    before = sentinel.master
    after = sentinel.failover()
    after.call("SET", f"{PREFIX}k", '"new"')

    until(lambda: store.get("k") == "new", "a look at the new primary", pause=0.01)
    assert before.info("replication")["role"] == "master"
    assert b"name=bot" not in before.call("CLIENT", "LIST")
    with pytest.raises(storage.UnavailableError, match=r"taken over .* begin again"):
        list(listing)
    assert sorted(store.keys()) == sorted([*MANY, "k"])


def test_a_client_that_goes_through_sentinel_is_a_place(opened: Open, client: Any) -> None:
    store = opened(client.master_for("bot", decode_responses=True))
    store.set_many({"a": 1, "b": 2})

    assert store.incr("a") == 2
    assert sorted(store.items()) == [("a", 2), ("b", 2)]


def test_a_client_that_reads_from_replicas_is_refused(opened: Open, client: Any) -> None:
    with pytest.raises(storage.ConfigurationError, match="master_for"):
        opened(client.slave_for("bot"))


@pytest.mark.parametrize("half", mostly(storage))
def test_sentinels_that_are_gone_or_hang_do_not_matter_while_one_answers(
    sentinel: Sentinel, opened: Open
) -> None:
    sentinel.kill(sentinel.watchers[0])
    sentinel.pause(sentinel.watchers[1])
    store = opened(sentinel_url(sentinel))

    store.set("a", 1)
    assert store.get("a") == 1


@contextmanager
def mistaken(sentinel: Sentinel, watcher: Server) -> Iterator[None]:
    """A Sentinel that takes a port for the primary on which nobody listens."""
    port = sentinel.master.port
    sentinel.mislead(watcher, free_port())
    try:
        yield
    finally:
        sentinel.mislead(watcher, port)


@pytest.mark.parametrize("half", mostly(storage.aio))
def test_a_sentinel_that_names_a_primary_which_is_gone_is_not_believed(
    sentinel: Sentinel, opened: Open
) -> None:
    with mistaken(sentinel, sentinel.watchers[0]):
        store = opened(sentinel_url(sentinel))

        assert store.incr("a") == 1
        assert sorted(store.keys()) == ["a"]


@pytest.mark.parametrize("half", mostly(storage))
def test_without_sentinels_the_primary_is_used_that_is_known(
    sentinel: Sentinel, opened: Open
) -> None:
    store = opened(sentinel_url(sentinel))
    with Load(store, ["a"]) as load:
        load.turn()
        for watcher in sentinel.watchers:
            sentinel.kill(watcher)
        began = time.monotonic()
        until(lambda: time.monotonic() > began + LATELY, "the time to ask again", pause=0.05)
        load.turn()

    load.check()


@pytest.mark.parametrize("work", ["get", "keys", "get_many"])
def test_a_service_that_nobody_knows_is_named(sentinel: Sentinel, opened: Open, work: str) -> None:
    store = opened(sentinel_url(sentinel).replace("/bot", "/nobody"))

    with pytest.raises(storage.ConfigurationError, match="no Sentinel knows a service"):
        _used(store, work)


def test_sentinels_with_a_password(sentinel: Sentinel, opened: Open) -> None:
    with ExitStack() as stack:
        for watcher in sentinel.watchers:
            stack.enter_context(protected(watcher, "secret"))

        for query in ("", "?sentinel_password=wrong"):
            for work in ("get", "keys"):
                with pytest.raises(storage.AccessDeniedError):
                    _used(opened(sentinel_url(sentinel, query=query)), work)
        store = opened(sentinel_url(sentinel, query="?sentinel_password=secret"))
        assert store.incr("a") == 1


def test_servers_with_a_user_behind_sentinels_without(sentinel: Sentinel, opened: Open) -> None:
    with ExitStack() as stack:
        for server in sentinel.servers:
            who = stack.enter_context(user(server, "bot", PASSWORD, "~storage:*", "+@all"))
        store = opened(sentinel_url(sentinel, who))

        assert store.incr("a") == 1
        with pytest.raises(storage.AccessDeniedError):
            opened(sentinel_url(sentinel, who), prefix="other:").incr("a")


def _used(store: Any, work: str) -> Any:
    if work == "keys":
        return list(store.keys())
    return store.get("k") if work == "get" else store.get_many(["k"])
