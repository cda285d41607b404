"""What holds while a store does not answer, and that nobody waits for it again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import storage
import storage.aio
from storage import OutcomeUnknownError, RateLimitedError, UnavailableError
from storage.core.breaker import Breaker
from storage.testing import Bridge
from tests.day import mostly
from tests.fault import faults
from tests.fault.ground import Crew
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import url
from tests.limits.standing import passed
from tests.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.timed

POLICIES = ("allow", "deny", "local")
TIMEOUT = 5.0
"""How long a store waits for an answer that nobody is in a hurry for."""

SOON = 0.5
"""What a check takes at the most, on a busy machine, where the store does not answer."""


@pytest.fixture
def store(half: Any, bridge: Bridge, proxy: Proxy, valkey: Server) -> Iterator[Any]:
    """A store behind a proxy, whose connection is warm and whose scripts are known."""
    store = half.RedisStorage(url(proxy, timeout=TIMEOUT))
    bridge.driven(half.RateLimiter(store, "5/h")).hit("warm")
    yield store
    proxy.mend()
    bridge.driven(store).close()
    valkey.call("FLUSHALL")


@pytest.fixture
def limiter(half: Any, bridge: Bridge, store: Any) -> Callable[..., Any]:
    def make(*limits: Any, **options: Any) -> Any:
        return bridge.driven(half.RateLimiter(store, *limits, **options))

    return make


@contextmanager
def soon(seconds: float = SOON) -> Iterator[None]:
    """What is in the block takes no longer than that."""
    begun = time.monotonic()
    try:
        yield
    finally:
        assert time.monotonic() - begun < seconds


def gone(proxy: Proxy) -> None:
    """Nobody listens."""
    proxy.refuse()
    proxy.cut()


def hanging(proxy: Proxy) -> None:
    """What is asked goes nowhere, and who connects anew waits as well."""
    proxy.always(faults.Blackhole())


def broken(proxy: Proxy) -> None:
    """What is asked is done, and no answer comes."""
    proxy.always(faults.Swallow())


DAYS = {"gone": gone, "hanging": hanging, "broken": broken}


@pytest.fixture(params=DAYS)
def bad_day(request: pytest.FixtureRequest, proxy: Proxy) -> Callable[[], None]:
    """Makes the store one that does not answer."""
    return lambda: DAYS[request.param](proxy)


@pytest.mark.parametrize("policy", POLICIES)
def test_while_the_store_does_not_answer_the_policy_holds(
    policy: Any, limiter: Callable[..., Any], bad_day: Callable[[], None]
) -> None:
    limited = limiter("2/h", on_error=policy)
    limited.hit("k")
    bad_day()
    with soon():
        verdict = limited.hit("k")

    assert bool(verdict) is (policy != "deny")
    assert isinstance(verdict.error, (UnavailableError, OutcomeUnknownError))
    assert (verdict.reset_at is None) is (policy != "local")
    if policy != "local":
        assert (verdict.remaining, verdict.retry_after, verdict.refused_by) == (0, 0, None)
        assert "the store did not decide" in repr(verdict)
        assert not verdict.is_first_refusal


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "ask",
    [
        lambda limited: limited.hit("k"),
        lambda limited: limited.peek("k"),
        lambda limited: limited.acquire("k"),
        lambda limited: limited.hit_many(["k"])[0],
    ],
    ids=["hit", "peek", "acquire", "hit_many"],
)
def test_whatever_asks_goes_by_the_policy(
    policy: Any, ask: Any, limiter: Callable[..., Any], proxy: Proxy
) -> None:
    limited = limiter("2/h", on_error=policy)
    hanging(proxy)
    for _ in range(2):
        with soon():
            verdict = ask(limited)
        assert bool(verdict) is (policy != "deny")
        assert verdict.error is not None


def test_who_raises_raises_at_each_call(half: Any, bridge: Bridge, proxy: Proxy) -> None:
    store = half.RedisStorage(url(proxy, timeout=0.3))
    limited = bridge.driven(half.RateLimiter(store, "2/h"))
    calls: list[Callable[[], Any]] = [
        lambda: limited.hit("k"),
        lambda: limited.peek("k"),
        lambda: limited.acquire("k"),
        lambda: limited.hit_many(["k", "l"]),
        lambda: limited.explain("k"),
        lambda: limited.reset("k"),
        lambda: limited.block("k"),
        lambda: limited.refund("k"),
    ]
    gone(proxy)
    for call in (*calls, *calls):
        with pytest.raises(UnavailableError), soon(0.3 + SOON):
            call()
    proxy.mend()
    until(lambda: left(limited) is not None)
    limited.reset("k")
    for call in calls[:6]:
        call()
    bridge.driven(store).close()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_store_that_was_never_there_is_known_soon(
    policy: Any, half: Any, bridge: Bridge, proxy: Proxy
) -> None:
    gone(proxy)
    store = half.RedisStorage(url(proxy, timeout=TIMEOUT))
    limited = bridge.driven(half.RateLimiter(store, "9/h", on_error=policy))
    for _ in range(3):
        with soon():
            assert bool(limited.hit("k")) is (policy != "deny")
    bridge.driven(store).close()


def test_without_a_policy_a_check_has_the_time_of_the_store(
    limiter: Callable[..., Any], proxy: Proxy
) -> None:
    limited = limiter("2/h")
    proxy.always(faults.Delay(reply=0.3))

    assert limited.hit("k")


def test_a_check_takes_its_budget_and_no_more(limiter: Callable[..., Any], proxy: Proxy) -> None:
    limited = limiter("2/h", on_error="allow", budget=0.2)
    proxy.always(faults.Delay(reply=0.05))
    assert limited.hit("k").error is None
    proxy.mend()
    hanging(proxy)
    begun = time.monotonic()
    assert limited.hit("k").error is not None
    assert 0.2 <= time.monotonic() - begun < 0.2 + SOON


@pytest.mark.parametrize("policy", POLICIES)
def test_later_checks_do_not_ask(
    policy: Any, limiter: Callable[..., Any], proxy: Proxy, half: Any
) -> None:
    """The first one tells the breaker, which lets somebody ask again after 0.1 s and longer."""
    limited = limiter(half.Limit(1000, 60), on_error=policy)
    gone(proxy)
    limited.hit("k")
    proxy.mend()
    tried = proxy.connections
    with soon(0.09):
        verdicts = [limited.hit(f"{number}") for number in range(20)]
        verdicts += limited.hit_many(["a", "b"])
        verdicts += [limited.peek("a"), limited.acquire("a")]
        if policy == "deny":
            assert not any(verdicts)
        else:
            assert all(verdicts)
        assert proxy.connections == tried
    assert all(
        "was not asked" in str(one.error) or "moment ago" in str(one.error) for one in verdicts
    )


@pytest.mark.parametrize("half", mostly(storage))
def test_who_asks_again_is_one_and_asks_less_and_less_often(
    limiter: Callable[..., Any], proxy: Proxy
) -> None:
    limited = limiter("1000/h", on_error="allow")
    hanging(proxy)
    begun = time.monotonic()
    took = []
    while time.monotonic() - begun < 1:
        asked = time.monotonic()
        limited.hit("k")
        took.append(time.monotonic() - asked)
        time.sleep(0.001)

    # After 0.1, 0.2, 0.4 and 0.8 s, and each time what one may take.
    assert 2 <= sum(one > 0.03 for one in took) <= 4


def test_when_the_store_is_back_it_decides_again(
    limiter: Callable[..., Any], bad_day: Callable[[], None], proxy: Proxy
) -> None:
    limited = limiter("2/h", on_error="deny")
    bad_day()
    assert limited.hit("other").error
    proxy.mend()
    with soon(3):
        until(lambda: limited.peek("k").error is None, pause=0.01)

    assert passed(limited, 3, "k") == 2
    assert limited.peek("k").error is None


def test_a_server_that_is_restarted_decides_again(
    half: Any, bridge: Bridge, valkey: Server
) -> None:
    store = half.RedisStorage(url(valkey, timeout=TIMEOUT))
    limited = bridge.driven(half.RateLimiter(store, "2/h", on_error="allow"))
    assert passed(limited, 3, "k") == 2
    valkey.kill()
    with soon():
        assert limited.hit("other").error
    valkey.restart()
    with soon(6):
        until(lambda: limited.peek("other").error is None, pause=0.01)
    assert passed(limited, 3, "other") == 2
    bridge.driven(store).close()


def test_who_waits_for_a_server_that_stopped_is_answered_by_the_policy(
    half: Any, bridge: Bridge, valkey: Server
) -> None:
    store = half.RedisStorage(url(valkey, timeout=TIMEOUT))
    limited = bridge.driven(half.RateLimiter(store, "2/h", on_error="deny"))
    limited.hit("k")
    valkey.pause()
    with soon():
        assert not limited.hit("k")
    with soon(0.09):
        assert not limited.hit("k")
    valkey.resume()
    until(lambda: limited.peek("k").error is None, pause=0.01)
    bridge.driven(store).close()


def test_limiters_of_one_store_share_what_they_know(
    half: Any, bridge: Bridge, store: Any, proxy: Proxy
) -> None:
    """Also those of a namespace or a layer, and nobody else."""
    other_store = half.RedisStorage(url(proxy, timeout=TIMEOUT))
    stores = [store, store.namespace("a"), store.typed(dict), other_store]
    first, second, third, other = (
        bridge.driven(half.RateLimiter(one, "9/h", on_error="allow")) for one in stores
    )
    other.hit("warm")
    gone(proxy)
    assert first.hit("k").error
    proxy.mend()
    tried = proxy.connections

    assert second.hit("k").error
    assert third.hit("k").error
    assert proxy.connections == tried
    assert other.hit("k").error is None
    until(lambda: first.peek("k").error is None, pause=0.01)
    assert second.hit("k").error is None
    bridge.driven(other_store).close()


def test_a_limiter_that_raises_asks_always_and_tells_the_others(
    limiter: Callable[..., Any], proxy: Proxy
) -> None:
    raising, allowing = limiter("9/h", budget=0.05), limiter("9/h", on_error="allow")
    gone(proxy)
    with pytest.raises(UnavailableError):
        raising.hit("k")
    proxy.mend()
    tried = proxy.connections
    assert "was not asked" in str(allowing.hit("k").error)
    assert proxy.connections == tried

    assert raising.hit("k")
    assert allowing.hit("k").error is None


def test_local_limits_count_the_share_of_a_worker(
    half: Any, limiter: Callable[..., Any], proxy: Proxy
) -> None:
    limits = half.Limit(12, 3600), half.Limit(9, 3600, algorithm="gcra", burst=8, name="gcra")
    limited = limiter(*limits, on_error="local", workers=4)
    alone = limiter(half.Limit(3, 3600, name="alone"), on_error="local")
    few = limiter(half.Limit(2, 3600, name="few"), on_error="local", workers=4)
    hanging(proxy)

    assert passed(limited, 9, "k") == 2
    assert passed(limited, 9, "other") == 2
    assert passed(alone, 9, "k") == 3
    assert passed(few, 9, "k") == 1
    refused = limited.hit("k")
    assert (refused.remaining, refused.refused_by) == (0, limits[1])
    assert 0 < refused.retry_after <= 1800
    assert refused.error is not None


def test_local_limits_are_no_reason_to_refuse_for_ever(
    half: Any, limiter: Callable[..., Any], proxy: Proxy
) -> None:
    """What costs more than a share costs a whole one."""
    limited = limiter(half.Limit(8, 3600), on_error="local", workers=4)
    hanging(proxy)

    assert [bool(limited.hit("k", cost=8)) for _ in range(2)] == [True, False]
    assert limited.hit_many(["a"], cost=5)[0]


def test_a_local_refusal_is_not_remembered_when_the_store_is_back(
    half: Any, limiter: Callable[..., Any], proxy: Proxy
) -> None:
    limited = limiter(half.Limit(4, 3600), on_error="local", workers=4, remember=3600)
    hanging(proxy)
    assert passed(limited, 4, "k") == 1
    proxy.mend()
    until(lambda: limited.peek("other").error is None, pause=0.01)

    assert passed(limited, 9, "k") == 4


def test_a_refusal_that_is_remembered_holds_without_the_store(
    limiter: Callable[..., Any], proxy: Proxy
) -> None:
    limited = limiter("1/h", on_error="allow", remember=60)
    passed(limited, 2, "k")
    gone(proxy)

    verdict = limited.hit("k")
    assert (bool(verdict), verdict.error) == (False, None)
    assert limited.hit("other").error is not None


def test_an_unknown_outcome_counts_as_spent_and_says_so(
    half: Any, bridge: Bridge, store: Any, limiter: Callable[..., Any], proxy: Proxy
) -> None:
    """It is never sent twice: the server was asked once, and did count."""
    limited = limiter("3/h", budget=0.1)
    verdict = limited.hit("k")
    asked = len(proxy.commands)
    proxy.next(faults.Swallow())
    with pytest.raises(OutcomeUnknownError, match="it counts as spent") as told:
        limited.hit("k")
    assert told.value.key == "k"
    assert len(proxy.commands) == asked + 1
    until(lambda: left(limited) == 1)
    allowing = limiter("3/h", on_error="allow", budget=0.1)
    proxy.next(faults.Swallow())
    error = allowing.hit("k").error
    assert isinstance(error, OutcomeUnknownError)
    assert "it counts as spent" in str(error)
    until(lambda: left(limited) == 0)
    limited.refund(verdict)
    assert left(limited) == 1


def left(limited: Any) -> Any:
    try:
        return limited.peek("k").remaining
    except UnavailableError:
        return None


def test_what_was_allowed_without_the_store_is_not_given_back_to_it(
    limiter: Callable[..., Any], proxy: Proxy
) -> None:
    limited = limiter("3/h", on_error="local")
    passed(limited, 3, "k")
    gone(proxy)
    verdict = limited.hit("k")
    assert verdict.error
    proxy.mend()
    until(lambda: limited.peek("k").error is None, pause=0.01)
    limited.refund(verdict)

    assert not limited.hit("k")


def test_bad_data_is_told_whatever_the_policy(
    half: Any, bridge: Bridge, store: Any, valkey: Server
) -> None:
    for policy in ("raise", *POLICIES):
        limited = bridge.driven(half.RateLimiter(store, "1/h", on_error=policy))
        limited.reset("k")
        limited.hit("k")
        (name,) = (one for one in valkey.call("KEYS", "*~limit~*") if b"warm" not in one)
        valkey.call("SET", name, b"garbage")
        with pytest.raises(storage.CorruptValueError, match="'k'"):
            limited.hit("k")
        valkey.call("DEL", name)
        valkey.call("LPUSH", name, "x")
        with pytest.raises(storage.WrongTypeError, match="'k'"):
            limited.hit("k")
        valkey.call("DEL", name)


def test_a_store_that_answers_with_bad_data_is_back(
    limiter: Callable[..., Any], proxy: Proxy, valkey: Server
) -> None:
    limited = limiter("9/h", on_error="deny")
    limited.hit("bad")
    (name,) = (one for one in valkey.call("KEYS", "*~limit~*") if b"warm" not in one)
    valkey.call("SET", name, b"garbage")
    for ask in (lambda: limited.hit("bad"), lambda: limited.hit_many(["bad"])):
        hanging(proxy)
        assert limited.hit("k").error
        proxy.mend()
        time.sleep(0.6)
        with pytest.raises(storage.CorruptValueError):
            ask()
        assert limited.hit("k").error is None


def test_a_limited_function_goes_by_the_policy(
    half: Any, bridge: Bridge, store: Any, proxy: Proxy
) -> None:
    made = {
        policy: half.RateLimiter(store, "9/h", on_error=policy).limited(key="user")(
            lambda user: user
        )
        for policy in ("allow", "deny")
    }
    gone(proxy)

    assert bridge.call(lambda: made["allow"](5)) == 5
    with pytest.raises(RateLimitedError, match="the store did not decide"):
        bridge.call(lambda: made["deny"](5))


LONGER = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0)


def test_a_breaker_lets_one_ask_after_longer_and_longer() -> None:
    breaker = Breaker()
    assert breaker.lets_ask(100)
    now, pauses = 100.0, []
    for _ in range(8):
        breaker.failed(now, now)
        breaker.failed(now - 0.001, now)  # who asked at the same time
        assert not breaker.lets_ask(now)
        pause = next(one for one in LONGER if breaker.lets_ask(now + one))
        pauses.append(pause)
        now += pause
        assert not breaker.lets_ask(now), "one asks for all"
    assert pauses == [*LONGER, LONGER[-1]]
    breaker.worked()
    assert breaker.lets_ask(now)
    breaker.failed(now, now)
    assert breaker.lets_ask(now + 0.1)


def test_of_two_who_come_at_the_same_moment_one_asks() -> None:
    """The other one comes in the middle of the question of the first."""
    breaker, told = Breaker(), []
    breaker.failed(100, 100)

    class Moment(float):
        def __lt__(self, other: float) -> bool:
            told.append(breaker.lets_ask(float(self)))
            return float(self) < other

    told.append(breaker.lets_ask(Moment(101)))
    assert sorted(told) == [False, True]


def test_where_who_asks_never_tells_another_one_asks_later() -> None:
    """A task may be cancelled while it asks for all."""
    breaker = Breaker()
    breaker.failed(100, 100)
    for moment in (101.0, 102.0, 103.0):
        assert breaker.lets_ask(moment)
        assert not breaker.lets_ask(moment)


def test_little_of_the_time_is_lost_to_a_store_that_fails_slowly() -> None:
    """Each of those who ask waits for half a second, which is all that is lost of a minute."""
    breaker, now, lost = Breaker(), 0.0, 0.0
    while now < 60:
        if breaker.lets_ask(now):
            breaker.failed(now, now + 0.55)
            lost += 0.55
            now += 0.55
        now += 0.01
    assert lost < 0.11 * 60


@pytest.mark.parametrize("half", mostly(storage.aio))
def test_who_is_let_through_to_a_store_that_hangs_waits_for_no_more_than_half_a_second(
    limiter: Callable[..., Any], proxy: Proxy
) -> None:
    """The connection that is made anew has a time of its own, and the store's is much longer."""
    limited = limiter("1000/h", on_error="allow")
    limited.hit("k")
    hanging(proxy)
    lost, begun = 0.0, time.monotonic()
    while time.monotonic() < begun + 4:
        asked = time.monotonic()
        assert limited.hit("k")
        lost += time.monotonic() - asked
        time.sleep(0.01)
    assert lost < 1.5


@pytest.mark.parametrize("half", mostly(storage))
def test_of_a_crowd_one_asks(limiter: Callable[..., Any], proxy: Proxy) -> None:
    """When the time has come to look again, the others are answered at once."""
    limited = limiter("1000/h", on_error="allow", budget=0.3)
    hanging(proxy)
    limited.hit("k")
    time.sleep(9 * 0.3 + 0.1)
    took: list[float] = []

    def work() -> None:
        begun = time.monotonic()
        limited.hit("k")
        took.append(time.monotonic() - begun)

    Crew(*[work] * 8).join()
    assert sum(one > 0.25 for one in took) == 1
