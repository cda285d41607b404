"""What VibeGram proves of its rate limits and their stores, as laws of ours, and where ours differ
on purpose."""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.clients
import storage.aio.compat.vibegram
import storage.clients
import storage.compat.vibegram
from storage import ClosedError, ConfigurationError, CorruptValueError, StorageError
from storage.compat.vibegram import RedisStoreParseError
from storage.core.clients import commands
from storage.testing import Bridge, Clock
from tests.compat import ground
from tests.contract.clients import InSeconds, OneStep, TwoSteps
from tests.leases.ground import run
from tests.servers import Server

BLOCKING = storage.compat.vibegram
AIO = storage.aio.compat.vibegram
PREFIX = "vibegram:rate-limit:"


def update(chat: Any = 100, user: Any = 7, kind: str = "private", **more: Any) -> Any:
    """An update from *user* in *chat*, either of which may not be there."""
    found = ground.update(user, chat, **more)
    if found.chat is not None:
        found.chat.type = kind
    return found


@pytest.fixture(params=[BLOCKING, AIO], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def limits(half: Any, bridge: Bridge) -> Callable[..., Any]:
    """Rate limits of both colours by plain calls."""
    return lambda **options: bridge.driven(half.rate_limit(**options))


@pytest.fixture
def memory(half: Any, bridge: Bridge, clock: Clock) -> Iterator[Any]:
    """A store in memory, as it is."""
    store = half.MemoryRateLimitStore(clock=clock)
    yield store
    bridge.driven(store).close()


@pytest.fixture
def server(valkey: Server) -> Iterator[Server]:
    yield valkey
    valkey.call("FLUSHALL")


def passed(limits: Any, *events: Any) -> list[bool]:
    """Which of *events* came through."""
    seen: list[Any] = []
    return [limits.run(event, lambda: seen.append(1) or True) is True for event in events]


# Stores.


@pytest.mark.parametrize("client", [OneStep, TwoSteps, InSeconds])
def test_a_record_lives_for_as_long_as_it_is_told(
    half: Any, drive: Callable[[Any], Any], clock: Clock, client: Any
) -> None:
    thing = client(clock)
    store = drive(half.RedisRateLimitStore(thing))
    store.set("k", {"count": 1, "resetTime": 5}, 5)

    assert thing.entries == {f"{PREFIX}k": ('{"count":1,"resetTime":5}', clock.ms + 5000)}
    assert store.get("k") == {"count": 1, "resetTime": 5}
    assert store.delete("k") is True
    assert (store.get("k"), store.delete("k")) == (None, False)


def test_a_record_on_a_server_lives_for_as_long_as_it_is_told(
    half: Any, drive: Callable[[Any], Any], server: Server
) -> None:
    store = drive(half.RedisRateLimitStore(server.url))
    store.set("k", {"count": 1, "resetTime": 5}, 1.5)

    assert server.call("GET", f"{PREFIX}k") == b'{"count":1,"resetTime":5}'
    assert 0 < server.call("PTTL", f"{PREFIX}k") <= 1500


@pytest.mark.parametrize("ttl", [0, -5, 0.0])
def test_a_record_that_is_over_goes_away(
    drive: Callable[[Any], Any], memory: Any, ttl: Any
) -> None:
    store = drive(memory)
    store.set("k", {"count": 1, "resetTime": 5}, 1)
    store.set("k", {"count": 2, "resetTime": 5}, ttl)

    assert store.get("k") is None


def test_numbers_are_written_as_javascript_writes_them(
    half: Any, drive: Callable[[Any], Any], clock: Clock
) -> None:
    thing = OneStep(clock)
    store = drive(half.RedisRateLimitStore(thing))
    record = {"count": 1.0, "by": "ann", "resetTime": 5e12}
    store.set("k", record, 1)

    assert thing.get(f"{PREFIX}k") == '{"count":1,"by":"ann","resetTime":5000000000000}'
    assert store.get("k") == record


@pytest.mark.parametrize(
    "raw",
    [
        *("", "{", "[]", "5", "null", '"12"', "{}", '{"count":1}', "undefined"),
        *('{"count":"1","resetTime":5}', '{"count":1,"resetTime":null}'),
        *('{"count":true,"resetTime":5}', '{"count":01,"resetTime":5}'),
        *('{"count":1,"resetTime":1e999}', '{"count":1,"resetTime":5} and more'),
        '{"count":1' + "0" * 400 + ',"resetTime":5}',
    ],
)
def test_what_is_no_record_is_told_and_stays(
    half: Any, drive: Callable[[Any], Any], clock: Clock, raw: str
) -> None:
    thing = OneStep(clock)
    thing.set(f"{PREFIX}k", raw)
    store = drive(half.RedisRateLimitStore(thing))
    for call in (lambda: store.get("k"), lambda: store.increment("k", 60)):
        with pytest.raises(RedisStoreParseError) as caught:
            call()
        assert (caught.value.store_name, caught.value.key) == ("rate-limit", "k")
        assert "12" not in str(caught.value)

    assert thing.get(f"{PREFIX}k") == raw


def test_so_it_is_on_a_server(half: Any, drive: Callable[[Any], Any], server: Server) -> None:
    """Also of bytes that are no text, and of an entry that is no string."""
    store = drive(half.RedisRateLimitStore(server.url))
    for raw in (b"", b"{}", b'{"count":01,"resetTime":5}', b"\xff", b'{"count":1,"resetTime":-0}x'):
        server.call("SET", f"{PREFIX}k", raw)
        with pytest.raises(RedisStoreParseError):
            store.increment("k", 60)
        assert server.call("GET", f"{PREFIX}k") == raw
    server.call("DEL", f"{PREFIX}k")
    server.call("RPUSH", f"{PREFIX}k", "secret")

    for call in (lambda: store.get("k"), lambda: store.increment("k", 60)):
        with pytest.raises(StorageError) as caught:
            call()
        assert "secret" not in str(caught.value)


def test_a_bad_record_or_lifetime_is_refused(drive: Callable[[Any], Any], memory: Any) -> None:
    store = drive(memory)
    for record in ({"count": 1}, [], None, {"count": "1", "resetTime": 5}, {"count": math.nan}):
        with pytest.raises(storage.WrongTypeError):
            store.set("k", record, 1)
    for ttl in (math.nan, math.inf, True, False):
        with pytest.raises(ValueError, match="ttl"):
            store.set("k", {"count": 1, "resetTime": 5}, ttl)
    for ttl in ("5", None, [5], storage.KEEP, datetime.now(timezone.utc)):
        with pytest.raises(TypeError, match="ttl must be seconds or a timedelta, not"):
            store.set("k", {"count": 1, "resetTime": 5}, ttl)
    for window in (0, -1, math.nan, True, None):
        with pytest.raises(ValueError, match="window"):
            store.increment("k", window)
    for now, kind in (
        *((math.nan, ValueError), (math.inf, ValueError), (-1, ValueError), (1e18, ValueError)),
        *((1e300, ValueError), (True, TypeError), ("5", TypeError)),
    ):
        with pytest.raises(kind, match="now"):
            store.increment("k", 60, now)

    assert store.get("k") is None


def test_a_client_that_lacks_something_is_refused_at_once(half: Any) -> None:
    with pytest.raises(ConfigurationError, match="has no"):
        half.RedisRateLimitStore(object())


def test_a_store_is_closed_once_and_for_all(half: Any, clock: Clock, bridge: Bridge) -> None:
    with bridge.driven(half.MemoryRateLimitStore(clock=clock)) as store:
        store.increment("k", 60)
    store.close()

    for call in (lambda: store.get("k"), lambda: store.increment("k", 60)):
        with pytest.raises(ClosedError):
            call()


def test_records_in_a_store_of_ours_leave_it_open(
    half: Any, drive: Callable[[Any], Any], file: Path, clock: Clock
) -> None:
    house = storage if half is BLOCKING else storage.aio
    base = house.SqliteStorage(file, clock=clock)
    opened = drive(base)
    with drive(half.RateLimitStore(base)) as store:
        store.increment("k", 60)
        store.set("set", {"count": 1, "resetTime": 5}, 60)

    assert opened.get("k") == {"count": 1, "resetTime": clock.ms + 60_000}
    assert opened.get("set") == {"count": 1, "resetTime": 5}
    clock.tick(60)
    assert list(opened.keys()) == []


# Counting.


@pytest.fixture(params=["memory", "client", "sqlite", "valkey", "redis6"])
def counting(
    request: pytest.FixtureRequest,
    half: Any,
    drive: Callable[[Any], Any],
    file: Path,
    clock: Clock,
) -> Iterator[Any]:
    """Stores on all kinds of places, whose time is that of *clock*."""
    house = storage if half is BLOCKING else storage.aio
    if request.param == "memory":
        yield drive(half.MemoryRateLimitStore(clock=clock))
    elif request.param == "client":
        backend = house.clients.ClientBackend
        found = commands(OneStep(clock), expires=True)
        yield drive(half.RateLimitStore(house.Storage(backend(found, clock))))
    elif request.param == "sqlite":
        base = house.SqliteStorage(file, clock=clock)
        yield drive(half.RateLimitStore(base))
        drive(base)
    else:
        server: Server = request.getfixturevalue(request.param)
        if not server.clock_moves:
            pytest.skip(f"{request.param}: the clock of the server can not be moved here")
        clock.lead(server.hold)
        yield drive(half.RedisRateLimitStore(server.url))
        server.call("FLUSHALL")


def test_a_window_begins_with_the_first_hit_and_ends_for_all(counting: Any, clock: Clock) -> None:
    """At its very end a new one begins."""
    first = counting.increment("k", 60)
    assert first == {"count": 1, "resetTime": clock.ms + 60_000}
    clock.tick(59.999)
    assert counting.increment("k", 60) == {"count": 2, "resetTime": first["resetTime"]}
    assert counting.get("k") == {"count": 2, "resetTime": first["resetTime"]}
    clock.tick(0.001)
    assert counting.increment("k", 10) == {"count": 1, "resetTime": clock.ms + 10_000}
    assert counting.increment("other", 60)["count"] == 1


def test_who_counts_may_say_which_moment_it_is(counting: Any) -> None:
    assert counting.increment("k", 60, 1000) == {"count": 1, "resetTime": 1_060_000}
    assert counting.increment("k", 60, 1059.999) == {"count": 2, "resetTime": 1_060_000}
    assert counting.increment("k", 0.5, 1060) == {"count": 1, "resetTime": 1_060_500}


def test_what_others_keep_in_a_record_stays_while_the_window_lasts(
    half: Any, drive: Callable[[Any], Any], server: Server
) -> None:
    """However they write it."""
    store = drive(half.RedisRateLimitStore(server.url))
    ends = 10**14
    for before, after in (
        (
            f'{{"count":1,"resetTime":{ends},"by":"é"}}',
            f'{{"count":2,"resetTime":{ends},"by":"é"}}',
        ),
        (
            f'{{ "big": 1e20, "count": 1.5,\n"resetTime": {ends}.0, "l": [ 1 ] }}',
            f'{{"big":1e20,"count":2.5,"resetTime":{ends},"l":[ 1 ]}}',
        ),
        (f'{{"resetTime":{ends},"count":1}}', f'{{"resetTime":{ends},"count":2}}'),
        (f'{{"count":-1,"resetTime":{ends}}}', f'{{"count":0,"resetTime":{ends}}}'),
    ):
        server.call("SET", f"{PREFIX}k", before)
        record = store.increment("k", 60)
        assert server.call("GET", f"{PREFIX}k").decode() == after
        assert record == json.loads(after)
        assert 0 < server.call("PTTL", f"{PREFIX}k") <= ends
    server.call("SET", f"{PREFIX}k", '{"count":1,"resetTime":5,"by":"ann"}')

    assert sorted(store.increment("k", 60)) == ["count", "resetTime"]


def test_a_record_ends_with_its_window(
    half: Any, drive: Callable[[Any], Any], server: Server
) -> None:
    """It is never left for ever, and never gone before."""
    store = drive(half.RedisRateLimitStore(server.url))
    store.increment("k", 60)
    assert 59_000 < server.call("PTTL", f"{PREFIX}k") <= 60_000
    server.call("PERSIST", f"{PREFIX}k")
    record = store.increment("k", 5)
    left = server.call("PTTL", f"{PREFIX}k")
    assert abs(record["resetTime"] - server.time_ms() - left) < 1000
    store.increment("brief", 0.001)

    assert server.call("PTTL", f"{PREFIX}brief") in (-2, 0, 1)


def test_the_clock_of_the_server_counts(
    half: Any, drive: Callable[[Any], Any], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers whose clocks differ count in the same window."""
    for module in (storage.compat.tallies, storage.aio.compat.tallies):
        monkeypatch.setattr(module, "wall_clock", lambda: 5.0)
    store = drive(half.RedisRateLimitStore(server.url))

    assert abs(store.increment("k", 60)["resetTime"] - 60_000 - server.time_ms()) < 5000
    server.call("SET", f"{PREFIX}k", '{"resetTime":10,"count":1}')  # which takes two trips
    assert abs(store.increment("k", 60)["resetTime"] - 60_000 - server.time_ms()) < 5000


# Updates.


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (update(100, 7), "100_7"),
        (update(-1001234567890, 42), "-1001234567890_42"),
        (update(0, 0), "0_0"),
        (update(100, None), "chat:100"),
        (update(None, 7), "user:7"),
        (update(None, 0), "user:0"),
        (update(None, None, update_id=12), "update:12"),
        (update(None, None, update_id=0), "update:0"),
        (SimpleNamespace(message=update(100), from_user=SimpleNamespace(id=9)), "100_9"),
        (update(None, None), None),
    ],
)
def test_an_update_counts_by_what_is_known_of_it(
    limits: Callable[..., Any], event: Any, key: str | None
) -> None:
    """An id of 0 is one."""
    kept: dict[str, Any] = {}
    once = limits(store=kept)

    assert once.key_of(event) == key
    assert passed(once, event) == [True]
    assert list(kept) == ([] if key is None else [key])


def test_the_first_update_of_a_window_passes_and_the_second_does_not(
    limits: Callable[..., Any], memory: Any, clock: Clock
) -> None:
    once = limits(store=memory)
    assert passed(once, update(), update(), update(user=8)) == [True, False, True]
    clock.tick(0.999)
    assert once.check(update()) == 1
    clock.tick(0.001)

    assert passed(once, update(), update()) == [True, False]


def test_who_is_refused_is_told_in_how_many_seconds_one_may(
    limits: Callable[..., Any], memory: Any, clock: Clock
) -> None:
    once = limits(store=memory, window=60)
    assert once.check(update()) is None
    assert once.check(update()) == 60
    clock.tick(0.5)
    assert once.check(update()) == 60
    clock.tick(59.4)
    assert once.check(update()) == 1


def test_a_channel_post_counts_by_its_chat(limits: Callable[..., Any], memory: Any) -> None:
    post = update(-100, None, "channel")

    assert passed(limits(store=memory), post, post) == [True, False]


@pytest.mark.parametrize("kind", ["group", "supergroup"])
def test_twenty_in_a_minute_pass_in_a_group(
    limits: Callable[..., Any], memory: Any, clock: Clock, kind: str
) -> None:
    event = update(-5, 7, kind)
    once = limits(store=memory)
    assert passed(once, *[event] * 21) == [True] * 20 + [False]
    clock.tick(59.999)
    assert passed(once, event) == [False]
    clock.tick(0.001)
    assert passed(once, event) == [True]


def test_a_limit_and_a_window_are_told_each_by_itself(
    half: Any, drive: Callable[[Any], Any], limits: Callable[..., Any], clock: Clock
) -> None:
    for options, event, count, seconds in (
        ({"limit": 3}, update(), 3, 1),
        ({"window": 5}, update(), 1, 5),
        ({"limit": 2}, update(-5, kind="group"), 2, 60),
        ({"window": 2}, update(-5, kind="group"), 20, 2),
        ({"limit": 2, "window": 0.25}, update(None, None, update_id=1), 2, 0.25),
    ):
        store = half.MemoryRateLimitStore(clock=clock)
        once = limits(store=store, **options)
        assert passed(once, *[event] * (count + 1)) == [True] * count + [False]
        record = drive(store).get(once.key_of(event))
        assert record["resetTime"] == clock.ms + seconds * 1000


def test_a_limit_of_nothing_lets_nothing_pass(limits: Callable[..., Any], memory: Any) -> None:
    """VibeGram's lets the first one pass, but in memory."""
    assert passed(limits(store=memory, limit=0), update(), update()) == [False, False]
    assert passed(limits(store={}, limit=0), update()) == [False]


def test_the_callback_is_called_once_for_each_that_does_not_pass(
    limits: Callable[..., Any], memory: Any
) -> None:
    told = []

    def exceeded(ctx: Any, next: Any) -> str:
        told.append((ctx, callable(next)))
        return "slower"

    once, event = limits(store=memory, on_limit_exceeded=exceeded), update()
    assert once.run(event, lambda: "handled") == "handled"
    assert told == []
    assert once.run(event, lambda: "handled") == "slower"
    assert told == [(event, True)]


def test_the_callback_may_let_it_pass_all_the_same() -> None:
    once = BLOCKING.rate_limit(limit=0, on_limit_exceeded=lambda ctx, next: next())

    assert once.run(update(), lambda: "handled") == "handled"


def test_both_callbacks_may_be_awaited() -> None:
    async def exceeded(ctx: Any, next: Any) -> Any:
        return await next(), "after all"

    async def handled() -> str:
        return "handled"

    once = AIO.rate_limit(on_limit_exceeded=exceeded)
    assert run(once.run(update(), handled)) == "handled"
    assert run(once.run(update(), handled)) == ("handled", "after all")


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_an_update_passes(limits: Callable[..., Any], key: str | None) -> None:
    kept: dict[str, Any] = {}
    once = limits(store=kept, limit=0, key=lambda ctx: key)

    assert passed(once, update()) == [True]
    assert once.check(update()) is None
    assert kept == {}


def test_unless_these_limits_are_strict(
    limits: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    event = update(None, None)
    told = []
    strict = limits(strict=True, on_limit_exceeded=lambda ctx, next: told.append(ctx))
    assert passed(strict, event) == [False]
    assert told == [event]

    with caplog.at_level(logging.WARNING, "storage"):
        assert passed(limits(strict=True), event) == [False]
    assert "nobody can say whose" in caplog.text
    assert limits(strict=True).check(event) == math.inf
    assert passed(limits(strict=True), update()) == [True]


def test_what_is_dropped_is_in_the_log(
    limits: Callable[..., Any], memory: Any, caplog: pytest.LogCaptureFixture
) -> None:
    event = update(text="my password")
    with caplog.at_level(logging.WARNING, "storage"):
        assert passed(limits(store=memory), event, event) == [True, False]

    assert [record.getMessage() for record in caplog.records] == [
        "rate limit: an update of '100_7' was dropped"
    ]


def test_a_bot_says_the_key(limits: Callable[..., Any]) -> None:
    kept: dict[str, Any] = {}
    seen = []

    def key_of(ctx: Any) -> str:
        seen.append(ctx)
        return "all"

    event, other = update(), update(8, 9)
    assert passed(limits(store=kept, key=key_of), event, other) == [True, False]
    assert seen == [event, other]
    assert list(kept) == ["all"]


def test_two_limits_with_one_store_share_what_they_count(
    limits: Callable[..., Any], memory: Any
) -> None:
    assert passed(limits(store=memory), update()) == [True]
    assert passed(limits(store=memory), update()) == [False]
    assert passed(limits(), update()) == [True]  # which has one of its own


def test_what_can_not_be_used_is_refused_at_once(half: Any) -> None:
    async def key_of(ctx: Any) -> str:
        return "k"

    for options, kind, words in (
        ({"limit": -1}, ValueError, "limit"),
        ({"limit": True}, TypeError, "limit"),
        ({"limit": 1.5}, TypeError, "limit"),
        ({"window": 0}, ValueError, "window"),
        ({"key": "100"}, TypeError, "key"),
        ({"key": key_of}, TypeError, "plain function"),
        ({"on_limit_exceeded": "slower"}, TypeError, "function"),
        ({"store": object()}, ConfigurationError, "get, set, delete"),
    ):
        with pytest.raises(kind, match=words):
            half.rate_limit(**options)


def test_what_is_no_function_is_called_by_its_name(
    limits: Callable[..., Any], drive: Callable[[Any], Any], memory: Any
) -> None:
    for name in ("key", "on_limit_exceeded"):
        with pytest.raises(TypeError, match=f"^{name} must be a function, not int"):
            limits(**{name: 5})
    with pytest.raises(TypeError, match="next must be a function, not int"):
        limits(store=memory).run(update(), 5)

    assert drive(memory).get("100_7") is None


def test_rate_limits_say_what_they_are_and_nobody_whom_they_are_for(
    limits: Callable[..., Any], memory: Any
) -> None:
    once = limits(store=memory, window=0.5)
    once.check(update())

    assert repr(once) == "<RateLimits of memory: 1 in 0.5 s, in groups 20 in 0.5 s>"
    assert repr(limits()) == "<RateLimits of memory: 1 in 1 s, in groups 20 in 60 s>"
    always = limits(limit=5, window=86_400 * 100, store=Counter())
    assert repr(always) == "<RateLimits of adapted Counter: 5 in 8640000 s>"


def test_the_blocking_half_calls_nothing_that_is_awaited() -> None:
    async def exceeded(ctx: Any, next: Any) -> None: ...

    async def following() -> None: ...

    with pytest.raises(TypeError, match="coroutine function"):
        BLOCKING.rate_limit(on_limit_exceeded=exceeded)
    kept: dict[str, Any] = {}
    with pytest.raises(TypeError, match="coroutine function"):
        BLOCKING.rate_limit(store=kept).run(update(), following)
    assert kept == {}


# A store of somebody's own.


class Shelf:
    """The least that VibeGram takes for a store."""

    def __init__(self) -> None:
        self.records: dict[str, Any] = {}
        self.ttls: list[float] = []

    def get(self, key: str) -> Any:
        return self.records.get(key)

    def set(self, key: str, record: Any, ttl: float) -> None:
        self.records[key] = record
        self.ttls.append(ttl)

    def delete(self, key: str) -> None:
        self.records.pop(key, None)


class Counter(Shelf):
    """One that counts by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    def increment(self, key: str, window: float, now: float) -> Any:
        self.calls.append((key, window, now))
        return {"count": len(self.calls), "resetTime": (now + window) * 1000}


class Awaited(Shelf):
    """Some of its methods are awaited, and some are not."""

    async def get(self, key: str) -> Any:  # type: ignore[override]
        return super().get(key)

    async def set(self, key: str, record: Any, ttl: float) -> None:  # type: ignore[override]
        super().set(key, record, ttl)


def test_a_store_without_an_increment_is_taken_with_a_warning(limits: Callable[..., Any]) -> None:
    shelf = Shelf()
    with pytest.warns(UserWarning, match="Shelf has no increment") as caught:
        once = limits(store=shelf, window=60)
    assert caught[0].filename == __file__

    assert passed(once, update(), update(), update(user=8)) == [True, False, True]
    assert shelf.records["100_7"]["count"] == 2
    assert 59 < shelf.ttls[1] <= 60
    assert shelf.ttls[0] == 60
    shelf.records["100_7"] = {"count": 9, "resetTime": 5, "by": "ann"}
    assert passed(once, update()) == [True]
    assert sorted(shelf.records["100_7"]) == ["count", "resetTime"]
    shelf.records["100_7"] = {"count": 9, "resetTime": 10**14, "by": "ann"}
    assert passed(once, update()) == [False]
    assert shelf.records["100_7"] == {"count": 10, "resetTime": 10**14, "by": "ann"}


def test_its_methods_may_be_awaited(bridge: Bridge) -> None:
    shelf = Awaited()
    with pytest.warns(UserWarning, match="increment"):
        once = bridge.driven(AIO.rate_limit(store=shelf))

    assert passed(once, update(), update()) == [True, False]
    with pytest.raises(TypeError, match="coroutine function"):
        BLOCKING.rate_limit(store=shelf)


def test_one_with_an_increment_counts_by_itself(limits: Callable[..., Any]) -> None:
    counter = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        once = limits(store=counter, limit=2, window=60)

    assert passed(once, update(), update(), update()) == [True, True, False]
    assert [call[:2] for call in counter.calls] == [("100_7", 60)] * 3
    assert once.check(update()) == 60
    assert counter.records == {}


def test_what_such_a_store_does_wrong_is_told(limits: Callable[..., Any]) -> None:
    counter = Counter()
    once = limits(store=counter)
    for answer in (5, {"count": 1}, None, {"count": "1", "resetTime": 5}):
        counter.increment = lambda *args, answer=answer: answer  # type: ignore[method-assign]
        with pytest.raises(CorruptValueError):
            limits(store=counter).check(update())

    def fails(*args: Any) -> Any:
        raise LookupError("secret")

    counter.increment = fails  # type: ignore[method-assign]
    with pytest.raises(StorageError, match="the store raised LookupError") as caught:
        limits(store=counter).check(update())
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, LookupError)
    assert once.check(update()) is None  # it was looked at when the limits were made
