"""Copies over forks, over the ends of event loops, and where servers take over from each other."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import Any

import pytest
import redis.asyncio
import redis.credentials

import storage
import storage.aio
from storage import NearCache
from storage.redis.changes import WITHIN
from storage.testing import Bridge
from tests.day import HALVES, IS_LONG
from tests.fault.ground import in_child, until
from tests.fault.redis.ground import clients, url
from tests.fault.redis.test_redis_fork import waiting_child
from tests.servers import Cluster, Sentinel, Server
from tests.tiered.conftest import Over
from tests.tiered.ground import Strike, Tier
from tests.topology.ground import PREFIX, cluster_url, one_of_each, sentinel_url

pytestmark = pytest.mark.timed

TRACKING = "flags=t"
LONG = 10**6
PATIENCE_MS = 20_000


def test_a_child_has_copies_of_its_own(valkey: Server, other: Any) -> None:
    with storage.RedisStorage(url(valkey)) as base, Bridge() as bridge:
        tier = Tier(storage, bridge, base, {"ttl": LONG}).heard()
        other.set("k", 1)
        until(lambda: tier.has_copy("k"))

        def work() -> None:
            assert tier.info.kept == 0
            assert clients(valkey, TRACKING) == 1
            tier.heard()
            assert clients(valkey, TRACKING) == 2
            assert tier.store.get("k") == 1
            base.set("k", 2)
            until(lambda: tier.store.get("k") == 2)
            tier.store.close()
            assert clients(valkey, TRACKING) == 1

        in_child(work)

        until(lambda: tier.store.get("k") == 2)
        assert tier.info.watched
        other.set("k", 3)
        until(lambda: tier.store.get("k") == 3)
        tier.store.close()


def test_a_child_has_copies_where_nobody_tells() -> None:
    with storage.MemoryStorage({"k": 1}) as base, Bridge() as bridge:
        tier = Tier(storage, bridge, base, {})
        assert tier.store.get("k") == 1

        def work() -> None:
            assert tier.info.kept == 0
            assert tier.store.get("k") == 1
            assert tier.has_copy("k")

        in_child(work)
        tier.store.close()


def test_where_there_are_too_many_files_reads_go_through(valkey: Server, other: Any) -> None:
    def work() -> None:
        with storage.RedisStorage(url(valkey)) as base, Bridge() as bridge:
            tier = Tier(storage, bridge, base, {})
            base.set("k", 1)
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
            held: list[int] = []
            with suppress(OSError):
                while True:
                    held.append(os.open(os.devnull, os.O_RDONLY))
            assert tier.store.get("k") == 1
            assert tier.store.get_many(["k"]) == {"k": 1}
            assert tier.info.kept == 0
            for one in held:
                os.close(one)
            tier.heard()
            tier.store.close()

    in_child(work)


def test_a_child_keeps_no_connection_of_its_parent_open(valkey: Server, other: Any) -> None:
    with storage.RedisStorage(url(valkey)) as base, Bridge() as bridge:
        tier = Tier(storage, bridge, base, {}).heard()
        with waiting_child(int):
            tier.store.close()
            until(lambda: clients(valkey, TRACKING) == 0)


def test_nor_does_one_of_asyncio(valkey: Server, other: Any) -> None:
    async def main() -> None:
        base = storage.aio.RedisStorage(url(valkey))
        tiered = storage.aio.tiered(base)
        await heard(tiered)
        in_child(lambda: asyncio.run(goes_on(tiered)))
        assert clients(valkey, TRACKING) == 1
        assert (await heard(tiered)).watched
        with waiting_child(int):
            await tiered.aclose()
            await base.aclose()
            await asyncio.to_thread(until, lambda: clients(valkey, TRACKING) == 0)

    asyncio.run(main())


async def goes_on(tiered: Any) -> None:
    """In a child: it is told there too, and that ends with the child's loop."""
    assert tiered.room(NearCache).info().kept == 0
    await heard(tiered)


async def heard(tiered: Any) -> Any:
    """What it tells of itself when the server tells what changes."""
    room = tiered.room(NearCache)
    near = tiered._backend._room._near
    await comes(tiered, "?", None)
    for _ in range(PATIENCE_MS):
        if room.info().watched and near.sure > near.clock():
            return room.info()
        await asyncio.sleep(0.001)
    raise AssertionError("the server does not tell what changes")


async def comes(tiered: Any, key: str, value: object) -> None:
    """Wait until *value* is read."""
    for _ in range(PATIENCE_MS):
        if await tiered.get(key) == value:
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"{value} never came")


def test_the_next_loop_listens_when_one_has_ended(valkey: Server, other: Any) -> None:
    base = storage.aio.RedisStorage(url(valkey))
    tiered = storage.aio.tiered(base, ttl=LONG)

    async def main(number: int) -> None:
        await heard(tiered)
        assert await tiered.get("k") == (number or None)
        other.set("k", number + 1)
        await comes(tiered, "k", number + 1)
        assert clients(valkey, TRACKING) == 1

    for number in range(3):
        asyncio.run(main(number))
        until(lambda: clients(valkey, TRACKING) == 0)

    async def end() -> None:
        await tiered.aclose()
        await base.aclose()

    asyncio.run(end())


def test_the_next_loop_listens_when_one_stands_still(valkey: Server, other: Any) -> None:
    base = storage.aio.RedisStorage(url(valkey))
    tiered = storage.aio.tiered(base, ttl=LONG)
    near = tiered._backend._room._near
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    first.run_until_complete(heard(tiered))
    near.clock = lambda: monotonic() + WITHIN
    assert not tiered.room(NearCache).info().watched

    second.run_until_complete(heard(tiered))
    first.run_until_complete(asyncio.sleep(0.05))  # it goes on, and gives way
    assert near.watched
    second.run_until_complete(heard(tiered))
    second.run_until_complete(comes(tiered, "k", None))
    other.set("k", 1)
    second.run_until_complete(comes(tiered, "k", 1))
    until(lambda: clients(valkey, TRACKING) == 1)

    second.run_until_complete(tiered.aclose())
    second.run_until_complete(base.aclose())
    for loop in (first, second):
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()


# What was made in the very step that is struck is never awaited.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_an_interrupt_while_a_task_is_begun_to_listen_leaves_it_to_the_next_read(
    valkey: Server, other: Any
) -> None:
    """At no step are the copies lost for good, or is there a task that nobody ends."""

    async def struck(base: Any, number: int) -> bool:
        tiered = storage.aio.tiered(base)
        room = tiered._backend._room
        strike = Strike("aio/redis/tracking.py", number, interrupted)

        def begin() -> None:
            with suppress(StopIteration):
                room._watch.begin(room._near).send(None)

        with suppress(KeyboardInterrupt):
            strike.run(begin)
        await heard(tiered)
        assert len(listening()) == 1
        await tiered.aclose()
        assert not listening()
        return strike.has_struck

    async def main() -> None:
        base = storage.aio.RedisStorage(url(valkey))
        for number in count():
            if not await struck(base, number):
                break
        await base.aclose()
        assert number > 100

    asyncio.run(main())


def listening() -> list[asyncio.Task[Any]]:
    """The tasks that do."""
    return [task for task in asyncio.all_tasks() if task.get_name() == "storage"]


def interrupted() -> None:
    raise KeyboardInterrupt


class Deaf(redis.credentials.CredentialProvider):
    """It does not hear that it is cancelled."""

    def __init__(self) -> None:
        self.is_asked = False
        self.is_deaf = True

    def get_credentials(self) -> tuple[str, str]:
        return ("default", "")

    async def get_credentials_async(self) -> tuple[str, str]:
        self.is_asked = True
        while self.is_deaf:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        return self.get_credentials()


def test_who_does_not_hear_that_he_is_cancelled_keeps_nobody_from_closing(
    valkey: Server, other: Any
) -> None:
    async def main() -> None:
        vault = Deaf()
        client = redis.asyncio.Redis(port=valkey.port, credential_provider=vault)
        base = storage.aio.RedisStorage(client)
        tiered = storage.aio.tiered(base)
        room = tiered._backend._room
        await room._watch.begin(room._near)
        await asyncio.to_thread(until, lambda: vault.is_asked)
        try:
            await asyncio.wait_for(tiered.aclose(), 2 * WITHIN)
        finally:
            vault.is_deaf = False
        await asyncio.wait(listening(), timeout=WITHIN)
        assert not listening()
        assert clients_of(valkey) == 0
        await base.aclose()

    asyncio.run(main())


def test_two_loops_share_the_copies_and_one_listens(valkey: Server, other: Any) -> None:
    base = storage.aio.RedisStorage(url(valkey))
    tiered = storage.aio.tiered(base, ttl=LONG)

    async def second() -> None:
        assert await tiered.get("k") == 1
        assert clients(valkey, TRACKING) == 1
        await tiered.set("k", 2)
        assert await tiered.get("k") == 2

    async def first() -> None:
        other.set("k", 1)
        await heard(tiered)
        thread = threading.Thread(target=lambda: asyncio.run(second()))
        thread.start()
        await asyncio.to_thread(thread.join)
        assert await tiered.get("k") == 2
        await tiered.aclose()
        await base.aclose()

    asyncio.run(first())


def test_every_server_of_a_cluster_tells(
    half: Any, bridge: Bridge, over: Over, cluster: Cluster
) -> None:
    base = half.RedisStorage(cluster_url(cluster))
    with storage.RedisStorage(cluster_url(cluster)) as other:
        tier = over(base, ttl=LONG).heard()
        for key in one_of_each(cluster).values():
            other.set(key, 1)
        keys = list(one_of_each(cluster).values())
        for value in range(1, 4):
            expected = dict.fromkeys(keys, value)
            until(lambda: tier.store.get_many(keys) == expected)  # noqa: B023
            for key in keys:
                until(lambda: tier.has_copy(key))  # noqa: B023
                other.set(key, value + 1)
        tier.store.close()
        other.delete_many(keys)
    bridge.driven(base).close()


@pytest.mark.parametrize("half", HALVES if IS_LONG else [storage])
def test_a_replica_that_takes_over_tells_from_then_on(
    half: Any, bridge: Bridge, over: Over, cluster: Cluster
) -> None:
    base = half.RedisStorage(f"{cluster_url(cluster)}?timeout=20")
    with storage.RedisStorage(f"{cluster_url(cluster)}?timeout=20") as other:
        tier = over(base, ttl=LONG).heard()
        master, key = next(iter(one_of_each(cluster).items()))
        other.set(key, 1)
        until(lambda: tier.has_copy(key))
        cluster.kill(master)
        for value in (2, 3):
            other.set(key, value)
            until(lambda: tier.store.get(key) == value)  # noqa: B023
            tier.heard()
            until(lambda: tier.has_copy(key))
        tier.store.close()
        other.delete(key)
    bridge.driven(base).close()
    cluster.restore()


@pytest.mark.parametrize("half", HALVES if IS_LONG else [storage.aio])
def test_who_takes_over_tells_from_then_on(
    half: Any, bridge: Bridge, over: Over, sentinel: Sentinel
) -> None:
    base = half.RedisStorage(sentinel_url(sentinel))
    tier = over(base, ttl=LONG).heard()
    tier.base.set("k", 1)
    until(lambda: tier.has_copy("k"))

    after = sentinel.failover()
    for value in (2, 3):
        after.call("SET", f"{PREFIX}k", value)
        # The old one would tell of nothing for some ten seconds more, until it hears of it.
        until(lambda: tier.store.get("k") == value, seconds=6)  # noqa: B023
        tier.heard()
        until(lambda: tier.has_copy("k"))
    assert clients_of(after) == 1

    tier.store.close()
    bridge.driven(base).close()
    sentinel.restore()
    sentinel.master.call("FLUSHALL")


def clients_of(server: Server) -> int:
    """How many a server tells what changes."""
    return server.call("CLIENT", "LIST").decode().count(TRACKING)
