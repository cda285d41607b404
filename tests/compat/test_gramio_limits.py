"""What GramIO proves of its rate limits, as laws of ours, and where ours differ on purpose."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.compat.gramio
import storage.compat.gramio
from storage import CorruptValueError
from storage.testing import Bridge, Clock
from tests.compat import ground
from tests.leases.ground import run
from tests.servers import Server

BLOCKING = storage.compat.gramio
AIO = storage.aio.compat.gramio

OFTEN = {"limit": 3, "window": 60}
ONCE = {"limit": 1, "window": 60}


def event(user: Any = 77, chat: Any = 100, **more: Any) -> Any:
    return ground.update(user, chat, **more)


def posted(chat: Any, kind: str = "channel") -> Any:
    return SimpleNamespace(from_user=None, chat=SimpleNamespace(id=chat, type=kind))


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
    house: Any = storage if half is BLOCKING else storage.aio
    store = house.MemoryStorage(clock=clock)
    drive(store)
    return store


@pytest.fixture
def seen(kept: Any, bridge: Bridge) -> Any:
    """The same by plain calls."""
    return bridge.driven(kept)


@pytest.fixture
def timed(limits: Callable[..., Any], kept: Any) -> Any:
    return limits(storage=kept)


def test_so_many_pass_and_then_none(timed: Any, seen: Any, clock: Clock) -> None:
    assert [timed.allows(event(), **OFTEN) for _ in range(3)] == [True] * 3
    before = seen.get("rl:default:77")
    assert timed.allows(event(), **OFTEN) is False
    assert seen.get("rl:default:77") == before == [clock.ms] * 3  # it leaves no trace
    clock.tick(61)
    assert timed.allows(event(), **OFTEN) is True
    assert seen.get("rl:default:77") == [clock.ms]


def test_each_hit_counts_for_as_long_as_the_window_is(timed: Any, clock: Clock) -> None:
    start = clock()
    assert timed.check(event(), **OFTEN) is None
    clock.tick(20)
    assert timed.check(event(), **OFTEN) is None
    assert timed.check(event(), **OFTEN) is None
    assert timed.check(event(), **OFTEN) == 40
    clock.tick(start + 59.999 - clock())
    assert timed.check(event(), **OFTEN) == 1
    clock.tick(0.001)
    assert timed.check(event(), **OFTEN) is None
    assert timed.check(event(), **OFTEN) == 20


def test_who_has_to_wait_for_several_to_be_over_is_told(
    timed: Any, seen: Any, clock: Clock
) -> None:
    seen.set("rl:default:77", [clock.ms - 1000, clock.ms - 3000, clock.ms - 2000])

    assert timed.check(event(), limit=3, window=10) == 7
    assert timed.check(event(), limit=2, window=10) == 8
    assert timed.check(event(), limit=1, window=10) == 9
    assert timed.check(event(), limit=4, window=10) is None


def test_a_limit_of_nothing_lets_nothing_pass(timed: Any, seen: Any) -> None:
    assert timed.check(event(), limit=0, window=60) == 60
    assert list(seen.keys()) == []


def test_users_and_ids_do_not_know_each_other(timed: Any, seen: Any) -> None:
    assert timed.allows(event(1), **ONCE) is True
    assert timed.allows(event(2), **ONCE) is True
    assert timed.allows(event(1), **ONCE, id="cmd") is True
    assert timed.allows(event(1), **ONCE) is False  # which is the same for all without an id
    assert sorted(seen.keys()) == ["rl:cmd:1", "rl:default:1", "rl:default:2"]


@pytest.mark.parametrize(
    ("told", "key"),
    [
        (event(77), "77"),
        (event(0, None), "0"),
        (SimpleNamespace(message=event(1), from_user=SimpleNamespace(id=9)), "9"),
        (SimpleNamespace(user=SimpleNamespace(id=5), chat=SimpleNamespace(id=1)), "5"),
        (posted(-100), "-100"),
        (SimpleNamespace(channel_post=posted(-100)), "-100"),
        (SimpleNamespace(channel_post=None, edited_channel_post=posted(-7)), "-7"),
        (posted(-100, "group"), None),
        (SimpleNamespace(), None),
    ],
)
def test_an_event_counts_by_its_sender_or_by_its_channel(
    timed: Any, seen: Any, told: Any, key: str | None
) -> None:
    assert timed.key_of(told, "cmd") == (None if key is None else f"rl:cmd:{key}")
    assert timed.allows(told, **ONCE) is True
    assert timed.allows(told, **ONCE) is (key is None)
    assert list(seen.keys()) == ([] if key is None else [f"rl:default:{key}"])


def test_a_bot_says_the_key(limits: Callable[..., Any], kept: Any, seen: Any) -> None:
    """One that is always the same is shared by all, and without one nothing is limited."""
    shared = limits(storage=kept, key=lambda told: "all")
    assert [shared.allows(event(user), **ONCE) for user in (1, 2)] == [True, False]
    for none in (None, ""):
        free = limits(storage=kept, key=lambda told, none=none: none)
        assert [free.allows(event(), **ONCE) for _ in range(3)] == [True] * 3
    assert list(seen.keys()) == ["rl:default:all"]


def test_of_what_does_not_pass_somebody_is_told(limits: Callable[..., Any], kept: Any) -> None:
    all_of_them: list[Any] = []
    mine: list[Any] = []
    once = limits(storage=kept, on_limit_exceeded=all_of_them.append)
    told = event()

    assert once.run(told, lambda handled: handled.from_user.id, **ONCE) == 77
    assert all_of_them == []
    assert once.run(told, lambda handled: pytest.fail("it is refused"), **ONCE) is None
    assert all_of_them == [told]
    assert once.allows(told, **ONCE, on_limit_exceeded=mine.append) is False
    assert (mine, all_of_them) == ([told], [told])


def test_all_callbacks_may_be_awaited() -> None:
    told = []

    async def exceeded(refused: Any) -> None:
        told.append(refused)

    async def handled(passed: Any) -> str:
        return "handled"

    one = event()
    once = AIO.rate_limit(on_limit_exceeded=exceeded)
    assert run(once.run(one, handled, **ONCE)) == "handled"
    assert run(once.run(one, handled, **ONCE)) is None
    assert told == [one]
    blocking = BLOCKING.rate_limit()
    with pytest.raises(TypeError, match="coroutine function"):
        BLOCKING.rate_limit(on_limit_exceeded=exceeded)
    with pytest.raises(TypeError, match="coroutine function"):
        blocking.allows(one, **ONCE, on_limit_exceeded=exceeded)
    with pytest.raises(TypeError, match="coroutine function"):
        blocking.run(one, handled, **ONCE)
    assert list(blocking.storage.keys()) == []


def test_what_was_stored_before_counts(timed: Any, seen: Any, clock: Clock) -> None:
    seen.set("rl:cmd:77", [clock.ms - 1, clock.ms])

    assert timed.allows(event(), limit=2, window=60, id="cmd") is False
    assert timed.allows(event(), **OFTEN, id="cmd") is True
    assert seen.get("rl:cmd:77") == [clock.ms - 1, clock.ms, clock.ms]


def test_null_is_no_list_and_no_mistake(timed: Any, seen: Any, clock: Clock) -> None:
    seen.set("rl:default:77", None)
    assert timed.allows(event(), **ONCE) is True
    assert seen.get("rl:default:77") == [clock.ms]


@pytest.mark.parametrize("value", [{}, 5, "5", [1, "2"], [None], [True], {"hits": 1}])
def test_what_is_no_list_of_moments_is_told_and_stays(timed: Any, seen: Any, value: Any) -> None:
    """GramIO begins anew where there is no list."""
    seen.set("rl:default:77", value)
    with pytest.raises(CorruptValueError) as caught:
        timed.allows(event(), **ONCE)

    assert caught.value.key == "rl:default:77"
    assert seen.get("rl:default:77") == value


def test_what_can_not_be_used_is_refused_before_anything_is_written(
    limits: Callable[..., Any], timed: Any, seen: Any
) -> None:
    async def key_of(told: Any) -> str:
        return "k"

    for limit, window, kind in ((-1, 60, ValueError), (1.5, 60, TypeError), (1, 0, ValueError)):
        for told in (event(), SimpleNamespace()):
            with pytest.raises(kind):
                timed.check(told, limit=limit, window=window)
    for key in (key_of, "k"):
        with pytest.raises(TypeError):
            limits(key=key)
    assert list(seen.keys()) == []


def test_what_is_no_function_is_called_by_its_name(
    limits: Callable[..., Any], timed: Any, seen: Any
) -> None:
    for name in ("key", "on_limit_exceeded"):
        with pytest.raises(TypeError, match=f"^{name} must be a function, not int"):
            limits(**{name: 5})
    with pytest.raises(TypeError, match="on_limit_exceeded must be a function, not int"):
        timed.allows(event(), **OFTEN, on_limit_exceeded=5)
    with pytest.raises(TypeError, match="handler must be a function, not int"):
        timed.run(event(), 5, **OFTEN)
    assert list(seen.keys()) == []


def test_rate_limits_say_where_they_are_and_nobody_whom_they_are_for(timed: Any) -> None:
    timed.check(event(), **OFTEN)

    assert repr(timed) == "<RateLimits of memory>"


def test_a_list_on_a_server_ends_with_its_last_window(
    half: Any, limits: Callable[..., Any], drive: Callable[[Any], Any], valkey: Server
) -> None:
    """GramIO's never does. Who counts the same for longer is not cut short."""
    store = half.redis_storage(valkey.url)
    drive(store)
    once = limits(storage=store)
    once.check(event(), limit=5, window=60)
    assert 59_000 < valkey.call("PTTL", "rl:default:77") <= 60_000
    once.check(event(), limit=5, window=10)
    assert 59_000 < valkey.call("PTTL", "rl:default:77") <= 60_000
    once.check(event(), limit=5, window=90)
    assert 89_000 < valkey.call("PTTL", "rl:default:77") <= 90_000
    assert valkey.call("GET", "rl:default:77").count(b",") == 2
    valkey.call("SET", "rl:default:77", "")  # as undefined is written
    assert once.check(event(), limit=1, window=60) is None
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
    store = half.redis_storage(valkey.url)
    seen = drive(store)
    limits(storage=store).check(event(), **ONCE)

    assert abs(seen.get("rl:default:77")[0] - valkey.time_ms()) < 5000
    valkey.call("FLUSHALL")
