"""What puregram proves of its rate limits, as laws of ours, and where ours differ on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.clients
import storage.aio.compat.puregram
import storage.clients
import storage.compat.puregram
from storage import ConfigurationError, CorruptValueError
from storage.core.clients import commands
from storage.testing import Bridge, Clock
from tests.compat import ground
from tests.contract.clients import OneStep
from tests.leases.ground import run
from tests.servers import Server

BLOCKING = storage.compat.puregram
AIO = storage.aio.compat.puregram

OFTEN = {"limit": 3, "window": 60}


def update(user: Any = 42, chat: Any = 100, **more: Any) -> Any:
    return ground.update(user, chat, **more)


@pytest.fixture(params=[BLOCKING, AIO], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def limits(half: Any, bridge: Bridge) -> Callable[..., Any]:
    """Rate limits of both colours by plain calls."""
    return lambda **options: bridge.driven(half.rate_limit(**options))


@pytest.fixture
def kept(half: Any, clock: Clock, drive: Callable[[Any], Any]) -> Any:
    """A storage whose time is turned by hand, as it is."""
    store = half.MemoryStorage(clock=clock)
    drive(store)
    return store


@pytest.fixture
def seen(kept: Any, bridge: Bridge) -> Any:
    """The same by plain calls."""
    return bridge.driven(kept)


@pytest.fixture
def timed(limits: Callable[..., Any], kept: Any) -> Any:
    return limits(storage=kept)


# Hits.


def test_the_first_hit_begins_a_window(timed: Any, seen: Any, clock: Clock) -> None:
    assert timed.hit("k", 3, 60) is None
    assert seen.get("k") == {"hits": 1, "resetAt": clock.ms + 60_000}
    assert round(seen.expires_at("k").timestamp() - clock()) == 60


def test_so_many_pass_and_then_one_has_to_wait(timed: Any, seen: Any, clock: Clock) -> None:
    assert [timed.hit("k", 3, 60) for _ in range(4)] == [None, None, None, 60]
    clock.tick(0.001)
    assert timed.hit("k", 3, 60) == 60  # of the seconds that are left, rounded up
    clock.tick(58.999)
    assert timed.hit("k", 3, 60) == 1
    clock.tick(0.999)
    assert timed.hit("k", 3, 60) == 1


def test_what_is_refused_leaves_no_trace(timed: Any, seen: Any, clock: Clock) -> None:
    assert timed.hit("k", 1, 60) is None
    before = seen.get("k")
    clock.tick(1)
    assert timed.hit("k", 1, 60) == 59

    assert seen.get("k") == before
    assert timed.hit("k", 2, 60) is None  # who has a higher limit goes on from there


def test_a_window_ends_for_all_at_once(timed: Any, seen: Any, clock: Clock) -> None:
    """At its very end a new one begins."""
    timed.hit("k", 3, 60)
    ends = seen.get("k")["resetAt"]
    clock.tick(30)
    timed.hit("k", 3, 60)
    assert seen.get("k") == {"hits": 2, "resetAt": ends}
    assert round(seen.expires_at("k").timestamp() - clock()) == 30
    clock.tick(30)
    timed.hit("k", 3, 60)
    assert seen.get("k") == {"hits": 1, "resetAt": clock.ms + 60_000}


def test_keys_do_not_know_each_other(timed: Any) -> None:
    assert [timed.hit(key, 1, 60) for key in ("a", "b", "a")] == [None, None, 60]


def test_a_reset_frees_a_key(timed: Any) -> None:
    timed.hit("k", 1, 60)
    assert timed.reset("k") is True
    assert timed.hit("k", 1, 60) is None
    assert timed.reset("nobody") is False


def test_a_limit_of_nothing_lets_nothing_pass(timed: Any, seen: Any) -> None:
    """puregram's lets the first one pass."""
    assert timed.hit("k", 0, 60) == 60
    assert timed.check(update(), limit=0, window=0.5) == 1
    assert list(seen.keys()) == []


# Keys.


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (update(42, 100, sender_chat=SimpleNamespace(id=-5)), "42"),
        (update(None, 100, sender_chat=SimpleNamespace(id=-5)), "-5"),
        (SimpleNamespace(message=update(None, 1, sender_chat=SimpleNamespace(id=-5))), "-5"),
        (update(None, 100), "100"),
        (update(0, 100), "0"),
        (update("ann", None), "ann"),
        (update(None, "@news"), "@news"),
        (SimpleNamespace(), None),
    ],
)
def test_an_update_counts_by_its_sender_or_its_chat(
    limits: Callable[..., Any], event: Any, key: str | None
) -> None:
    once = limits()
    assert once.resolve_key(event) == (None if key is None else f"default:{key}")
    assert once.resolve_key(event, "cb") == (None if key is None else f"cb:{key}")
    assert once.resolve_key(event, "") == once.resolve_key(event)


def test_a_bot_says_the_key(limits: Callable[..., Any], kept: Any, seen: Any) -> None:
    once = limits(storage=kept, get_storage_key=lambda event: event.chat.id)

    assert [once.check(update(user), limit=1, window=60) for user in (1, 2)] == [None, 60]
    assert list(seen.keys()) == ["default:100"]


@pytest.mark.parametrize("key", [None, ""])
def test_an_update_without_a_key_passes_and_nothing_is_written(
    limits: Callable[..., Any], kept: Any, seen: Any, key: str | None
) -> None:
    told = []
    once = limits(
        storage=kept,
        get_storage_key=lambda event: key,
        on_limit_exceeded=lambda event, wait: told.append(event),
    )

    for _ in range(2):
        assert once.check(update(), limit=0, window=60) is None
        assert once.allows(update(), limit=0, window=60) is True
        assert once.run(update(), lambda: "handled", limit=0, window=60) == "handled"
    assert (list(seen.keys()), told) == ([], [])


# The plugin.


def test_without_a_storage_ten_thousand_keys_are_kept(limits: Callable[..., Any]) -> None:
    kinds = (storage.LruMemoryStorage, storage.aio.LruMemoryStorage)
    assert isinstance(limits().storage, kinds)

    once = limits(max_entries=2)
    for key in ("a", "b", "c"):
        assert once.hit(key, 1, 60) is None
    assert once.hit("c", 1, 60) == 60
    assert once.hit("a", 1, 60) is None  # it made room
    with pytest.raises(ValueError, match="positive"):
        limits(max_entries=0)


def test_the_storage_and_the_callback_are_there_to_be_seen(half: Any, kept: Any) -> None:
    def told(event: Any, wait: int) -> None: ...

    once = half.rate_limit(storage=kept, on_limit_exceeded=told)
    assert once.storage is kept
    assert once.on_limit_exceeded is told
    assert half.rate_limit().on_limit_exceeded is None


def test_buckets_of_one_user_do_not_know_each_other(timed: Any, seen: Any) -> None:
    assert timed.check(update(), limit=1, window=60, bucket="pay") is None
    assert seen.has("pay:42")
    assert not seen.has("default:42")
    assert timed.check(update(), limit=1, window=60) is None
    assert timed.check(update(), limit=1, window=60, bucket="pay") == 60
    assert timed.reset(timed.resolve_key(update(), "pay")) is True
    assert timed.check(update(), limit=1, window=60, bucket="pay") is None


def test_users_have_budgets_of_their_own(timed: Any) -> None:
    answers = [timed.check(update(user), limit=2, window=60) for user in (1, 1, 2, 1, 2)]
    assert answers == [None, None, None, 60, None]


# Filters and middleware.


def test_a_filter_says_whether_an_update_passes_and_tells_who_wants_to_hear(
    limits: Callable[..., Any], kept: Any
) -> None:
    all_of_them: list[Any] = []
    mine: list[Any] = []
    once = limits(storage=kept, on_limit_exceeded=lambda *told: all_of_them.append(told))
    event = update()

    assert [once.allows(event, limit=2, window=60) for _ in range(3)] == [True, True, False]
    assert all_of_them == [(event, 60)]
    refused = once.allows(
        event, limit=2, window=60, on_limit_exceeded=lambda *told: mine.append(told)
    )
    assert refused is False
    assert (mine, len(all_of_them)) == ([(event, 60)], 1)
    assert once.allows(event, limit=2, window=60, bucket="other") is True


def test_without_a_callback_nobody_is_told(timed: Any) -> None:
    assert [timed.allows(update(), limit=1, window=60) for _ in range(2)] == [True, False]
    assert timed.run(update(), lambda: "handled", limit=1, window=60) is None


def test_a_middleware_holds_back_what_comes_after_it(limits: Callable[..., Any], kept: Any) -> None:
    told: list[Any] = []
    mine: list[Any] = []
    once = limits(storage=kept, on_limit_exceeded=lambda *words: told.append(words))
    event = update()
    answers = [once.run(event, lambda: "handled", limit=2, window=60) for _ in range(4)]
    once.run(
        event,
        lambda: pytest.fail("it is refused"),
        limit=2,
        window=60,
        on_limit_exceeded=lambda *words: mine.append(words),
    )

    assert answers == ["handled", "handled", None, None]
    assert (told, mine) == ([(event, 60)] * 2, [(event, 60)])


def test_all_callbacks_may_be_awaited() -> None:
    told = []

    async def exceeded(event: Any, wait: int) -> None:
        told.append(wait)

    async def handled() -> str:
        return "handled"

    once = AIO.rate_limit(on_limit_exceeded=exceeded)
    assert run(once.run(update(), handled, limit=1, window=60)) == "handled"
    assert run(once.run(update(), handled, limit=1, window=60)) is None
    assert told == [60]
    blocking = BLOCKING.rate_limit()
    with pytest.raises(TypeError, match="coroutine function"):
        BLOCKING.rate_limit(on_limit_exceeded=exceeded)
    with pytest.raises(TypeError, match="coroutine function"):
        blocking.allows(update(), limit=1, window=60, on_limit_exceeded=exceeded)
    with pytest.raises(TypeError, match="coroutine function"):
        blocking.run(update(), handled, limit=1, window=60)
    assert list(blocking.storage.keys()) == []


def test_what_can_not_be_used_is_refused_before_anything_is_written(
    limits: Callable[..., Any], timed: Any, seen: Any
) -> None:
    async def key_of(event: Any) -> str:
        return "k"

    for limit, window, kind in (
        (-1, 60, ValueError),
        (1.5, 60, TypeError),
        (True, 60, TypeError),
        (1, 0, ValueError),
        (1, -5, ValueError),
        (1, float("nan"), ValueError),
        (1, None, ValueError),
    ):
        for event in (update(), SimpleNamespace()):
            with pytest.raises(kind):
                timed.check(event, limit=limit, window=window)
        with pytest.raises(kind):
            timed.hit("k", limit, window)
    for options in ({"get_storage_key": key_of}, {"get_storage_key": "k"}):
        with pytest.raises(TypeError):
            limits(**options)
    assert list(seen.keys()) == []


def test_what_is_no_function_is_called_by_its_name(
    limits: Callable[..., Any], timed: Any, seen: Any
) -> None:
    for name in ("get_storage_key", "on_limit_exceeded"):
        with pytest.raises(TypeError, match=f"^{name} must be a function, not int"):
            limits(**{name: 5})
    with pytest.raises(TypeError, match="on_limit_exceeded must be a function, not int"):
        timed.allows(update(), **OFTEN, on_limit_exceeded=5)
    with pytest.raises(TypeError, match="next must be a function, not int"):
        timed.run(update(), 5, **OFTEN)
    assert list(seen.keys()) == []


def test_rate_limits_say_where_they_are_and_nobody_whom_they_are_for(timed: Any) -> None:
    timed.check(update(), **OFTEN)

    assert repr(timed) == "<RateLimits of memory>"


# Stores.


@pytest.mark.parametrize(
    "record",
    [
        [],
        5,
        "five",
        None,
        {},
        {"hits": 1},
        {"hits": "1", "resetAt": 5},
        {"hits": 1, "resetAt": None},
    ],
)
def test_what_is_no_record_is_told_and_stays(timed: Any, seen: Any, record: Any) -> None:
    seen.set("k", record)
    with pytest.raises(CorruptValueError) as caught:
        timed.hit("k", 1, 60)

    assert caught.value.key == "k"
    assert seen.get("k", "missing") == record


def test_what_others_keep_in_a_record_stays_while_the_window_lasts(timed: Any, seen: Any) -> None:
    seen.set("k", {"by": "ann", "hits": 1, "resetAt": 10**14})
    assert timed.hit("k", 2, 60) is None
    assert seen.get("k") == {"by": "ann", "hits": 2, "resetAt": 10**14}
    assert timed.hit("k", 2, 60) is not None


def test_a_record_on_a_server_lives_as_long_as_its_window(
    half: Any, limits: Callable[..., Any], drive: Callable[[Any], Any], valkey: Server
) -> None:
    """Whatever lifetime the storage gives to others."""
    for ttl in (None, 1):
        base = half.RedisStorage(valkey.url, ttl=ttl)
        once = limits(storage=base)
        assert [once.check(update(), **OFTEN) for _ in range(4)] == [None, None, None, 60]
        assert valkey.call("GET", "puregram:default:42").startswith(b'{"hits":3,"resetAt":')
        assert 59_000 < valkey.call("PTTL", "puregram:default:42") <= 60_000
        drive(base)
        valkey.call("FLUSHALL")


def test_the_clock_of_the_server_counts(
    half: Any,
    limits: Callable[..., Any],
    drive: Callable[[Any], Any],
    valkey: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (storage.compat.tallies, storage.aio.compat.tallies):
        monkeypatch.setattr(module, "wall_clock", lambda: 5.0)
    base = half.RedisStorage(valkey.url)
    once = limits(storage=base)
    once.hit("k", 1, 60)

    assert abs(drive(once.storage).get("k")["resetAt"] - 60_000 - valkey.time_ms()) < 5000
    valkey.call("FLUSHALL")


@pytest.mark.parametrize(
    "place", ["dict", "client", "sqlite", "enhanced", "encrypted", "namespace"]
)
def test_every_storage_will_do(
    half: Any,
    limits: Callable[..., Any],
    drive: Callable[[Any], Any],
    file: Path,
    clock: Clock,
    place: str,
) -> None:
    house: Any = storage if half is BLOCKING else storage.aio
    base: Any = {}
    if place == "client":
        found = commands(OneStep(clock), expires=True)
        base = house.Storage(house.clients.ClientBackend(found, clock))
    elif place != "dict":
        base = half.SqliteStorage(file, clock=clock)
        drive(base)
    if place == "enhanced":
        base = half.enhance_storage(base, migrations={1: lambda record: record}, clock=clock)
    elif place == "encrypted":
        base = house.encrypted(base, "0" * 32)
    elif place == "namespace":
        base = base.namespace("limits")
    once = limits(storage=base)

    assert [once.check(update(), **OFTEN) for _ in range(4)] == [None, None, None, 60]
    assert drive(once.storage).get("default:42")["hits"] == 3
    assert once.reset("default:42") is True
    assert once.check(update(), **OFTEN) is None


def test_layers_on_a_server_are_not_written_around(
    half: Any, limits: Callable[..., Any], drive: Callable[[Any], Any], valkey: Server
) -> None:
    base = half.RedisStorage(valkey.url)
    drive(base)
    once = limits(storage=half.enhance_storage(base, migrations={1: lambda record: record}))

    assert [once.check(update(), **OFTEN) for _ in range(4)] == [None, None, None, 60]
    assert valkey.call("GET", "puregram:default:42").startswith(b'{"__v":1,"data":{"hits":3,')
    assert 59_000 < valkey.call("PTTL", "puregram:default:42") <= 60_000
    valkey.call("FLUSHALL")


def test_a_storage_that_writes_no_json_is_refused(half: Any) -> None:
    class Reversed(storage.JsonCodec):
        def encode(self, value: Any, /) -> bytes:
            return super().encode(value)[::-1]

    house: Any = storage if half is BLOCKING else storage.aio
    with pytest.raises(ConfigurationError, match="JSON"):
        half.rate_limit(storage=house.MemoryStorage(codec=Reversed()))


# In a bot.


def test_five_commands_of_which_three_are_handled(limits: Callable[..., Any]) -> None:
    told: list[int] = []
    once = limits(on_limit_exceeded=lambda event, wait: told.append(wait))
    handled = [number for number in range(5) if once.allows(update(), **OFTEN)]

    assert handled == [0, 1, 2]
    assert len(told) == 2
    assert all(0 < wait <= 60 for wait in told)


def test_a_handler_may_ask_by_itself(limits: Callable[..., Any]) -> None:
    once = limits()
    answers = [once.check(update(), limit=5, window=60) for _ in range(7)]

    assert answers[:5] == [None] * 5
    assert all(wait is not None and 0 < wait <= 60 for wait in answers[5:])
