"""Tasks share what it takes to connect: once for all who wait, at once told to all when it fails,
and with a pause before the next time."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import traceback
import weakref
from contextvars import ContextVar
from typing import Any

import pytest
import redis.asyncio
import redis.credentials

import storage.aio
from storage import UnavailableError
from storage.aio.runtime import Runtime
from storage.core.limits import Limit
from storage.records import Ask, Meter
from tests.fault import faults
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import url
from tests.servers import Server
from tests.servers.resp import MARK
from tests.waiting import until

pytestmark = pytest.mark.timed

LONG = 20
SHORT = 0.1
HIT = [Meter(Limit(10, algorithm="gcra").rule, "k")]


async def every(calls: Any) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


class Vault(redis.credentials.CredentialProvider):
    """It is down."""

    def __init__(self) -> None:
        self.asked = 0

    def get_credentials(self) -> Any:
        self.asked += 1
        raise RuntimeError("the vault is down")


def test_what_a_function_of_the_users_raises_is_raised_at_once(valkey: Server) -> None:
    vault = Vault()

    async def main() -> None:
        complaints: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        client = redis.asyncio.Redis.from_url(valkey.url, credential_provider=vault)
        async with storage.aio.RedisStorage(client, timeout=LONG) as store:
            begin = time.monotonic()
            errors = await every(store.get("n") for _ in range(5))
            assert time.monotonic() - begin < LONG / 2
            assert [type(error) for error in errors] == [RuntimeError] * 5
        gc.collect()
        await asyncio.sleep(0)
        assert not complaints

    asyncio.run(main())
    assert vault.asked == 1


def test_what_was_raised_is_kept_by_nobody(valkey: Server) -> None:
    class Mine:
        """What a caller has in hand."""

    vault = Vault()

    async def call(store: Any, mine: list[weakref.ref[Mine]]) -> None:
        one = Mine()
        mine.append(weakref.ref(one))
        with pytest.raises(RuntimeError):
            await store.get("n")

    async def main() -> None:
        mine: list[weakref.ref[Mine]] = []
        client = redis.asyncio.Redis.from_url(valkey.url, credential_provider=vault)
        async with storage.aio.RedisStorage(client, timeout=LONG) as store:
            await asyncio.gather(*(call(store, mine) for _ in range(3)))
            await asyncio.sleep(0)
            gc.collect()
            assert [one() for one in mine] == [None] * 3

    asyncio.run(main())


def test_what_was_raised_while_nobody_waited_is_kept_by_nobody(
    valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second connection is opened without those who ask on the first."""
    monkeypatch.setattr("storage.aio.redis.lane.MOST_IN_FLIGHT", 2)
    raised: list[weakref.ref[Exception]] = []

    class Down(Exception):
        pass

    class OpenOnce(redis.credentials.CredentialProvider):
        was_asked = False

        def get_credentials(self) -> Any:
            if not self.was_asked:
                self.was_asked = True
                return ("default", "any")
            error = Down()
            raised.append(weakref.ref(error))
            raise error

    async def main() -> None:
        client = redis.asyncio.Redis.from_url(valkey.url, credential_provider=OpenOnce())
        async with storage.aio.RedisStorage(client, timeout=LONG) as store:
            await store.get("n")
            assert await every(store.get("n") for _ in range(100)) == [None] * 100
            await asyncio.to_thread(until, lambda: raised)
            await asyncio.sleep(0)
            gc.collect()
            assert not any(one() for one in raised)

    asyncio.run(main())


def test_what_many_are_told_shows_each_of_them_no_other(valkey: Server) -> None:
    vault = Vault()

    async def main() -> None:
        client = redis.asyncio.Redis.from_url(valkey.url, credential_provider=vault)
        async with storage.aio.RedisStorage(client, timeout=LONG) as store:
            errors = await every(store.get("n") for _ in range(5))
        frames = traceback.extract_tb(errors[-1].__traceback__)
        assert [frame.name for frame in frames].count("ask") == 1

    asyncio.run(main())


@pytest.mark.parametrize("waits", [False, True])
def test_where_all_tasks_are_cancelled_the_next_one_connects(waits: bool, valkey: Server) -> None:
    async def main() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=LONG)) as store:
            first = asyncio.ensure_future(store.get("n"))
            await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task(), first if waits else None}:
                task.cancel()
            second = asyncio.ensure_future(store.get("n"))
            await asyncio.wait([first], timeout=LONG / 4)
            assert first.done()
            assert await asyncio.wait_for(second, LONG / 4) is None

    asyncio.run(main())


def test_nothing_of_a_call_is_kept_for_its_deadline(valkey: Server) -> None:
    class Request:
        """What the variable of a context holds."""

    here: ContextVar[Request] = ContextVar("here")

    async def call(store: Any) -> weakref.ref[Request]:
        request = Request()
        here.set(request)
        await store.get("n")
        return weakref.ref(request)

    async def main() -> None:
        async with storage.aio.RedisStorage(url(valkey, timeout=SHORT)) as store:
            assert (await every([store.get("n")])) == [None]
            await asyncio.sleep(2 * SHORT)  # who comes now sets the timer
            request = await asyncio.ensure_future(call(store))
            await asyncio.sleep(0)
            gc.collect()
            assert request() is None

    asyncio.run(main())


class AfterIt(faults.Fault):
    """The connection ends right after the reply."""

    def reply(self, way: faults.Way, reply: bytes) -> None:
        way.to_client(reply)
        way.end(faults.End.FIN)


def test_a_server_that_ends_what_is_new_is_not_asked_without_a_pause(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.always(AfterIt(), MARK)
    pauses = 0
    sleep = Runtime.sleep

    async def counted(self: Runtime, seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        await sleep(self, seconds)

    monkeypatch.setattr(Runtime, "sleep", counted)

    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy, timeout=1)) as store:
            error = (await every([store.get("n")]))[0]
            assert type(error) is UnavailableError
            assert "reached" in str(error)

    asyncio.run(main())
    assert pauses
    # Two to a try, and the second try is made at once.
    assert 2 < proxy.connections <= 2 * (pauses + 2)


@pytest.mark.parametrize(
    ("says", "shares"),
    [
        (b"-ERR unknown command 'echo', with args beginning with: 'x'\r\n", False),
        (b"-NOPERM this user has no permissions to run the 'echo' command\r\n", False),
        (b"-ERR the server behind me is away\r\n", True),
    ],
)
def test_who_says_no_to_a_mark_is_asked_again_unless_it_never_will(
    says: bytes, shares: bool, proxy: Proxy, valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.aio.redis.lane._WARY_SECONDS", SHORT)
    proxy.next(faults.Instead(says), MARK)

    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy, timeout=LONG)) as store:
            assert await store.get("n") is None
            marks = proxy.forwarded.count(MARK)
            await asyncio.sleep(2 * SHORT)
            assert await every(store.get("n") for _ in range(20)) == [None] * 20
            assert (proxy.forwarded.count(MARK) > marks) is shares

    asyncio.run(main())


def test_what_connects_while_others_are_misled_is_not_shared_either(proxy: Proxy) -> None:
    proxy.next(faults.Delay(reply=SHORT), MARK)

    async def main() -> None:
        async with storage.aio.RedisStorage(url(proxy, timeout=LONG)) as store:
            reading = asyncio.ensure_future(store.get("n"))
            await asyncio.to_thread(until, lambda: MARK in proxy.forwarded)
            for pool in store._backend._room._door._links._pools.values():
                for lane in pool.lanes.values():
                    lane.is_misled()
            assert await reading is None
            assert await every(store.get("n") for _ in range(20)) == [None] * 20
            assert proxy.forwarded.count(MARK) == 1

    asyncio.run(main())


eager = pytest.param(
    "eager_task_factory",
    marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="no task is eager there"),
)


@pytest.mark.parametrize("factory", [None, eager])
def test_the_time_to_connect_is_forgiven_to_who_has_little(
    factory: str | None, proxy: Proxy
) -> None:
    proxy.next(faults.Delay(reply=4 * SHORT), MARK)

    async def main() -> None:
        if factory is not None:
            asyncio.get_running_loop().set_task_factory(getattr(asyncio, factory))
        async with storage.aio.RedisStorage(url(proxy, timeout=LONG)) as store:
            room = store.room(storage.aio.protocols.RateLimitStore)
            assert (await room.hit(HIT, Ask(within=3 * SHORT))).readings[0].left == 9

    asyncio.run(main())
